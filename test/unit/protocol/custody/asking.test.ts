import { beforeEach, expect, test } from 'vitest'
import type { CustodyManifest } from '../../../../src/attestation/custody/custody-manifest.ts'
import { toHex } from '../../../../src/base/bytes.ts'
import { custodyManifestAnswerCodec } from '../../../../src/wire/custody.ts'
import {
  type Ceremony,
  genesisAt,
  inJson,
  pivotHash,
  provisioned,
} from '../../../fakes/custody-stages.ts'
import { CustodyWorld, openCharter, type WorldNode } from '../../../fakes/custody-world.ts'

let world: CustodyWorld
let from: WorldNode
let ceremony: Ceremony
let manifest: CustodyManifest

beforeEach(async () => {
  world = new CustodyWorld()
  const first = await provisioned(world, 'tee1')
  from = first.node
  ceremony = first.ceremony
  manifest = ceremony.genesis.envelope.manifest
})

const waiting = async (name: string): Promise<WorldNode> => {
  const node = world.boot(name)
  await world.call(node, { kind: 'shareManifest', envelope: inJson(manifest) })
  return node
}

const phaseOf = (node: WorldNode) => node.custody.view().phase

const holdsKey = (node: WorldNode): string | undefined => {
  const keys = node.custody.lend('use-key')
  return 'code' in keys ? undefined : toHex(keys.publicKey)
}

test('a node with the manifest in hand fetches the key from a member that holds it', async () => {
  const to = await waiting('tee2')
  await world.pass(1000)
  expect(holdsKey(to)).toBe(ceremony.genesis.quorumKey)
  expect(world.unwiped()).toBe(0)
})

test('where the network names its holders a joined node needs nobody: manifest, then key', async () => {
  world.charter = { ...openCharter, namesHolders: true }
  world.isActive = false
  const to = world.boot('tee2')
  await world.pass(60_000)
  expect(phaseOf(to)).toBe('WaitingForBootInstruction')
  world.isActive = true
  await world.pass(6000)
  expect(holdsKey(to)).toBe(ceremony.genesis.quorumKey)
  const third = world.boot('tee3')
  world.kill(from)
  await world.pass(60_000)
  expect(holdsKey(third)).toBe(ceremony.genesis.quorumKey)
})

test('where holders come with the request no node believes a manifest that another one shows', async () => {
  const to = world.boot('tee2')
  await world.pass(120_000)
  expect(phaseOf(to)).toBe('WaitingForBootInstruction')
  expect(to.log.some(({ kind }) => kind === 'ask')).toBe(false)
})

test('the same checks stand on the stream: the key goes to nobody in another’s name', async () => {
  const to = await waiting('tee2')
  const thief = world.boot('thief')
  const ask = to.log.find(effect => effect.kind === 'ask')
  if (ask?.kind !== 'ask') throw new Error('it asks by itself')
  const request = 77_777
  world.feed(from, {
    kind: 'asked',
    request,
    from: thief.id,
    protocol: 'custody-key',
    bytes: ask.bytes,
  })
  await world.run()
  expect(world.outcome(request)).toMatchObject({ code: 'ATTESTATION_MALFORMED' })
  for (const bytes of [new Uint8Array(0), new Uint8Array(40)]) {
    for (const protocol of ['custody-key', 'custody-manifest'] as const) {
      world.feed(from, { kind: 'asked', request: request + 1, from: to.id, protocol, bytes })
      await world.run()
      expect(world.outcome(request + 1)).toMatchObject({ kind: 'refused' })
    }
  }
  expect(phaseOf(from)).toBe('ApplicationReady')
})

test('members that lie, refuse or never answer keep it from nothing but time', async () => {
  const liars = ['liar1', 'liar2'].map(name => world.boot(name))
  const silent = world.boot('silent')
  world.fate = (node, effect) => {
    if (effect.kind !== 'ask') return 'pass'
    if (effect.node === silent.id) return 'lose'
    const liar = liars.find(({ id }) => id === effect.node)
    if (liar === undefined) return 'pass'
    world.feed(node, { kind: 'answered', job: effect.job, bytes: new Uint8Array(50) })
    return 'lose'
  }
  const to = await waiting('tee2')
  await world.pass(10 * 60_000)
  expect(holdsKey(to)).toBe(ceremony.genesis.quorumKey)
})

