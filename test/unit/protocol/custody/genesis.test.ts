import { describe, expect, test } from 'vitest'
import {
  custodyManifestHash,
  custodyManifestShape,
} from '../../../../src/attestation/custody/custody-manifest.ts'
import {
  genesisOutputHash,
  genesisReportData,
} from '../../../../src/attestation/custody/genesis-output.ts'
import { toHex } from '../../../../src/base/bytes.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { QuorumKeys } from '../../../../src/crypto/quorum-keys.ts'
import { combineShares, shareCommitment } from '../../../../src/crypto/secret-shares.ts'
import type { CustodyEffect, GenesisAnswer } from '../../../../src/protocol/custody/types.ts'
import { bootAttestationCodec } from '../../../../src/wire/custody.ts'
import { openedShare, termsOf } from '../../../fakes/custody-people.ts'
import { genesisAt, injectAt, provisioned } from '../../../fakes/custody-stages.ts'
import { CustodyWorld, worldNetwork } from '../../../fakes/custody-world.ts'
import { pointHolder, publicPart, testHolders } from '../../../fixtures/holders.ts'

const holders = testHolders(3)
const terms = termsOf(holders, 2)
const boot = { kind: 'genesisBoot', terms } as const
const shape = (genesis: GenesisAnswer): unknown =>
  JSON.parse(JSON.stringify(genesis.envelope.manifest))

describe('genesis', () => {
  test('answers with a manifest that anybody can read, and a share that its holder alone opens', async () => {
    const world = new CustodyWorld()
    const { genesis } = await genesisAt(world, world.boot('one'))
    const { manifest, approvals } = genesis.envelope
    expect(custodyManifestShape(shape(genesis), 'manifest')).toEqual(manifest)
    expect(approvals).toEqual([])
    expect(manifest.network).toBe(worldNetwork)
    for (const [i, holder] of holders.entries()) {
      const commitment = toHex(shareCommitment(openedShare(holder, genesis)))
      expect([manifest.shares[i], genesis.shares[i]?.commitment]).toEqual([commitment, commitment])
    }
    const opened = holders.slice(1).map(holder => openedShare(holder, genesis))
    const keys = QuorumKeys.of((await combineShares(opened))!)!
    expect(toHex(keys.publicKey)).toBe(manifest.namespace.quorumKey)
  })

  test('is attested: the evidence names this node and everything in the output', async () => {
    const world = new CustodyWorld()
    const node = world.boot('one')
    const { genesis } = await genesisAt(world, node)
    const { manifest } = genesis.envelope
    const shown = bootAttestationCodec.decode(genesis.attestation)
    const output = genesisOutputHash({ manifest, shares: genesis.shares })
    const reportData = genesisReportData('simulated', node.id, output)
    expect(shown.evidence.body.subarray(0, 64)).toEqual(reportData)
    expect(toHex(shown.manifest)).toBe(custodyManifestHash(manifest))
    const swapped = { manifest, shares: genesis.shares.toReversed() }
    expect(genesisOutputHash(swapped)).not.toBe(output)
  })

  test('has wiped the seed and every share before anybody is told of the key', async () => {
    const world = new CustodyWorld()
    const node = world.boot('one')
    const unwiped: [CustodyEffect['kind'], number][] = []
    world.fate = (_, { kind }) => {
      unwiped.push([kind, world.unwiped()])
      return 'pass'
    }
    await genesisAt(world, node)
    const standing = unwiped.filter(([, count]) => count > 0).map(([kind]) => kind)
    // From the draw to the split, and nowhere later: neither the quote nor the answer.
    expect(new Set(standing)).toEqual(new Set(['phaseChanged', 'split']))
    expect(world.secrets.size).toBeGreaterThan(1 + holders.length)
    expect(world.unwiped()).toBe(0)
    expect(JSON.stringify(node.log)).not.toContain(toHex(world.drawn[0]!))
  })

  test('takes holders whose keys live in other tools', async () => {
    const mixed = [...holders.slice(1), pointHolder(1)]
    const members = mixed.map(publicPart)
    const set = { members, threshold: 2 }
    const world = new CustodyWorld()
    const given = { ...terms, manifestSet: set, shareSet: set }
    const genesis = await world.call(world.boot('one'), { kind: 'genesisBoot', terms: given })
    expect(
      genesis?.kind === 'genesis' && genesis.shares.map(({ sealed }) => sealed.length),
    ).toEqual([1120 + 49, 1120 + 49, 12 + 65 + 4 + 49])
  })

  test('is answered once more for whoever lost the answer, until the key is whole', async () => {
    const world = new CustodyWorld()
    const node = world.boot('one')
    const ceremony = await genesisAt(world, node)
    expect(await world.call(node, { kind: 'genesisOutput' })).toEqual(ceremony.genesis)
    await injectAt(world, node, ceremony)
    expect(await world.call(node, { kind: 'genesisOutput' })).toMatchObject({ code: 'WRONG_PHASE' })
  })

  test('two of one node are never made, and two of one name on two nodes have two keys', async () => {
    const world = new CustodyWorld()
    const [one, two] = [world.boot('one'), world.boot('two')]
    const first = await genesisAt(world, one)
    expect(await world.call(one, boot)).toMatchObject({ code: 'WRONG_PHASE' })
    const second = await genesisAt(world, two)
    expect(second.genesis.quorumKey).not.toBe(first.genesis.quorumKey)
  })
})

