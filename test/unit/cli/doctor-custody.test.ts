/** What `doctor` says of custody: each point at which a ceremony gets stuck, with what differs and the next step. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { HostError } from '../../../src/base/errors.ts'
import { bytesOfDigest, type Digest, keyOfNodeId, type NodeId } from '../../../src/base/ids.ts'
import {
  type CustodyQuestions,
  custodyFindings,
  type RunningNode,
} from '../../../src/cli/custody-findings.ts'
import { planOf, requestOf } from '../../../src/cli/genesis-request.ts'
import { containerFinding, recordFinding } from '../../../src/cli/host-findings.ts'
import type { CustodyApi } from '../../../src/node/custody-api.ts'
import { carriedShareCodec } from '../../../src/wire/custody.ts'
import type { FakeNode } from '../../fakes/node.ts'
import { recordOf, Writer } from '../../fixtures/audit.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { publicPart, testHolders } from '../../fixtures/holders.ts'
import { served } from '../api/served.ts'

type View = ReturnType<CustodyApi['view']>

const manifest = 'ab'.repeat(32) as Digest
const holders = testHolders(3)
const waiting: View = {
  phase: 'WaitingForQuorumShards',
  namespace: { name: 'orchard', nonce: 7 },
  manifest,
  quorumKey: null,
  shares: { have: 1, need: 2, by: ['member1'] },
  approvals: { have: 0, need: 2, by: [] },
}
const none: CustodyQuestions = { requests: [], shares: [], peers: [] }

async function node(view: Partial<View> = {}): Promise<{ node: FakeNode; running: RunningNode }> {
  const { node, url } = await served()
  const custody: CustodyApi = node.custody
  custody.view = () => ({ ...waiting, ...view })
  custody.attestBoot = async () => ({ kind: 'attestation', attestation: new Uint8Array(300) })
  return { node, running: { http: url, members: [...node.members()] } }
}

async function told(
  running: RunningNode | undefined,
  questions: Partial<CustodyQuestions>,
): Promise<readonly string[]> {
  const found = await custodyFindings(running, { ...none, ...questions })
  for (const { result, next, name } of found) {
    if (result === 'warn' || result === 'fail') expect(next, name).not.toBe('')
  }
  return found.map(({ name, result, text }) => `${name} ${result}: ${text}`)
}

function file(value: unknown): string {
  const path = join(temporaryFolder(), 'file.json')
  writeFileSync(path, JSON.stringify(value))
  return path
}

const flags = { threshold: '2', namespaceName: 'orchard', namespaceNonce: '8', pivotArg: [] }
const request = () => requestOf(holders.map(publicPart), planOf(3, flags), [])

function share(to: NodeId, change: { alias?: string; manifest?: Digest } = {}): number[] {
  const { alias = 'member2' } = change
  return [
    ...carriedShareCodec.encode({
      alias,
      manifest: bytesOfDigest(change.manifest ?? manifest),
      node: keyOfNodeId(to),
      encapsulation: new Uint8Array(1120),
      sealed: new Uint8Array(49),
      approval: new Uint8Array(64),
      manifestApproval: null,
    }),
  ]
}

test('each phase in which a node waits says for what, and how many shares and approvals are in', async () => {
  const { running } = await node()
  expect(await told(running, {})).toEqual([
    'custody warn: 1 of 2 shares and 0 of 2 approvals are in.',
    expect.stringMatching(/^attestation ok: 300 bytes of evidence under the manifest abab/),
  ])
  const phases: readonly (readonly [View['phase'], string])[] = [
    ['WaitingForBootInstruction', 'custody ok: no manifest and no key'],
    ['WaitingForForwardedKey', 'custody warn: It waits for the key of another member.'],
    ['UnrecoverableError', 'custody fail: UnrecoverableError'],
    ['ApplicationReady', 'custody ok: ApplicationReady'],
  ]
  for (const [phase, words] of phases) {
    const { running } = await node({ phase, manifest: null })
    expect(await told(running, {})).toEqual([expect.stringContaining(words)])
  }
})

test('a node whose TEE gives no evidence says why; one in production says nothing to its host, which is no flaw', async () => {
  const { node: fake, running } = await node()
  fake.custody.attestBoot = async () => {
    throw new HostError('QUOTE_FAILED', 'The attester gave no quote.')
  }
  expect((await told(running, {}))[1]).toContain('attestation fail: QUOTE_FAILED')
  const { url } = await served({ opensToHost: false })
  expect(await told({ http: url, members: [] }, {})).toEqual([
    'custody ok: told to the application and listed clients',
  ])
  expect((await told({ http: 'unix:/run/x.sock', members: [] }, {}))[0]).toContain('unknown')
})

test('a genesis request is held against the form, the rules and the namespace of the node', async () => {
  const { running } = await node()
  const good = request()
  const [first, ...others] = good.manifest_members
  if (first === undefined) throw new Error('there are three')
  const short = { ...first, pub_key: first.pub_key.slice(0, 64) }
  const cases: readonly (readonly [object, string])[] = [
    [good, 'request ok: orchard, nonce 8: 2 of 3 rebuild the key, 2 of 3 approve'],
    [
      { ...good, manifest_members: [short, ...others] },
      'manifest_members.0.pub_key: expected a list of 65 to 1248 bytes',
    ],
    [{ ...good, share_threshold: 1 }, 'request fail: THRESHOLD_TOO_LOW'],
    [{ ...good, share_threshold: 4 }, 'request fail: THRESHOLD_TOO_HIGH'],
    [{ ...good, manifest_threshold: 1 }, 'request fail: THRESHOLD_NO_MAJORITY'],
    [{ ...good, share_members: [first, first, ...others] }, 'request fail: ALIAS_TWICE'],
    [{ ...good, namespace_nonce: 7 }, 'LOW_NONCE: the node has orchard with nonce 7'],
    [
      { type: 'ACTIVITY_TYPE_GENESIS_BOOT_V2', parameters: { manifest_members: [] } },
      'parameters.namespace_name',
    ],
    [[], 'request fail: BAD_BODY'],
  ]
  for (const [value, words] of cases) {
    const path = file(value)
    expect((await told(running, { requests: [path] })).at(-1), words).toContain(words)
  }
  expect(await told(undefined, { requests: ['/nonexistent'] })).toEqual([
    expect.stringContaining('request fail: FILE_UNREADABLE'),
  ])
})

test('shares are held against the node that they are for: form, manifest, receiver, holder, threshold', async () => {
  const { node: fake, running } = await node()
  const other = fake.members().find(member => !member.self)?.node ?? fake.id
  const about = async (...values: readonly unknown[]): Promise<readonly string[]> =>
    (await told(running, { shares: values.map(file) })).slice(2)
  expect(await about(share(fake.id))).toEqual([
    expect.stringMatching(/^share ok: .*of member2$/),
    'share ok: 1 of 2 shares are in, and 2 with these.',
  ])
  expect((await about(share(other)))[0]).toContain(`SHARE_FOR_ANOTHER_NODE: for ${other}`)
  const foreign = share(fake.id, { manifest: 'cd'.repeat(32) as Digest })
  expect((await about(foreign))[0]).toContain('MANIFEST_MISMATCH: under cdcd')
  const known = share(fake.id, { alias: 'member1' })
  expect((await about(known))[0]).toContain('SHARE_TWICE: the node has that of member1')
  expect((await about(known)).at(-1)).toBe('share warn: 1 of 2 shares are in, and 1 with these.')
  expect((await about(share(fake.id), share(fake.id)))[1]).toContain('SHARE_TWICE')
  expect((await about([...new Uint8Array(33)]))[0]).toContain('SHARE_IN_CLEAR')
  expect((await about([...new Uint8Array(200)]))[0]).toContain('SHARE_MALFORMED')
  expect((await about('AQID'))[0]).toContain('no list of numbers')
})

test('two nodes hand the key on only under one manifest, and as members of each other', async () => {
  const { node: fake, running } = await node()
  const peer = await node()
  const member = fake.members().find(({ self }) => !self)
  if (member === undefined) throw new Error('there is one')
  const ask = async (members: RunningNode['members']): Promise<string | undefined> =>
    (await told({ ...running, members }, { peers: [peer.running.http] })).at(-1)
  const known = { ...member, node: peer.node.id }
  expect(await ask([known])).toContain('peer ok')
  expect(await ask([])).toContain('peer fail: NOT_A_MEMBER')
  expect(await ask([{ ...known, connected: false }])).toContain('is not connected')
  peer.node.custody.view = () => ({ ...waiting, manifest: 'cd'.repeat(32) as Digest })
  expect(await ask([known])).toContain(`DIFFERENT_MANIFEST: ${manifest} (orchard 7) here, cdcd`)
  peer.node.custody.view = () => ({ ...waiting, manifest: null })
  expect(await ask([known])).toContain('The manifest is not shared')
  expect((await told(running, { peers: ['http://127.0.0.1:1'] })).at(-1)).toContain('NOT_RUNNING')
})

test('files are looked at without a node, by the command, and what is wrong ends with 1', async () => {
  const [bad, good] = [file({}), file(request())]
  const dir = temporaryFolder()
  const { code, out } = await coterie([
    ...['doctor', '--data-dir', dir, '--json', '--request', bad, '--request', good],
    ...['--share', file([...new Uint8Array(33)]), '--peer', 'http://127.0.0.1:1'],
  ])
  const found: readonly { name: string; result: string }[] = JSON.parse(out).findings
  const about = found.filter(({ name }) => /^(request|share|peer)$/.test(name))
  expect([code, about.map(({ result }) => result)]).toEqual([1, ['fail', 'ok', 'fail', 'fail']])
})

test('the record of a directory is looked at entry by entry; a kill is no flaw, a changed byte is', async () => {
  const dir = temporaryFolder()
  expect((await recordFinding(dir)).text).toBe('none yet')
  mkdirSync(join(dir, 'audit'))
  const path = join(dir, 'audit', '0000000001.audit')
  const record = recordOf(...new Writer(1).note('started').sign().note('leaving').entries)
  writeFileSync(path, record)
  expect(await recordFinding(dir)).toMatchObject({ result: 'ok' })
  writeFileSync(path, record.subarray(0, -1))
  expect(await recordFinding(dir)).toMatchObject({ result: 'ok' })
  writeFileSync(path, record.with(60, (record[60] ?? 0) ^ 1))
  expect(await recordFinding(dir)).toMatchObject({
    ...{ result: 'warn', text: expect.stringMatching(/^AUDIT_/) },
  })
})

test('a record that cannot be looked into is not said to be none', async () => {
  const dir = temporaryFolder()
  writeFileSync(join(dir, 'audit'), 'no folder')
  expect(await recordFinding(dir)).toMatchObject({
    ...{ result: 'warn', text: expect.stringContaining('cannot be read') },
  })
})

test('a daemon of containers that does not answer is said, one that does or none at all is well', async () => {
  const socket = join(temporaryFolder(), 'docker.sock')
  expect((await containerFinding(socket)).result).toBe('ok')
  writeFileSync(socket, '')
  const inside = (await containerFinding('/nonexistent')).text.includes('inside of one')
  expect((await containerFinding(socket)).result).toBe(inside ? 'ok' : 'fail')
  const alive = join(temporaryFolder(), 'docker.sock')
  const server = createServer().listen(alive)
  onTestFinished(() => void server.close())
  expect((await containerFinding(alive)).result).toBe('ok')
})
