import { describe, expect, test } from 'vitest'
import { approvalMessage } from '../../../../src/attestation/custody/approvals.ts'
import { custodyManifestHash } from '../../../../src/attestation/custody/custody-manifest.ts'
import { fromHex } from '../../../../src/base/bytes.ts'
import { keyOfNodeId } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { carriedShareCodec } from '../../../../src/wire/custody.ts'
import { carried, entryOf, manifestApprovals, openedShare } from '../../../fakes/custody-people.ts'
import {
  attestationOf,
  type Ceremony,
  entriesFor,
  genesisAt,
  inJson,
  injectAt,
  namespaceOf,
} from '../../../fakes/custody-stages.ts'
import { CustodyWorld, type WorldNode } from '../../../fakes/custody-world.ts'
import { approvalOf, testHolder } from '../../../fixtures/holders.ts'

interface Stage extends Ceremony {
  readonly world: CustodyWorld
  readonly node: WorldNode
}

async function staged(threshold = 2, count = 3): Promise<Stage> {
  const world = new CustodyWorld()
  const node = world.boot('one')
  return { world, node, ...(await genesisAt(world, node, { threshold, count })) }
}

const inject = (
  { world, node, genesis }: Stage,
  shares: readonly { alias: string; share: Uint8Array }[],
  approvals: readonly { alias: string; signature: Uint8Array }[] = [],
) =>
  world.call(node, { kind: 'injectShares', namespace: namespaceOf({ genesis }), shares, approvals })

function subsets<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  if (size === 0) return [[]]
  return all.flatMap((first, i) =>
    subsets(all.slice(i + 1), size - 1).map(rest => [first, ...rest]),
  )
}

describe.each([
  [2, 3],
  [3, 5],
  [7, 7],
])('%i of %i', (threshold, count) => {
  test('every subset of that size makes the key, one holder after the other, and none that is smaller', async () => {
    const made = await staged(threshold, count)
    const { genesis, holders, world } = made
    const envelope = inJson(genesis.envelope.manifest, holders)
    for (const subset of subsets(holders, threshold)) {
      const node = world.boot('fresh')
      await world.call(node, { kind: 'bootStandard', envelope })
      const entries = await entriesFor(world, node, { genesis, holders: subset })
      for (const [i, entry] of entries.entries()) {
        const answer = await inject({ ...made, node }, [entry])
        const isLast = i === threshold - 1
        expect(answer).toMatchObject({
          isProvisioned: isLast,
          accepted: [entry.alias],
          refused: [],
          shares: { have: i + 1, need: threshold },
        })
        expect(node.custody.view().phase).toBe(
          isLast ? 'ApplicationReady' : 'WaitingForQuorumShards',
        )
      }
      expect(world.unwiped()).toBe(0)
    }
  })

  test('all shares in one request make the key as well', async () => {
    const made = await staged(threshold, count)
    expect(await injectAt(made.world, made.node, made, made.holders)).toMatchObject({
      isProvisioned: true,
      quorumKey: made.genesis.quorumKey,
    })
  })
})

