/**
 * A quorum key whose seed the test knows, through every route of three real nodes at their loudest: it is found nowhere but with the holders.
 * Looked at are replies, logs, standard output, metrics, command lines, environments, all files of the nodes, and what went between them.
 */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { heldShareContext } from '../../src/attestation/custody/genesis-output.ts'
import { openAsHolder } from '../../src/attestation/custody/holder-key.ts'
import { Secret } from '../../src/base/secret.ts'
import { parseGenesis } from '../../src/cli/genesis-file.ts'
import { QuorumKeys } from '../../src/crypto/quorum-keys.ts'
import { combineShares } from '../../src/crypto/secret-shares.ts'
import { readHolderKeyFile } from '../../src/host/holder-key-file.ts'
import type { NodeSlot } from '../../testnet/network.ts'
import { Circle, phaseOf, urlOf } from '../fixtures/circle.ts'
import { until } from '../fixtures/patience.ts'
import { foundIn, type Sought, spelled, spellingNames } from '../fixtures/spellings.ts'

let circle: Circle
const name = 'canary'
/** Every answer of a node, as it came. */
const replies: string[] = []

beforeAll(async () => {
  circle = await Circle.open(3)
})
afterAll(() => circle.close())

// biome-ignore lint/suspicious/noExplicitAny: the steps look into answers as jq does.
type Json = any

async function tell(slot: NodeSlot, path: string, body?: unknown, method = 'POST'): Promise<Json> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(new URL(path, urlOf(slot)), {
    signal: AbortSignal.timeout(60_000),
    ...(body !== undefined && {
      method,
      body: text,
      headers: { 'content-type': 'application/json' },
    }),
  })
  const reply = await response.text()
  // Put off is not answered.
  if (response.status === 429) {
    await setTimeout(300)
    return await tell(slot, path, body, method)
  }
  replies.push(`${response.status} ${[...response.headers].join(' ')} ${reply}`)
  return response.headers.get('content-type')?.includes('json') === true ? JSON.parse(reply) : reply
}

/** The seed and all shares of what a genesis answered, put together by the holders' own keys. */
async function secretsOf(genesis: Json): Promise<readonly Sought[]> {
  const { output } = parseGenesis('genesis', Buffer.from(JSON.stringify(genesis)))
  const shares: Secret[] = []
  for (const [i, { sealed }] of output.shares.entries()) {
    const holder = output.manifest.shareSet.members[i]
    using keys = await (await readHolderKeyFile(circle.keyFile(i + 1))).open(undefined)
    const share = holder && openAsHolder(sealed, heldShareContext(output.manifest, holder), keys)
    if (share === undefined) throw new Error('a holder opens its share')
    shares.push(share)
  }
  const seed = await combineShares(shares.slice(0, 2))
  if (seed === undefined) throw new Error('two shares are enough')
  const copies = [seed, ...shares].map(secret => secret.use(bytes => bytes.slice()))
  const keys = QuorumKeys.of(new Secret(copies[0]?.slice() ?? new Uint8Array()))
  // The control of all that follows: this is the seed of the key that the nodes hold.
  expect([...(keys?.publicKey ?? [])]).toEqual(genesis.quorum_public_key)
  return copies.map((bytes, i) => ({ name: i === 0 ? 'seed' : `share ${i}`, bytes }))
}

