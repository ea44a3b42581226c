/** What an enclave of the field that this one follows let through (Renclave v2), each tried here as its attacker would. */
import { expect, test } from 'vitest'
import { custodyManifestHash } from '../../../../src/attestation/custody/custody-manifest.ts'
import { bootReportData } from '../../../../src/attestation/custody/genesis-output.ts'
import { toHex } from '../../../../src/base/bytes.ts'
import type { Digest } from '../../../../src/base/ids.ts'
import { custodyMessages } from '../../../../src/protocol/custody/phase.ts'
import { bootAttestationCodec, keyExportCodec } from '../../../../src/wire/custody.ts'
import { openedShare, termsOf } from '../../../fakes/custody-people.ts'
import {
  attestationOf,
  exportTo,
  genesisAt,
  inJson,
  namespaceOf,
  pivotHash,
  provisioned,
} from '../../../fakes/custody-stages.ts'
import { CustodyWorld, type WorldNode } from '../../../fakes/custody-world.ts'
import { testHolders } from '../../../fixtures/holders.ts'

async function stage(): Promise<{
  world: CustodyWorld
  from: WorldNode
  to: WorldNode
  ceremony: Awaited<ReturnType<typeof provisioned>>['ceremony']
  envelope: Uint8Array
}> {
  const world = new CustodyWorld()
  const { node: from, ceremony } = await provisioned(world, 'one')
  world.fate = (_, { kind }) => (kind === 'ask' ? 'fail' : 'pass')
  const envelope = inJson(ceremony.genesis.envelope.manifest)
  const to = world.boot('two')
  await world.call(to, { kind: 'shareManifest', envelope })
  return { world, from, to, ceremony, envelope }
}

test('attestation is a quote over the manifest in hand: nothing that a caller names gets into it', async () => {
  const { world, to, ceremony } = await stage()
  const hash = custodyManifestHash(ceremony.genesis.envelope.manifest)
  const shown = bootAttestationCodec.decode(await attestationOf(world, to))
  // A request has no field for measurements at all: this is all that it can say.
  expect(shown.evidence.body.subarray(0, 64)).toEqual(bootReportData('simulated', to.id, hash))
  expect(toHex(shown.manifest)).toBe(hash)
})

test('attestation without a quote behind it moves no key', async () => {
  const { world, from, to, envelope } = await stage()
  const shown = bootAttestationCodec.decode(await attestationOf(world, to))
  const claimed = new Uint8Array(96)
  claimed.set(bootReportData('simulated', to.id, toHex(shown.manifest) as Digest))
  const evidence = { platform: 'simulated', body: claimed }
  const attestation = bootAttestationCodec.encode({ ...shown, evidence })
  expect(await world.call(from, { kind: 'exportKey', envelope, attestation })).toMatchObject({
    code: 'EVIDENCE_REFUSED',
    facts: { cause: 'SIGNATURE_INVALID' },
  })
})

test('freshness is an answer to a challenge of now: an old attestation of a dead node moves no key', async () => {
  const { world, from, to, envelope } = await stage()
  const attestation = await attestationOf(world, to)
  world.kill(to)
  expect(await world.call(from, { kind: 'exportKey', envelope, attestation })).toMatchObject({
    code: 'NOT_FRESH',
  })
})

test('an export holds the request against the own manifest, and not against the manifest of the request', async () => {
  const { world, from, ceremony } = await stage()
  const { manifest } = ceremony.genesis.envelope
  const own = testHolders(5).slice(3)
  const members = own.map(({ alias, key }) => ({ alias, key }))
  const set = { members, threshold: 2 }
  // All is consistent in itself: the attacker's own people approved the attacker's own manifest.
  const mine = { ...manifest, manifestSet: set }
  const to = world.boot('attacker')
  await world.call(to, { kind: 'shareManifest', envelope: inJson(mine, own) })
  expect(await exportTo(world, from, { to, envelope: inJson(mine, own) })).toMatchObject({
    code: 'DIFFERENT_MANIFEST_SET',
  })
})

