/** Custody in whole nodes over a fake network: the machine's deeds are done, and its refusals reach who asked. */
import { base64 } from '@scure/base'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { encodeCustodyEnvelope } from '../../../src/attestation/custody/approvals.ts'
import {
  custodyManifestHash,
  type GenesisTerms,
} from '../../../src/attestation/custody/custody-manifest.ts'
import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { HostError } from '../../../src/base/errors.ts'
import { Secret } from '../../../src/base/secret.ts'
import { minutes, seconds } from '../../../src/base/time.ts'
import { sha256 } from '../../../src/crypto/hash.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { membersAt } from '../../../src/protocol/audit/members-at.ts'
import { factOf, verifyRecord } from '../../../src/protocol/audit/verify.ts'
import { carriedShareCodec } from '../../../src/wire/custody.ts'
import { carried, openedShare, termsOf } from '../../fakes/custody-people.ts'
import { Simulation } from '../../fakes/simulation.ts'
import { testHolders } from '../../fixtures/holders.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const holders = testHolders(3)
const code = (error: { code: string }): string => error.code

/** The key of two of three holders in this node; answers the envelope as it left genesis. */
async function provisioned({ custody }: CoterieNode, change: Partial<GenesisTerms> = {}) {
  const terms = termsOf(holders, 2, change)
  const genesis = await simulation.settle(custody.genesisBoot(terms))
  const { envelope, attestation } = genesis
  const { manifest } = envelope
  const shares = holders.slice(0, 2).map(holder => {
    using share = openedShare(holder, genesis)
    const given = carried({ holder, share, manifest, attestation })
    return { alias: holder.alias, share: carriedShareCodec.encode(given) }
  })
  const { namespace } = terms
  const done = await simulation.settle(custody.injectShares({ namespace, shares, approvals: [] }))
  expect(done).toMatchObject({ isProvisioned: true, refused: [] })
  return { bytes: encodeCustodyEnvelope(envelope), hash: custodyManifestHash(manifest) }
}

const named = { named: { type: 'a', data: 'b' } }

test('a node that is told the manifest fetches the key from a member by itself', async () => {
  simulation = new Simulation(1)
  const [first, second, third] = (await simulation.startNetwork(3)).map(({ node }) => node)
  if (!first || !second || !third) throw new Error('three nodes were started')
  const { bytes, hash } = await provisioned(first)
  expect(await simulation.settle(second.custody.shareManifest(bytes))).toEqual({
    kind: 'booted',
    manifest: hash,
  })
  await simulation.until(() => second.custody.view().phase === 'ApplicationReady', minutes(5))
  await simulation.settle(third.custody.shareManifest(bytes))
  await simulation.until(() => third.custody.view().phase === 'ApplicationReady', minutes(5))
  const words = new Set([first, second, third].map(node => node.custody.mnemonic(named)))
  expect(words.size).toBe(1)
  expect(first.custody.mnemonic({ named: null, strength: 128 }).split(' ')).toHaveLength(12)
  expect(words).not.toContain(first.custody.mnemonic({ named: null }))
  const sealed = first.custody.encrypt({ caller: 'a', plaintext: Uint8Array.of(1, 2) })
  expect(third.custody.decrypt({ caller: 'a', sealed })).toEqual(Uint8Array.of(1, 2))
  expect(() => third.custody.decrypt({ caller: 'b', sealed })).toThrow(
    expect.objectContaining({
      code: 'NOT_OPENED',
      next: expect.stringContaining('another caller'),
    }),
  )
})

test('the key goes to no node that does not answer a challenge now, however good its attestation is', async () => {
  simulation = new Simulation(2)
  const [first, second] = await simulation.startNetwork(2)
  if (!first || !second) throw new Error('two nodes were started')
  const { bytes: envelope } = await provisioned(first.node)
  simulation.network.partition([first.node.id], [second.node.id])
  await simulation.settle(second.node.custody.shareManifest(envelope))
  const { attestation } = await simulation.settle(second.node.custody.attestBoot())
  const exported = first.node.custody.exportKey({ envelope, attestation })
  expect(await simulation.settle(exported.catch(code), minutes(2))).toBe('NOT_FRESH')
  expect(second.node.custody.view().phase).toBe('WaitingForForwardedKey')
})

test('a TEE that fails is told to who asked, and asked again until the key is attested', async () => {
  simulation = new Simulation(3)
  let isDown = false
  const { node } = await simulation.start('node-0', {
    found: true,
    host: host => ({
      ...host,
      attester: {
        platform: host.attester.platform,
        quote: (data, signal) =>
          isDown
            ? Promise.reject(new HostError('TEE_BUSY', 'The device is busy.'))
            : host.attester.quote(data, signal),
      },
    }),
  })
  await simulation.until(() => node.status().phase === 'active')
  isDown = true
  const made = node.custody.genesisBoot(termsOf(holders, 2))
  expect(await simulation.settle(made.catch(code))).toBe('QUOTE_FAILED')
  expect(node.custody.view().phase).toBe('GenesisBooted')
  isDown = false
  await simulation.until(() => node.custody.view().phase === 'WaitingForQuorumShards')
  expect(await simulation.settle(node.custody.genesisOutput())).toMatchObject({ kind: 'genesis' })
})

