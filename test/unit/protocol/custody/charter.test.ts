import { expect, test } from 'vitest'
import type { CharterManifest } from '../../../../src/attestation/custody/charter.ts'
import { quorumKeyName } from '../../../../src/attestation/custody/custody-manifest.ts'
import type { KeySet } from '../../../../src/attestation/manifest.ts'
import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import { networkCharter } from '../../../../src/protocol/custody/charter.ts'
import { termsOf } from '../../../fakes/custody-people.ts'
import { exportTo, genesisAt, inJson, injectAt } from '../../../fakes/custody-stages.ts'
import { CustodyWorld } from '../../../fakes/custody-world.ts'
import {
  custodyManifest,
  pointHolder,
  publicPart,
  testHolder,
  testHolders,
} from '../../../fixtures/holders.ts'

const holders = testHolders(3)
const keysOf = (threshold: number): KeySet => ({
  members: holders.map(({ signing }) => toHex(signing.publicKey)).toSorted(),
  threshold,
})
const pivot = { hash: 'ef'.repeat(32), restart: 'never', args: ['--serve'] } as const
const network = {
  founding: { name: 'qos-namespace', nonce: 12345 },
  namespace: { quorumKey: null },
  manifestSet: keysOf(2),
  shareSet: keysOf(2),
  pivot,
} as unknown as CharterManifest
const terms = termsOf(holders, 2, { pivot })
const charter = networkCharter(network)

test('what the manifest of the network says may be made, whatever the order of the holders', () => {
  expect(charter.genesisFlaw(terms)).toBeUndefined()
  const turned = { members: terms.shareSet.members.toReversed(), threshold: 2 }
  expect(charter.genesisFlaw({ ...terms, shareSet: turned })).toBeUndefined()
  const later = { ...terms, namespace: { ...terms.namespace, nonce: 12346 } }
  expect(charter.genesisFlaw(later)).toBeUndefined()
})

const others = [...holders.slice(1), testHolder(9)].map(publicPart)
const mixed = [...holders.slice(1), pointHolder(1)].map(publicPart)

test.each([
  ['NAMESPACE_NOT_CHARTERED', { namespace: { name: 'another', nonce: 12345 } }],
  ['NAMESPACE_NOT_CHARTERED', { namespace: { name: 'qos-namespace', nonce: 12344 } }],
  ['HOLDERS_NOT_CHARTERED', { shareSet: { members: others, threshold: 2 } }],
  ['HOLDERS_NOT_CHARTERED', { manifestSet: { members: others, threshold: 2 } }],
  ['HOLDERS_NOT_CHARTERED', { shareSet: { members: mixed, threshold: 2 } }],
  ['HOLDERS_NOT_CHARTERED', { shareSet: { ...terms.shareSet, threshold: 3 } }],
  [
    'HOLDERS_NOT_CHARTERED',
    { shareSet: { ...terms.shareSet, members: terms.shareSet.members.slice(1) } },
  ],
  ['PIVOT_NOT_CHARTERED', { pivot: null }],
  ['PIVOT_NOT_CHARTERED', { pivot: { ...pivot, args: [] } }],
])('%s: nothing else', (code, change) => {
  const flaw = charter.genesisFlaw({ ...terms, ...change })
  expect(flaw).toMatchObject({ code, next: expect.any(String) })
  expect(
    charter.manifestFlaw({ ...custodyManifest(holders, terms as never), ...(change as object) }),
  ).toMatchObject({ code })
})

test('after the network names its quorum key no other one is made, and none other is taken', async () => {
  const world = new CustodyWorld()
  world.charter = charter
  const node = world.boot('one')
  const ceremony = await genesisAt(world, node, { change: { pivot } })
  const { manifest } = ceremony.genesis.envelope
  const quorumKey = quorumKeyName(fromHex(manifest.namespace.quorumKey)!)
  const named = networkCharter({ ...network, namespace: { quorumKey } })
  expect(named.manifestFlaw(manifest)).toBeUndefined()
  expect(named.genesisFlaw(terms)).toMatchObject({ code: 'QUORUM_KEY_NOT_CHARTERED' })
  const other = {
    ...manifest,
    namespace: { ...manifest.namespace, quorumKey: `04${'cd'.repeat(129)}` },
  }
  expect(named.manifestFlaw(other)).toMatchObject({ code: 'QUORUM_KEY_NOT_CHARTERED' })
  world.charter = named
  expect(await injectAt(world, node, ceremony)).toMatchObject({ isProvisioned: true })
  const forgetful = world.boot('forgetful')
  world.charter = charter
  const second = await genesisAt(world, forgetful, { change: { pivot } })
  world.charter = named
  expect(await injectAt(world, forgetful, second)).toMatchObject({
    code: 'QUORUM_KEY_NOT_CHARTERED',
  })
  const late = world.boot('late')
  expect(await world.call(late, { kind: 'genesisBoot', terms })).toMatchObject({
    code: 'QUORUM_KEY_NOT_CHARTERED',
  })
})

test('a network that names its quorum key while a ceremony is under way ends that of any other', async () => {
  const world = new CustodyWorld()
  world.charter = charter
  const [node, other] = [world.boot('one'), world.boot('two')]
  const ceremony = await genesisAt(world, node, { change: { pivot } })
  const rest = await genesisAt(world, other, { change: { pivot } })
  const { namespace } = rest.genesis.envelope.manifest
  const named = networkCharter({
    ...network,
    namespace: { quorumKey: quorumKeyName(fromHex(namespace.quorumKey)!) },
  })
  // Between the shares and their combination.
  world.fate = (_, { kind }) => {
    if (kind === 'combine') world.charter = named
    return 'pass'
  }
  expect(await injectAt(world, node, ceremony)).toMatchObject({ code: 'QUORUM_KEY_NOT_CHARTERED' })
  expect(world.unwiped()).toBe(0)
  // And the one that it names goes on.
  expect(await injectAt(world, other, rest)).toMatchObject({ isProvisioned: true })
  const third = world.boot('three')
  world.charter = charter
  world.fate = (_, { kind }) => (kind === 'ask' ? 'fail' : 'pass')
  const envelope = inJson(rest.genesis.envelope.manifest)
  await world.call(third, { kind: 'shareManifest', envelope })
  const made = await exportTo(world, other, { to: third, envelope })
  if (made?.kind !== 'exported') throw new Error('it is exported')
  world.charter = networkCharter({ ...network, namespace: { quorumKey: 'ab'.repeat(32) } })
  const call = { kind: 'injectKey', exported: made.exported, signature: made.signature } as const
  expect(await world.call(third, call)).toMatchObject({ code: 'QUORUM_KEY_NOT_CHARTERED' })
  world.charter = named
  expect(await world.call(third, call)).toMatchObject({ kind: 'keyInjected' })
})