describe('genesis is refused before any key is drawn', () => {
  const three = terms.shareSet
  const off = { alias: 'off', key: `04${'11'.repeat(64)}` }
  test.each([
    ['THRESHOLD_TOO_LOW', { shareSet: { ...three, threshold: 1 } }],
    ['THRESHOLD_TOO_HIGH', { shareSet: { ...three, threshold: 4 } }],
    ['THRESHOLD_NO_MAJORITY', { manifestSet: { ...three, threshold: 1 } }],
    [
      'ALIAS_TWICE',
      { shareSet: { members: [three.members[0]!, three.members[0]!], threshold: 2 } },
    ],
    ['HOLDER_KEY_UNUSABLE', { shareSet: { members: [...three.members, off], threshold: 2 } }],
    ['MANIFEST_BAD_VALUE', { namespace: { name: 'No Name', nonce: 1 } }],
    ['MANIFEST_BAD_VALUE', { namespace: { name: 'name', nonce: -1 } }],
    ['MANIFEST_BAD_VALUE', { shareSet: undefined }],
    ['MANIFEST_BAD_VALUE', { shareSet: { members: new Array(256).fill(off), threshold: 2 } }],
  ] as const)('%s', async (code, change) => {
    const world = new CustodyWorld()
    const node = world.boot('one')
    const given = { ...terms, ...change } as typeof terms
    expect(await world.call(node, { kind: 'genesisBoot', terms: given })).toMatchObject({
      code,
      next: expect.any(String),
    })
    expect(node.custody.view().phase).toBe('WaitingForBootInstruction')
    expect(node.log.map(({ kind }) => kind)).toEqual(['refuse'])
    expect(world.unwiped()).toBe(0)
    expect(await world.call(node, boot)).toMatchObject({ kind: 'genesis' })
  })
})

