import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isApproved } from '../../../../src/attestation/custody/approvals.ts'
import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import {
  type CustodyPhase,
  custodyPhases,
  custodyTable,
} from '../../../../src/protocol/custody/phase.ts'
import type { CustodyEffect, CustodyRequest } from '../../../../src/protocol/custody/types.ts'
import { entryOf, manifestApprovals, openedShare, termsOf } from '../../../fakes/custody-people.ts'
import { type Ceremony, inJson, pivotHash } from '../../../fakes/custody-stages.ts'
import { type Call, CustodyWorld, type Fate, type WorldNode } from '../../../fakes/custody-world.ts'
import { testHolders } from '../../../fixtures/holders.ts'

const holders = testHolders(3)
const terms = termsOf(holders, 2, { pivot: { hash: pivotHash, restart: 'never', args: [] } })

/** What people and attackers have gathered, out of which they make their next request. */
interface Loot {
  readonly ceremonies: Ceremony[]
  readonly attestations: Uint8Array[]
  readonly exports: { readonly exported: Uint8Array; readonly signature: Uint8Array }[]
}

type Choose = (bound: number) => number
type Make = (loot: Loot, choose: Choose) => Call | undefined

const pick = <T>(all: readonly T[], choose: Choose): T | undefined => all[choose(all.length || 1)]

function spoilt(bytes: Uint8Array, choose: Choose): Uint8Array {
  const copy = bytes.slice()
  if (choose(4) === 0 && copy.length > 0) copy[choose(copy.length)]! ^= 1 << choose(8)
  return copy
}

const makers: readonly Make[] = [
  () => ({ kind: 'genesisBoot', terms }),
  () => ({ kind: 'genesisOutput' }),
  () => ({ kind: 'attestBoot' }),
  ({ ceremonies }, choose) => {
    const manifest = pick(ceremonies, choose)?.genesis.envelope.manifest
    const approvers = holders.slice(0, choose(4))
    return (
      manifest && { kind: 'bootStandard', envelope: spoilt(inJson(manifest, approvers), choose) }
    )
  },
  ({ ceremonies }, choose) => {
    const manifest = pick(ceremonies, choose)?.genesis.envelope.manifest
    const approvers = holders.slice(0, choose(4))
    return manifest && { kind: 'shareManifest', envelope: inJson(manifest, approvers) }
  },
  injected,
  injected,
  ({ ceremonies, attestations }, choose) => {
    const manifest = pick(ceremonies, choose)?.genesis.envelope.manifest
    const attestation = pick(attestations, choose)
    if (manifest === undefined || attestation === undefined) return undefined
    const envelope = inJson(manifest, holders.slice(0, choose(4)))
    return { kind: 'exportKey', envelope, attestation: spoilt(attestation, choose) }
  },
  ({ exports }, choose) => {
    const found = pick(exports, choose)
    if (found === undefined) return undefined
    const { exported, signature } = found
    return {
      kind: 'injectKey',
      exported: spoilt(exported, choose),
      signature: spoilt(signature, choose),
    }
  },
]

function injected({ ceremonies, attestations }: Loot, choose: Choose): Call | undefined {
  const [one, other] = [pick(ceremonies, choose), pick(ceremonies, choose)]
  const attestation = pick(attestations, choose)
  if (one === undefined || other === undefined || attestation === undefined) return undefined
  const { manifest } = other.genesis.envelope
  const shares = holders.slice(choose(3)).map(holder => {
    const share = openedShare(holder, one.genesis)
    const approvesManifest = choose(2) === 0
    const { alias, share: bytes } = entryOf({
      holder,
      share,
      manifest,
      attestation,
      approvesManifest,
    })
    return { alias, share: choose(8) === 0 ? spoilt(bytes, choose) : bytes }
  })
  const approvals = manifestApprovals(holders.slice(0, choose(3)), manifest).map(
    ({ alias, signature }) => ({ alias, signature: fromHex(signature)! }),
  )
  return { kind: 'injectShares', namespace: terms.namespace, shares, approvals }
}

const lastSeen = new WeakMap<WorldNode, CustodyPhase>()

/** What must be true of every node after every step. */
function expectSound(node: WorldNode): void {
  const { phase } = node.custody.view()
  // Nothing of this changes but with the phase.
  if (lastSeen.get(node) === phase) return
  lastSeen.set(node, phase)
  expect(phase).not.toBe('UnrecoverableError')
  const moves = node.log.flatMap(effect => (effect.kind === 'phaseChanged' ? [effect.phase] : []))
  let at: CustodyPhase = 'WaitingForBootInstruction'
  for (const to of moves) {
    expect(Object.values(custodyTable[at])).toContain(to)
    at = to
  }
  expect(at).toBe(phase)
  expect(custodyPhases).toContain(phase)
  const keys = node.custody.lend('open-own')
  const isHeld = !('code' in keys)
  expect(isHeld).toBe(phase === 'QuorumKeyProvisioned' || phase === 'ApplicationReady')
  if (!isHeld) return
  const { envelope } = node.custody
  expect(envelope && isApproved(envelope)).toBe(true)
  expect(toHex(keys.publicKey)).toBe(envelope?.manifest.namespace.quorumKey)
}