test('asking goes on without end and without haste while nobody holds the key', async () => {
  world.kill(from)
  world.boot('empty')
  const to = await waiting('tee2')
  await world.pass(3_600_000)
  const asks = to.log.filter(({ kind }) => kind === 'ask').length
  expect(asks).toBeGreaterThan(50)
  expect(asks).toBeLessThan(200)
  expect(phaseOf(to)).toBe('WaitingForForwardedKey')
})

test('a manifest that is not approved, or none of this network, is not taken from a member', async () => {
  world.charter = { ...openCharter, namesHolders: true }
  const other = world.boot('other')
  const foreign = await genesisAt(world, other)

  const shown = [
    inJson(foreign.genesis.envelope.manifest),
    inJson({ ...manifest, network: 'ac'.repeat(32) as never }, ceremony.holders),
    new Uint8Array(20),
  ]
  for (const envelope of shown) {
    const to = world.boot('tee2')
    world.fate = (node, effect) => {
      if (effect.kind !== 'ask' || node !== to) return 'pass'
      const bytes = custodyManifestAnswerCodec.encode({ envelope })
      world.feed(node, { kind: 'answered', job: effect.job, bytes })
      return 'lose'
    }
    await world.pass(60_000)
    expect(phaseOf(to)).toBe('WaitingForBootInstruction')
  }
})

test('a manifest too long for a stream goes by hand, and the key comes by itself all the same', async () => {
  world = new CustodyWorld()
  world.charter = { ...openCharter, namesHolders: true }
  world.handler = pivotHash
  const pivot = {
    hash: pivotHash,
    restart: 'never',
    args: new Array(62).fill('x'.repeat(4096)),
  } as const
  const { node, ceremony: long } = await provisioned(world, 'tee1', { change: { pivot } })
  const to = world.boot('tee2')
  await world.pass(10_000)
  expect(phaseOf(to)).toBe('WaitingForBootInstruction')
  const ask = to.log.find(effect => effect.kind === 'ask')
  if (ask?.kind !== 'ask') throw new Error('it asks by itself')
  const request = 77_777
  world.feed(node, {
    kind: 'asked',
    request,
    from: to.id,
    protocol: ask.protocol,
    bytes: ask.bytes,
  })
  await world.run()
  expect(world.outcome(request)).toMatchObject({ code: 'MANIFEST_TOO_LONG' })
  await world.call(to, { kind: 'shareManifest', envelope: inJson(long.genesis.envelope.manifest) })
  await world.pass(60_000)
  expect(holdsKey(to)).toBe(long.genesis.quorumKey)
})

test('a manifest that a person brings while members are left alone is no reason to wait for the key', async () => {
  world.charter = { ...openCharter, namesHolders: true }
  world.fate = (_, effect) =>
    effect.kind === 'ask' && effect.protocol === 'custody-manifest' ? 'fail' : 'pass'
  const to = world.boot('tee2')
  await world.pass(10 * 60_000 + 1)
  await world.call(to, { kind: 'shareManifest', envelope: inJson(manifest) })
  expect(holdsKey(to)).toBe(ceremony.genesis.quorumKey)
})

test('a manifest that a person brings while a member is asked for it is not waited for twice', async () => {
  world.charter = { ...openCharter, namesHolders: true }
  world.fate = (_, effect) =>
    effect.kind === 'ask' && effect.protocol === 'custody-manifest' ? 'lose' : 'pass'
  const to = world.boot('tee2')
  await world.pass(1000)
  expect(to.log.some(({ kind }) => kind === 'ask')).toBe(true)
  await world.call(to, { kind: 'shareManifest', envelope: inJson(manifest) })
  expect(holdsKey(to)).toBe(ceremony.genesis.quorumKey)
})