describe('the word of the manifest set', () => {
  test('the key is not whole before enough of it approved, whatever shares are there', async () => {
    const made = await staged()
    const { world, node, genesis, holders } = made
    const attestation = await attestationOf(world, node)
    const { manifest } = genesis.envelope
    const silent = holders.map(holder =>
      entryOf({
        holder,
        share: openedShare(holder, genesis),
        manifest,
        attestation,
        approvesManifest: false,
      }),
    )
    expect(await inject(made, silent)).toMatchObject({
      isProvisioned: false,
      shares: { have: 3, need: 2 },
      approvals: { have: 0, need: 2 },
    })
    const words = manifestApprovals(holders, manifest).map(({ alias, signature }) => ({
      alias,
      signature: fromHex(signature)!,
    }))
    // One holder twice is one holder.
    expect(await inject(made, [], [words[0]!, words[0]!])).toMatchObject({
      isProvisioned: false,
      approvals: { have: 1, need: 2 },
    })
    expect(await inject(made, [], [words[1]!])).toMatchObject({ isProvisioned: true })
    expect(world.unwiped()).toBe(0)
  })

  test('approvals of strangers, of another manifest and for a share count for nothing, and are named', async () => {
    const made = await staged()
    const { manifest } = made.genesis.envelope
    const hash = custodyManifestHash(manifest)
    const [one] = made.holders
    const other = custodyManifestHash({ ...manifest, shares: manifest.shares.toReversed() })
    const wrong = [
      approvalOf({ ...testHolder(9), alias: one!.alias }, { role: 'manifest', manifest: hash }),
      approvalOf(testHolder(9), { role: 'manifest', manifest: hash }),
      approvalOf(one!, { role: 'manifest', manifest: other }),
    ].map(({ alias, signature }) => ({ alias, signature: fromHex(signature)! }))
    expect(await inject(made, [], wrong)).toMatchObject({
      accepted: [],
      approvals: { have: 0 },
      refused: wrong.map(({ alias }) => ({ alias, code: 'APPROVAL_INVALID' })),
    })
  })

  test('standard boot takes an approved manifest, and no other', async () => {
    const { world, genesis, holders } = await staged()
    const { manifest } = genesis.envelope
    const fresh = world.boot('fresh')
    const few = inJson(manifest, holders.slice(0, 1))
    expect(await world.call(fresh, { kind: 'bootStandard', envelope: few })).toMatchObject({
      code: 'NOT_APPROVED',
      facts: { have: 1, need: 2 },
    })
    expect(fresh.custody.view().phase).toBe('WaitingForBootInstruction')
    const foreign = inJson({ ...manifest, network: 'ac'.repeat(32) as never }, [])
    expect(await world.call(fresh, { kind: 'bootStandard', envelope: foreign })).toMatchObject({
      code: 'DIFFERENT_NETWORK',
    })
    const broken = new TextEncoder().encode('{')
    expect(await world.call(fresh, { kind: 'bootStandard', envelope: broken })).toMatchObject({
      code: 'MANIFEST_NOT_JSON',
    })
  })
})