function bytesIn(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    // A store that is in use takes files away.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Every file below a folder, and its bytes. */
function filesIn(path: string): readonly { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map(file => join(path, file))
    .filter(file => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
    .flatMap(file => {
      const bytes = bytesIn(file)
      return bytes === undefined ? [] : [{ path: file, bytes }]
    })
}

/** All that the outside of the nodes has, by its name. */
function outside(): readonly { readonly path: string; readonly bytes: Buffer }[] {
  const processes = circle.network.testnet.running().flatMap(({ pid }) =>
    ['cmdline', 'environ', 'status', 'comm'].map(what => {
      const path = `/proc/${pid}/${what}`
      return { path, bytes: readFileSync(path) }
    }),
  )
  const said = replies.map((reply, i) => ({ path: `reply ${i}`, bytes: Buffer.from(reply) }))
  return [...filesIn(circle.network.folder.path), ...processes, ...said]
}

const findings = (secrets: readonly Sought[]) =>
  outside().flatMap(({ path, bytes }) => foundIn(bytes, secrets).map(found => ({ path, ...found })))

/** Every other route, with what fits and with what does not; `plain` is a share in clear, as careless people bring it. */
async function useAll(slot: NodeSlot, other: NodeSlot, plain: Uint8Array): Promise<void> {
  const hex = Buffer.from(plain).toString('hex')
  const clear = { namespace_name: name, namespace_nonce: 12345 }
  for (const decrypted_share of [[...plain], [...plain].slice(0, 20), hex, { secret: hex }]) {
    await tell(slot, '/enclave/inject-shares', {
      ...clear,
      shares: [{ member_alias: 'member1', decrypted_share }],
    })
  }
  await tell(slot, '/enclave/inject-shares', `{"shares": [${[...plain].join(', ')}`)
  await tell(slot, `/enclave/inject-shares?share=${hex}`, { shares: hex })
  await tell(slot, `/enclave/${hex}`, { share: hex })
  await tell(slot, '/enclave/genesis-boot', circle.requestFor(name))
  await tell(slot, '/enclave/genesis-output')
  await tell(slot, '/enclave/boot-standard', { manifest_envelope: { manifest: 1, approvals: 2 } })
  const key = { encrypted_quorum_key: [...plain], signature: new Array(64).fill(0) }
  for (const each of [slot, other]) await tell(each, '/enclave/inject-key', key)
  await tell(slot, '/enclave/export-key', {
    manifest_envelope: { manifest: {}, approvals: [] },
    attestation_doc: [...plain],
  })
  const message = [...Buffer.from('a message')]
  for (const suite of ['p256', 'ed25519', hex]) {
    await tell(slot, '/enclave/sign-message', { message, suite })
  }
  const sealed = await tell(slot, '/enclave/encrypt-data', { data: message })
  const { encrypted_data } = sealed.result.EncryptDataResponse
  await tell(slot, '/enclave/decrypt-data', { encrypted_data })
  await tell(slot, '/enclave/decrypt-data', { encrypted_data: message })
  const words = await tell(slot, '/generate-seed', { seed_type: 'a', seed_data: 'b' })
  await tell(slot, '/generate-seed', {})
  await tell(slot, '/validate-seed', { seed_phrase: words.seed_phrase })
  await tell(slot, '/validate-seed', { seed_phrase: hex })
  await tell(slot, '/derive-key', { path: 'm/0' })
  await tell(slot, '/enclave/recover', { state_root: null })
  const reads = ['/enclave/recovery', '/enclave/info', '/health', '/metrics', '/v1/status']
  const more = ['/v1/members', '/v1/events?follow=false', '/v1/manifest', '/v1/audit']
  for (const path of [...reads, ...more]) await tell(slot, path)
}

test('the seed of a quorum key and its shares are found nowhere outside of nodes and holders, whatever is asked of them', async () => {
  const [first, second, third] = [0, 1, 2].map(i => circle.network.testnet.slot(i)) as [
    NodeSlot,
    NodeSlot,
    NodeSlot,
  ]
  for (const slot of [first, second, third]) {
    expect(await tell(slot, '/v1/log-level', { level: 'debug' }, 'PUT')).toEqual({ level: 'debug' })
  }
  const genesis = await tell(first, '/enclave/genesis-boot', circle.requestFor(name))
  const secrets = await secretsOf(genesis)
  for (const { name: run, bytes } of secrets) {
    for (const spelling of spellingNames) {
      circle.network.testnet.relays.plant({
        name: `${run} ${spelling}`,
        bytes: spelled(bytes, spelling),
      })
    }
  }
  const file = circle.save('genesis.json', genesis)
  const plain = secrets[1]?.bytes ?? new Uint8Array()
  const [one, two] = [await circle.share(1, file), await circle.share(2, file)]
  const namespace = { namespace_name: name, namespace_nonce: 12345 }
  await tell(first, '/enclave/inject-shares', { ...namespace, shares: [one] })
  const done = await tell(first, '/enclave/inject-shares', { ...namespace, shares: [two, one] })
  expect(done.reconstructed_quorum_key).toEqual(genesis.quorum_public_key)
  for (const slot of [second, third]) {
    const { manifest_envelope } = genesis
    await tell(slot, '/enclave/share-manifest', { manifest_envelope })
    await until(async () => (await phaseOf(slot)) === 'ApplicationReady')
  }
  await first.api.set('public/a', { text: 'b' })
  await useAll(first, second, plain)
  // What is sealed to the quorum lies on every disk by now.
  const hasRecord = (slot: NodeSlot) =>
    filesIn(slot.folder.data).some(({ bytes }) => bytes.includes('recovery-record'))
  await until(() => [first, second, third].every(hasRecord))

  expect(replies.length).toBeGreaterThan(40)
  for (const slot of [first, second, third]) {
    expect(readFileSync(slot.folder.log, 'utf8')).toContain('KEY_PROVISIONED')
  }
  expect(findings(secrets)).toEqual([])
  expect(circle.network.testnet.relays.plantedSeen()).toEqual([])
  // The search finds each of them, written in any way, in the same places.
  for (const spelling of spellingNames) {
    for (const { name: secret, bytes } of secrets) {
      const planted = join(first.folder.data, 'planted')
      writeFileSync(planted, Buffer.concat([Buffer.alloc(777, 'x'), spelled(bytes, spelling)]))
      expect(findings(secrets)).toContainEqual(
        expect.objectContaining({ path: planted, name: secret }),
      )
      rmSync(planted)
    }
  }
  replies.push(`an answer with ${Buffer.from(plain).toString('base64')}`)
  const seen = new Set(findings(secrets).map(({ path }) => path))
  expect([...seen]).toEqual([`reply ${replies.length - 1}`])
})

test('no node writes its memory down: not asked by an option, not asked by a signal', async () => {
  const { testnet } = circle.network
  const loud = /heapsnapshot|heap-prof|report-on|diagnostic|inspect|cpu-prof|abort-on/
  for (const { pid } of testnet.running()) {
    for (const what of ['cmdline', 'environ']) {
      expect(readFileSync(`/proc/${pid}/${what}`, 'utf8')).not.toMatch(loud)
    }
  }
  const slot = testnet.slot(2)
  const { pid } = testnet.running().find(each => each.name === slot.name) ?? { pid: 0 }
  const cwd = `/proc/${pid}/cwd`
  const before = new Set(readdirSync(cwd))
  process.kill(pid, 'SIGUSR2')
  await until(() => !testnet.isRunning(slot))
  const written = [
    ...readdirSync(process.cwd()),
    ...filesIn(circle.network.folder.path).map(f => f.path),
  ]
  expect(written.filter(path => /heapsnapshot|core(\.\d+)?$|report\.\d/.test(path))).toEqual([])
  expect(readdirSync(process.cwd()).filter(entry => !before.has(entry))).toEqual([])
})