function gather(loot: Loot, effect: CustodyEffect): void {
  if (effect.kind !== 'reply') return
  const { answer } = effect
  if (answer.kind === 'genesis') {
    loot.ceremonies.push({ holders, threshold: 2, genesis: answer })
    loot.attestations.push(answer.attestation)
  } else if (answer.kind === 'attestation') loot.attestations.push(answer.attestation)
  else if (answer.kind === 'exported') loot.exports.push(answer)
}

const fates: readonly Fate[] = ['pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'lose', 'fail']

async function play(choose: Choose, steps: number): Promise<readonly CustodyPhase[]> {
  const world = new CustodyWorld()
  const loot: Loot = { ceremonies: [], attestations: [], exports: [] }
  const requests: number[] = []
  const nodes = ['one', 'two', 'three'].map(name => world.boot(name))
  const isCalm = choose(2) === 0
  world.fate = () => (isCalm ? 'pass' : (pick(fates, choose) ?? 'pass'))
  world.settled = (node, effect) => {
    gather(loot, effect)
    expectSound(node)
  }
  for (let step = 0; step < steps; step++) {
    const i = choose(nodes.length)
    const node = nodes[i]!
    if (choose(40) === 0) {
      world.kill(node)
      nodes[i] = world.boot(node.name)
    } else if (choose(6) === 0) await world.pass(choose(40_000))
    else {
      world.handler = pick([null, pivotHash, '00'.repeat(32)], choose) ?? null
      const call = pick(makers, choose)?.(loot, choose)
      if (call === undefined) continue
      requests.push(world.begin(node, call))
      if (choose(3) > 0) await world.run()
    }
    for (const each of nodes) expectSound(each)
  }
  await world.pass(10 * 60_000)
  const unanswered = requests.filter(request => world.outcome(request) === undefined)
  // Those of the dead, and those whose very answer was lost on its way.
  if (isCalm && world.nodes.length === 3) expect(unanswered).toEqual([])
  expectAnsweredOnce(world)
  const reached = world.nodes.map(node => node.custody.view().phase)
  for (const node of world.nodes) if (node.isAlive) node.custody[Symbol.dispose]()
  expect(world.unwiped()).toBe(0)
  return reached
}

function expectAnsweredOnce(world: CustodyWorld): void {
  for (const { log } of world.nodes) {
    const answered = log.flatMap(effect =>
      effect.kind === 'reply' || effect.kind === 'refuse' || effect.kind === 'answer'
        ? [effect.request]
        : [],
    )
    expect(new Set(answered).size).toBe(answered.length)
  }
}

test('whatever comes in whatever order, the table holds, nothing throws and no key is held without its manifest', async () => {
  const reached = new Set<CustodyPhase>()
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat(0x7fffffff)), async stream => {
      const choose: Choose = bound => Number(stream.next().value) % bound
      for (const phase of await play(choose, 40)) reached.add(phase)
    }),
    { numRuns: 50 },
  )
  // The walk is no walk in one room: it comes to every phase in which a node may rest.
  expect(reached).toContain('WaitingForQuorumShards')
  expect(reached).toContain('WaitingForForwardedKey')
  expect(reached).toContain('ApplicationReady')
})

const bytes = fc.uint8Array({ maxLength: 80 })
const hostile: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ kind: fc.constant('bootStandard' as const), envelope: bytes }),
  fc.record({ kind: fc.constant('shareManifest' as const), envelope: bytes }),
  fc.record({ kind: fc.constant('exportKey' as const), envelope: bytes, attestation: bytes }),
  fc.record({ kind: fc.constant('injectKey' as const), exported: bytes, signature: bytes }),
  fc.record({
    kind: fc.constant('injectShares' as const),
    namespace: fc.constant(terms.namespace),
    shares: fc.array(fc.record({ alias: fc.string(), share: bytes }), { maxLength: 3 }),
    approvals: fc.array(fc.record({ alias: fc.string(), signature: bytes }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('genesisBoot' as const),
    terms: fc.anything() as fc.Arbitrary<never>,
  }),
)

test('bytes of strangers are refused with a code and a next step, in whichever phase', async () => {
  const world = new CustodyWorld()
  const [fresh, waiting] = ['fresh', 'waiting'].map(name => world.boot(name))
  await world.call(waiting!, { kind: 'genesisBoot', terms })
  await fc.assert(
    fc.asyncProperty(hostile, fc.constantFrom(fresh!, waiting!), async (call, node) => {
      const outcome = await world.call(node, call)
      expectSound(node)
      if (call.kind === 'injectShares' && node === waiting) {
        expect(outcome).toMatchObject({ kind: 'shares', accepted: [] })
      } else {
        expect(outcome).toMatchObject({ kind: 'refused', next: expect.stringMatching(/\.$/) })
      }
    }),
    { numRuns: 300 },
  )
})

/** Numbers are shared by callers and members; whoever gives one twice hears of the first. */
test('a number that is given twice is answered once', async () => {
  const world = new CustodyWorld()
  const node = world.boot('one')
  const request: CustodyRequest = { kind: 'genesisBoot', request: 5, terms }
  world.feed(node, request)
  world.feed(node, request)
  await world.run()
  expectAnsweredOnce(world)
  expect(world.outcome(5)).toMatchObject({ kind: 'genesis' })
})