describe('genesis never hangs', () => {
  test.each(['split', 'quote'] as const)(
    'a %s that is never answered: the caller hears in time, and the node goes on',
    async kind => {
      const world = new CustodyWorld()
      const node = world.boot('one')
      let lost = 0
      world.fate = (_, effect) => (effect.kind === kind && ++lost < 3 ? 'lose' : 'pass')
      const request = world.begin(node, boot)
      await world.run()
      expect(world.outcome(request)).toBeUndefined()
      await world.pass(31_000)
      expect(world.outcome(request)).toMatchObject({ code: 'QUOTE_FAILED' })
      expect(node.custody.view().phase).toBe('GenesisBooted')
      await world.pass(60_000)
      expect(node.custody.view().phase).toBe('WaitingForQuorumShards')
      expect(await world.call(node, { kind: 'genesisOutput' })).toMatchObject({ kind: 'genesis' })
      expect(world.unwiped()).toBe(0)
    },
  )

  test('a TEE that refuses a quote for an hour and then gives one', async () => {
    const world = new CustodyWorld()
    const node = world.boot('one')
    world.fate = (_, { kind }) => (kind === 'quote' ? 'fail' : 'pass')
    expect(await world.call(node, boot)).toMatchObject({ code: 'QUOTE_FAILED' })
    await world.pass(3_600_000)
    expect(node.log.filter(({ kind }) => kind === 'quote').length).toBeLessThan(1000)
    world.fate = () => 'pass'
    await world.pass(6000)
    expect(node.custody.view().phase).toBe('WaitingForQuorumShards')
  })

  test('shares that come after their time are wiped and used for nothing', async () => {
    const world = new CustodyWorld()
    const node = world.boot('one')
    world.fate = (_, { kind }) => (kind === 'split' ? 'lose' : 'pass')
    await world.call(node, boot)
    const late = node.log.find(effect => effect.kind === 'split')!
    await world.pass(30_000)
    const shares = [1, 2, 3].map(byte => new Secret(new Uint8Array(33).fill(byte)))
    world.feed(node, { kind: 'divided', job: late.kind === 'split' ? late.job : 0, shares })
    expect(shares.every(({ isWiped }) => isWiped)).toBe(true)
    expect(node.custody.view().phase).toBe('GenesisBooted')
  })
})

describe('a broken invariant', () => {
  test.each([
    ['too few shares', [33, 33]],
    ['too many', [33, 33, 33, 33]],
    ['shares of another length', [33, 32, 33]],
    ['one share twice', [33, 33, 33]],
  ])('%s: everything is wiped, every caller hears, and nothing goes on', async (name, lengths) => {
    const world = new CustodyWorld()
    const node = world.boot('one')
    world.fate = (_, { kind }) => (kind === 'split' ? 'lose' : 'pass')
    const request = world.begin(node, boot)
    await world.run()
    const split = node.log.find(effect => effect.kind === 'split')
    const shares = lengths.map(
      (length, i) =>
        new Secret(new Uint8Array(length).fill(name === 'one share twice' ? 1 : i + 1)),
    )
    world.feed(node, { kind: 'divided', job: split?.kind === 'split' ? split.job : 0, shares })
    await world.run()
    expect(node.custody.view().phase).toBe('UnrecoverableError')
    expect(world.outcome(request)).toMatchObject({ code: 'UNRECOVERABLE' })
    expect(world.unwiped()).toBe(0)
    expect(node.custody.wakeAt()).toBeNull()
    expect(await world.call(node, boot)).toMatchObject({ code: 'UNRECOVERABLE' })
  })

  test('in a node that holds the key: it is wiped, and lent to nobody', async () => {
    const world = new CustodyWorld()
    const { node, ceremony } = await provisioned(world, 'one')
    const keys = node.custody.lend('use-key')
    const seed = 'code' in keys ? undefined : keys.useSeed(secret => secret)
    expect(seed?.isWiped).toBe(false)
    // What the shell hands in is no input at all.
    world.feed(node, { kind: 'nonsense', request: 7 } as never)
    expect(node.custody.view().phase).toBe('UnrecoverableError')
    expect(seed?.isWiped).toBe(true)
    expect(node.custody.lend('use-key')).toMatchObject({ code: 'UNRECOVERABLE' })
    expect(await injectAt(world, node, ceremony).catch(() => 'none')).toBe('none')
  })

  test('a node that stops wipes what it holds', async () => {
    const world = new CustodyWorld()
    const { node } = await provisioned(world, 'one')
    const keys = node.custody.lend('open-own')
    const seed = 'code' in keys ? undefined : keys.useSeed(secret => secret)
    node.custody[Symbol.dispose]()
    expect(seed?.isWiped).toBe(true)
    expect(world.unwiped()).toBe(0)
  })
})