test('nothing is done for callers before the application that the manifest names says it is well', async () => {
  simulation = new Simulation(4)
  const { node } = await simulation.start('node-0', { found: true })
  await simulation.until(() => node.status().phase === 'active')
  const hash = 'ab'.repeat(32)
  await provisioned(node, { pivot: { hash, restart: 'never', args: [] } })
  await simulation.time.advance(seconds(5))
  expect(node.custody.view().phase).toBe('QuorumKeyProvisioned')
  expect(() => node.custody.mnemonic(named)).toThrow(
    expect.objectContaining({ code: 'WRONG_PHASE' }),
  )
  node.custody.setHandler(async () => 'cd'.repeat(32))
  await simulation.time.advance(seconds(5))
  expect(node.custody.view().phase).toBe('QuorumKeyProvisioned')
  node.custody.setHandler(async () => hash)
  await simulation.until(() => node.custody.view().phase === 'ApplicationReady')
})

test('who waits for custody when the node stops is told so, and the key is gone', async () => {
  simulation = new Simulation(5)
  const { node } = await simulation.start('node-0', {
    found: true,
  })
  await simulation.until(() => node.status().phase === 'active')
  await provisioned(node)
  const { custody } = node
  const waiting = custody.attestBoot().catch(code)
  await simulation.settle(node.stop())
  expect(await waiting).toBe('STOPPING')
  expect(() => custody.mnemonic(named)).toThrow()
  expect(await custody.attestBoot().catch(code)).toBe('STOPPING')
})

test('the audit record says who was let in, each ceremony and each use, and holds neither seed, share, words nor plaintext', async () => {
  simulation = new Simulation(1)
  const [first, second] = (await simulation.startNetwork(2)).map(({ node }) => node)
  if (!first || !second) throw new Error('two nodes were started')
  const used = watchSecrets()
  const { bytes } = await provisioned(first)
  await simulation.settle(second.custody.shareManifest(bytes))
  await simulation.until(() => second.custody.view().phase === 'ApplicationReady', minutes(5))
  const words = first.custody.mnemonic(named)
  const { signature } = first.custody.sign({
    caller: 'ada',
    message: utf8('pay'),
    suite: 'ed25519',
  })
  const sealed = first.custody.encrypt({ caller: 'ada', plaintext: utf8('a plaintext canary') })
  first.custody.decrypt({ caller: 'ada', sealed })
  const secrets = used.stop()
  const file = await simulation.settle(first.audit.export())
  const report = verifyRecord(file)
  if ('code' in report) throw new Error(report.code)
  const kinds = new Set(report.entries.map(({ kind }) => kind))
  for (const kind of [
    ...['chain-opened', 'started', 'member-admitted', 'custody-phase', 'custody-genesis-made'],
    ...[
      'custody-share-accepted',
      'custody-key-provisioned',
      'custody-key-exported',
      'custody-used',
    ],
  ]) {
    expect(kinds, kind).toContain(kind)
  }
  const approved = report.entries.filter(({ kind }) => kind === 'custody-manifest-approved')
  expect(approved.map(entry => factOf(entry, 'alias'))).toEqual(
    holders.slice(0, 2).map(({ alias }) => alias),
  )
  expect(report.entries.filter(({ kind }) => kind === 'custody-manifest-taken')).toHaveLength(1)
  const past = membersAt(report, report.entries.at(-1)?.groupClock ?? 0)
  expect(past).toMatchObject({
    members: [first.id, second.id].sort().map(node => ({
      node,
      evidence: expect.stringMatching(/^[0-9a-f]{64}$/),
      policy: expect.stringMatching(/^[0-9a-f]{64}$/),
    })),
  })
  const signed = report.entries.find(entry => factOf(entry, 'use') === 'sign')
  expect(signed && factOf(signed, 'signature')).toBe(toHex(sha256(signature)))
  const text = new TextDecoder('latin1').decode(file)
  expect(secrets.length).toBeGreaterThan(5)
  const forbidden = [...secrets, words, 'a plaintext canary', toHex(utf8('pay'))]
  for (const secret of forbidden) expect(text.includes(secret)).toBe(false)
})

/** Every secret that is used from now on, in hexadecimal, Base64 and as its bytes. */
function watchSecrets(): { stop(): readonly string[] } {
  const found = new Set<string>()
  const { use } = Secret.prototype
  onTestFinished(() => {
    Secret.prototype.use = use
  })
  Secret.prototype.use = function <R>(this: Secret, inner: (bytes: Uint8Array) => R): R {
    return use.call(this, (bytes: Uint8Array) => {
      if (bytes.length >= 16) {
        found.add(toHex(bytes))
        found.add(base64.encode(bytes).slice(0, 16))
        found.add(new TextDecoder('latin1').decode(bytes))
      }
      return inner(bytes)
    }) as R
  }
  return {
    stop() {
      Secret.prototype.use = use
      return [...found]
    },
  }
}