describe('a share is named and refused, and the ceremony goes on', () => {
  /** Made out of the good entry of the first holder. */
  const attacks: Record<string, (stage: Stage) => Promise<{ alias: string; share: Uint8Array }>> = {
    SHARE_IN_CLEAR: async ({ genesis, holders }) => ({
      alias: 'member1',
      share: openedShare(holders[0]!, genesis).use(bytes => bytes.slice()),
    }),
    SHARE_STILL_SEALED: async ({ genesis }) => ({
      alias: 'member1',
      share: genesis.shares[0]!.sealed,
    }),
    SHARE_MALFORMED: async () => ({ alias: 'member1', share: new Uint8Array(100) }),
    ALIAS_MISMATCH: async stage => ({ ...(await good(stage)), alias: 'member2' }),
    NOT_A_SHARE_MEMBER: async stage => changed(stage, { alias: 'stranger' }),
    SHARE_FOR_ANOTHER_NODE: async stage => {
      const other = stage.world.boot('other')
      const { world, genesis, holders } = stage
      const envelope = inJson(genesis.envelope.manifest, holders)
      await world.call(other, { kind: 'bootStandard', envelope })
      return (await entriesFor(world, other, stage))[0]!
    },
    MANIFEST_MISMATCH: async stage => {
      // Of an older key of the same people and the same name, brought to the node that runs under the newer one.
      const old = await genesisAt(stage.world, stage.world.boot('older'))
      const attestation = await attestationOf(stage.world, stage.node)
      const [holder] = old.holders
      const share = openedShare(holder!, old.genesis)
      return entryOf({
        holder: holder!,
        share,
        manifest: old.genesis.envelope.manifest,
        attestation,
      })
    },
    SHARE_WRONG: async stage => {
      const attestation = await attestationOf(stage.world, stage.node)
      const share = new Secret(new Uint8Array(33).fill(1))
      const { manifest } = stage.genesis.envelope
      return entryOf({ holder: stage.holders[0]!, share, manifest, attestation })
    },
    SHARE_UNREADABLE: async stage => changed(stage, { sealed: new Uint8Array(49) }),
    'APPROVAL_INVALID share': async stage => changed(stage, { approval: new Uint8Array(64) }),
    'APPROVAL_INVALID replayed': async stage => {
      // What the holder said about a share for another node.
      const hash = custodyManifestHash(stage.genesis.envelope.manifest)
      const other = keyOfNodeId(stage.world.boot('elsewhere').id)
      const approval = stage.holders[0]!.signing.sign(approvalMessage('share', hash, other))
      return changed(stage, { approval })
    },
    'APPROVAL_INVALID of another': async stage => {
      const hash = custodyManifestHash(stage.genesis.envelope.manifest)
      const node = keyOfNodeId(stage.node.id)
      const approval = stage.holders[1]!.signing.sign(approvalMessage('share', hash, node))
      return changed(stage, { approval })
    },
    'APPROVAL_INVALID manifest': async stage =>
      changed(stage, { manifestApproval: new Uint8Array(64).fill(1) }),
  }

  const carrying = async ({ world, node, genesis, holders }: Stage) => ({
    holder: holders[0]!,
    share: openedShare(holders[0]!, genesis),
    manifest: genesis.envelope.manifest,
    attestation: await attestationOf(world, node),
  })
  const good = async (stage: Stage) => entryOf(await carrying(stage))
  const changed = async (stage: Stage, change: Partial<ReturnType<typeof carried>>) => {
    const made = { ...carried(await carrying(stage)), ...change }
    return { alias: made.alias, share: carriedShareCodec.encode(made) }
  }

  test.each(Object.entries(attacks))('%s', async (name, attack) => {
    const stage = await staged()
    const bad = await attack(stage)
    const [code] = name.split(' ')
    const [, second, third] = await entriesFor(stage.world, stage.node, stage)
    // Between two good ones: neither is lost for it.
    expect(await inject(stage, [second!, bad])).toMatchObject({
      isProvisioned: false,
      accepted: ['member2'],
      refused: [{ alias: bad.alias, code, next: expect.any(String) }],
      shares: { have: 1 },
    })
    expect(stage.node.custody.view().phase).toBe('WaitingForQuorumShards')
    expect(await inject(stage, [bad])).toMatchObject({ accepted: [], refused: [{ code }] })
    expect(await inject(stage, [third!])).toMatchObject({ isProvisioned: true })
    expect(stage.world.unwiped()).toBe(0)
  })

  test('SHARE_TWICE: one holder counts once, in one request and in two', async () => {
    const stage = await staged()
    const one = await good(stage)
    expect(await inject(stage, [one, await good(stage)])).toMatchObject({
      isProvisioned: false,
      accepted: ['member1'],
      refused: [{ alias: 'member1', code: 'SHARE_TWICE' }],
    })
    expect(await inject(stage, [one])).toMatchObject({ refused: [{ code: 'SHARE_TWICE' }] })
    expect(stage.node.custody.view().shares).toEqual({ have: 1, need: 2, by: ['member1'] })
  })

  test('a request about another namespace is refused whole', async () => {
    const stage = await staged()
    for (const namespace of [
      { name: 'qos-namespace', nonce: 12346 },
      { name: 'another', nonce: 12345 },
    ]) {
      const shares = [await good(stage)]
      const call = { kind: 'injectShares', namespace, shares, approvals: [] } as const
      expect(await stage.world.call(stage.node, call)).toMatchObject({ code: 'NAMESPACE_MISMATCH' })
    }
    expect(stage.node.custody.view().shares).toEqual({ have: 0, need: 2, by: [] })
  })

  test('more shares than there are holders are refused unread', async () => {
    const stage = await staged()
    const shares = new Array(4).fill(await good(stage))
    expect(await inject(stage, shares)).toMatchObject({ code: 'TOO_MANY_SHARES' })
  })
})