test('a key without the signature of the quorum is not injected', async () => {
  const { world, from, to, envelope } = await stage()
  const made = await exportTo(world, from, { to, envelope })
  if (made?.kind !== 'exported') throw new Error('it is exported')
  for (const signature of [new Uint8Array(64), new Uint8Array(0), made.signature.toReversed()]) {
    const call = { kind: 'injectKey', exported: made.exported, signature } as const
    expect(await world.call(to, call)).toMatchObject({ code: 'EXPORT_SIGNATURE_INVALID' })
  }
  expect(to.custody.view().phase).toBe('WaitingForForwardedKey')
})

test('a node that was shown a manifest believes a key only with the approvals of its holders', async () => {
  const { world, from, to, envelope } = await stage()
  expect(to.custody.view().approvals).toEqual({ have: 0, need: 2, by: [] })
  const made = await exportTo(world, from, { to, envelope })
  if (made?.kind !== 'exported') throw new Error('it is exported')
  expect(keyExportCodec.decode(made.exported).approvals).toHaveLength(2)
  await world.call(to, { kind: 'injectKey', exported: made.exported, signature: made.signature })
  expect(to.custody.view().approvals).toMatchObject({ have: 2, need: 2 })
})

test('plain shares are refused, enough of them and correct ones too', async () => {
  const world = new CustodyWorld()
  const node = world.boot('one')
  const ceremony = await genesisAt(world, node)
  const { genesis, holders } = ceremony
  const shares = holders.map(holder => ({
    alias: holder.alias,
    share: openedShare(holder, genesis).use(bytes => bytes.slice()),
  }))
  const namespace = namespaceOf(ceremony)
  expect(
    await world.call(node, { kind: 'injectShares', namespace, shares, approvals: [] }),
  ).toMatchObject({
    isProvisioned: false,
    accepted: [],
    refused: shares.map(({ alias }) => ({ alias, code: 'SHARE_IN_CLEAR' })),
    shares: { have: 0 },
  })
})

test('there is no way back: no message resets a node', async () => {
  expect(custodyMessages.filter(message => /reset|clear|restart/.test(message))).toEqual([])
  const { world, from, ceremony } = await stage()
  const before = from.custody.view()
  for (const kind of ['bootStandard', 'shareManifest'] as const) {
    const { manifest } = ceremony.genesis.envelope
    const other = { ...manifest, namespace: { ...manifest.namespace, nonce: 99_999 } }
    await world.call(from, { kind, envelope: inJson(other, ceremony.holders) })
  }
  await world.call(from, { kind: 'genesisBoot', terms: termsOf(ceremony.holders, 2) })
  expect(from.custody.view()).toEqual(before)
})

test('the hash of a manifest is over framed fields: none runs into the next', async () => {
  const world = new CustodyWorld()
  const { genesis } = await genesisAt(world, world.boot('one'))
  const { manifest } = genesis.envelope
  const moved = {
    ...manifest,
    namespace: { ...manifest.namespace, name: 'qos-namespace1', nonce: 2345 },
  }
  expect(custodyManifestHash(moved)).not.toBe(custodyManifestHash(manifest))
})

test('an application is ready when its handler runs what the manifest names, and not before', async () => {
  const world = new CustodyWorld()
  const pivot = { hash: pivotHash, restart: 'never', args: [] } as const
  const { node } = await provisioned(world, 'one', { change: { pivot } })
  for (const handler of [null, '00'.repeat(32)]) {
    world.handler = handler
    await world.pass(60_000)
    expect(node.custody.view().phase).toBe('QuorumKeyProvisioned')
    expect(node.custody.lend('use-key')).toMatchObject({ code: 'WRONG_PHASE' })
  }
  const told = node.log.filter(
    effect => effect.kind === 'event' && effect.code === 'PIVOT_NOT_READY',
  )
  expect(told).toHaveLength(2)
  world.handler = pivotHash
  await world.pass(5000)
  expect(node.custody.view().phase).toBe('ApplicationReady')
})

test('an answer of the handler that never comes is asked for again', async () => {
  const world = new CustodyWorld()
  const pivot = { hash: pivotHash, restart: 'never', args: [] } as const
  world.fate = (_, { kind }) => (kind === 'checkHandler' ? 'lose' : 'pass')
  world.handler = pivotHash
  const { node } = await provisioned(world, 'one', { change: { pivot } })
  await world.pass(9000)
  expect(node.custody.view().phase).toBe('QuorumKeyProvisioned')
  world.fate = () => 'pass'
  await world.pass(10_000)
  expect(node.custody.view().phase).toBe('ApplicationReady')
})