describe('shares that do not make the key of the manifest', () => {
  /** A manifest that names the key of another genesis beside the commitments of this one, approved by everybody. */
  async function mixedUp(): Promise<Stage> {
    const stage = await staged()
    const other = await genesisAt(stage.world, stage.world.boot('other'))
    const { manifest } = stage.genesis.envelope
    const { quorumKey } = other.genesis.envelope.manifest.namespace
    const mixed = { ...manifest, namespace: { ...manifest.namespace, quorumKey } }
    const node = stage.world.boot('victim')
    const envelope = inJson(mixed, stage.holders)
    await stage.world.call(node, { kind: 'bootStandard', envelope })
    const genesis = { ...stage.genesis, envelope: { manifest: mixed, approvals: [] } }
    return { ...stage, node, genesis }
  }

  test('are dropped, all of that try, and the key is held by nobody', async () => {
    const stage = await mixedUp()
    const { world, node, holders } = stage
    const attestation = await attestationOf(world, node)
    const { manifest } = stage.genesis.envelope
    const genuine = (await staged()).genesis
    expect(genuine.quorumKey).not.toBe(manifest.namespace.quorumKey)
    const first = world.nodes[0]!
    const output = await world.call(first, { kind: 'genesisOutput' })
    if (output?.kind !== 'genesis') throw new Error('the first node made a key')
    const shares = holders
      .slice(0, 2)
      .map(holder => entryOf({ holder, share: openedShare(holder, output), manifest, attestation }))
    expect(await inject(stage, shares)).toMatchObject({ code: 'KEY_MISMATCH' })
    expect(node.custody.view()).toMatchObject({
      phase: 'WaitingForQuorumShards',
      shares: { have: 0, need: 2 },
    })
    expect(world.unwiped()).toBe(0)
  })

  test('that nobody ever combines are dropped in time, and may be brought again', async () => {
    const stage = await staged()
    const { world, node } = stage
    world.fate = (_, { kind }) => (kind === 'combine' ? 'lose' : 'pass')
    const shares = (await entriesFor(world, node, stage)).slice(0, 2)
    const namespace = namespaceOf(stage)
    const request = world.begin(node, { kind: 'injectShares', namespace, shares, approvals: [] })
    await world.run()
    expect(await inject(stage, shares)).toMatchObject({ code: 'BUSY' })
    await world.pass(31_000)
    expect(world.outcome(request)).toMatchObject({ code: 'COMBINE_FAILED' })
    expect(world.unwiped()).toBe(0)
    const late = node.log.find(effect => effect.kind === 'combine')
    const secret = new Secret(new Uint8Array(32).fill(7))
    world.feed(node, { kind: 'combined', job: late?.kind === 'combine' ? late.job : 0, secret })
    expect(secret.isWiped).toBe(true)
    world.fate = () => 'pass'
    expect(await inject(stage, shares)).toMatchObject({ isProvisioned: true })
  })

  test.each([[null], [new Uint8Array(31)], [new Uint8Array(32).fill(9)]])(
    'whatever the combination gives',
    async bytes => {
      const stage = await staged()
      const { world, node } = stage
      world.fate = (_, { kind }) => (kind === 'combine' ? 'lose' : 'pass')
      const shares = (await entriesFor(world, node, stage)).slice(0, 2)
      const namespace = namespaceOf(stage)
      const request = world.begin(node, { kind: 'injectShares', namespace, shares, approvals: [] })
      await world.run()
      const combine = node.log.find(effect => effect.kind === 'combine')
      const secret = bytes === null ? null : new Secret(bytes.slice())
      world.feed(node, {
        kind: 'combined',
        job: combine?.kind === 'combine' ? combine.job : 0,
        secret,
      })
      await world.run()
      expect(world.outcome(request)).toMatchObject({ code: 'KEY_MISMATCH' })
      expect(secret?.isWiped ?? true).toBe(true)
      expect(world.unwiped()).toBe(0)
      expect(node.custody.view().phase).toBe('WaitingForQuorumShards')
    },
  )

  test('that nobody completes within a day are wiped', async () => {
    const stage = await staged()
    const { world, node } = stage
    await inject(stage, (await entriesFor(world, node, stage)).slice(0, 1))
    await world.pass(23 * 3_600_000)
    expect(node.custody.view().shares?.have).toBe(1)
    await world.pass(2 * 3_600_000)
    expect(node.custody.view().shares?.have).toBe(0)
    expect(
      node.log.some(effect => effect.kind === 'event' && effect.code === 'SHARES_LAPSED'),
    ).toBe(true)
    expect(await injectAt(world, node, stage)).toMatchObject({ isProvisioned: true })
  })
})
