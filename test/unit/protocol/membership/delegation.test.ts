import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest, type Digest } from '../../../../src/base/ids.ts'
import { minutes, seconds } from '../../../../src/base/time.ts'
import type { SigningKey } from '../../../../src/crypto/sign.ts'
import {
  type DelegatedResult,
  decodeResult,
  delegatedResultCodec,
  type ResultsAnswer,
  resultHashes,
  resultsAnswerCodec,
  resultsMessage,
  resultsRequestCodec,
  verifyResults,
} from '../../../../src/wire/delegated-result.ts'
import { evidenceDigest } from '../../../../src/wire/evidence.ts'
import { type TestNode, World } from './harness.ts'
import {
  certificate,
  digestOfText,
  identity,
  manifest,
  type NodeSetup,
  network,
  policyInForce,
} from './people.ts'

const delegated = { ...manifest, delegation: { k: 2, policy: policyInForce.policy } }

/** Names in the order of the ids behind them: the first are the signers that everybody asks. */
function namesById(count: number): string[] {
  const names = Array.from({ length: count }, (_, i) => `node ${i}`)
  return names.toSorted((left, right) =>
    identity(left).member.node < identity(right).member.node ? -1 : 1,
  )
}

interface Star {
  readonly world: World
  readonly hubs: readonly TestNode[]
  readonly leaves: readonly TestNode[]
}

/** Hubs that reach everybody, and leaves that reach the hubs alone; all are active. */
function star(
  options: {
    hubs?: number
    leaves?: number
    setups?: Readonly<Record<number, NodeSetup>>
    manifest?: typeof delegated
  } = {},
): Star {
  const { hubs: hubCount = 2, leaves: leafCount = 2 } = options
  const world = new World({ manifest: options.manifest ?? delegated })
  const hubs: TestNode[] = []
  world.canReach = (left, right) => hubs.includes(left) || hubs.includes(right)
  const nodes = namesById(hubCount + leafCount).map((name, i) => {
    const setup = { isFounder: i === 0, ...options.setups?.[i] }
    const node = world.add(name, setup)
    if (i < hubCount) hubs.push(node)
    if (i === 0) world.run(seconds(8))
    return node
  })
  world.run(seconds(4))
  for (const node of nodes.slice(1)) world.sync(node, nodes[0] as TestNode)
  world.run(seconds(4))
  world.looks.splice(0)
  return { world, hubs, leaves: nodes.slice(hubCount) }
}

/** `node` hears of `author` through the first hub, and time passes. */
function hear({ world, hubs }: Star, node: TestNode, author: TestNode, span = seconds(3)): void {
  world.feed(node, { kind: 'unknownAuthor', author: author.id, from: (hubs[0] as TestNode).id })
  world.run(span)
}

/** How often this node's evidence was looked at in full. */
const looksAt = ({ world }: Star, node: TestNode): number =>
  world.looks.filter(evidence => evidenceDigest(evidence) === evidenceDigest(node.member.evidence))
    .length

const restsOf = ({ world }: Star, node: TestNode, other: TestNode) =>
  node.machine.member(other.id, world.now)?.rests

test('two results of independent signers stand for a look of one’s own', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  hear(made, a, b, seconds(1))
  expect(looksAt(made, b)).toBe(0)
  const by = made.hubs.map(({ id }) => id).toSorted()
  expect(restsOf(made, a, b)?.by.toSorted()).toEqual(by)
  expect(a.machine.member(b.id, made.world.now)?.isFresh).toBe(true)
})

test('without delegation in the manifest everybody looks', () => {
  const made = star({ manifest: { ...delegated, delegation: null } as never })
  const [a, b] = made.leaves as [TestNode, TestNode]
  hear(made, a, b)
  expect(restsOf(made, a, b)).toBeNull()
  expect(looksAt(made, b)).toBe(1)
})

test('what others said is said again before it runs out', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  hear(made, a, b)
  made.world.run(minutes(25))
  expect(a.machine.isMember(b.id, made.world.now)).toBe(true)
})

/** Changes the results that `signer` gives to `node`: what a signer that runs other software might say. */
function forge(
  world: World,
  by: { readonly signer: TestNode; readonly to: TestNode },
  change: (result: DelegatedResult, policy: Uint8Array) => DelegatedResult,
  options: { readonly policy?: Digest; readonly key?: SigningKey } = {},
): void {
  const feed = world.feed.bind(world)
  world.feed = (node, input) => {
    const answer = node === by.to && input.kind === 'answered' ? answerOf(input.bytes) : undefined
    const isTheirs = answer !== undefined && isSignedBy(answer, by.signer)
    if (input.kind !== 'answered' || !isTheirs) return feed(node, input)
    const policy = options.policy === undefined ? answer.policy : bytesOfDigest(options.policy)
    const results = answer.results.map(bytes =>
      delegatedResultCodec.encode(change(decodeResult(bytes), policy)),
    )
    const signer = by.signer.member.keys.identity
    const signed = { signer, policy, lifeMs: answer.lifeMs, hashes: resultHashes(results) }
    const signature = (options.key ?? by.signer.signing).sign(resultsMessage(network, signed))
    const bytes = resultsAnswerCodec.encode({ ...answer, policy, results, signature })
    return feed(node, { ...input, bytes })
  }
}

function answerOf(bytes: Uint8Array): ResultsAnswer | undefined {
  try {
    const answer = resultsAnswerCodec.decode(bytes)
    return answer.results.length === 0 ? undefined : answer
  } catch {
    // Another family's answer.
    return undefined
  }
}

function isSignedBy(
  { policy, lifeMs, results, signature }: ResultsAnswer,
  node: TestNode,
): boolean {
  const signer = node.member.keys.identity
  return verifyResults(
    network,
    { signer, policy, lifeMs, hashes: resultHashes(results) },
    signature,
  )
}

/** `a` hears of `b`, beat after beat, and nobody's word is enough for it: it looks itself, as soon as if it had heard once. */
function expectOwnLook(made: Star): void {
  const [a, b] = made.leaves as [TestNode, TestNode]
  for (let beat = 0; beat < 5; beat++) hear(made, a, b, seconds(1))
  expect(restsOf(made, a, b)).toBeNull()
  expect(looksAt(made, b)).toBe(1)
}

test('results of two identities on one machine are the word of one', () => {
  const machine = { instance: 'one machine' }
  expectOwnLook(star({ setups: { 0: machine, 1: machine } }))
})

test('results of two machines of one owner are the word of one', () => {
  expectOwnLook(star({ setups: { 0: { owner: 'ann' }, 1: { owner: 'ann' } } }))
})

test('results of machines that nobody named an owner for count for nothing', () => {
  expectOwnLook(star({ setups: { 0: { owner: null }, 1: { owner: 'ann' } } }))
})

test('results of machines of two owners are the word of two', () => {
  const made = star({ setups: { 0: { owner: 'ben' }, 1: { owner: 'ann' } } })
  const [a, b] = made.leaves as [TestNode, TestNode]
  hear(made, a, b, seconds(1))
  expect(restsOf(made, a, b)?.by).toHaveLength(2)
})

test('a machine does not vouch for what runs on itself', () => {
  const machine = { instance: 'one machine' }
  expectOwnLook(star({ setups: { 0: machine, 3: machine } }))
})

test('whoever rests on the word of others is no signer, and says nothing of others', () => {
  const made = star({ leaves: 3 })
  const [a, b, c] = made.leaves as [TestNode, TestNode, TestNode]
  hear(made, a, b, seconds(1))
  expect(restsOf(made, a, b)).not.toBeNull()
  const { world } = made
  const subjects = [b.member.keys.identity]
  const asked = { kind: 'asked', request: 1, protocol: 'results' } as const
  const bytes = resultsRequestCodec.encode({ subjects })
  const said = (node: TestNode, from: TestNode) =>
    node.machine
      .step({ ...asked, from: from.id, bytes }, world.now)
      .flatMap(effect =>
        effect.kind === 'answer' ? [resultsAnswerCodec.decode(effect.bytes)] : [],
      )
  world.link(a, c)
  expect(restsOf(made, a, b)).not.toBeNull()
  expect(said(a, c)[0]?.results).toEqual([])
  expect(said(made.hubs[0] as TestNode, c)[0]?.results).toHaveLength(1)
})

const changes: readonly (readonly [string, (result: DelegatedResult) => DelegatedResult])[] = [
  ['other keys or evidence', result => ({ ...result, subject: new Uint8Array(32) })],
  ['another machine', result => ({ ...result, instance: new Uint8Array(32).fill(7) })],
  ['other software', result => ({ ...result, measurement: 'app 2' })],
  ['other registers', result => ({ ...result, registers: [] })],
]
for (const [what, change] of changes) {
  test(`a signer that speaks of ${what} is one too few`, () => {
    const made = star()
    const [a] = made.leaves as [TestNode]
    forge(made.world, { signer: made.hubs[0] as TestNode, to: a }, change)
    expectOwnLook(made)
  })
}

test('results under another policy count for nothing, and are no fault', () => {
  const made = star()
  const [a] = made.leaves as [TestNode]
  const policy = digestOfText('another policy')
  forge(made.world, { signer: made.hubs[0] as TestNode, to: a }, result => result, { policy })
  expectOwnLook(made)
  expect(a.effects('faulted')).toEqual([])
})

test('results with the signature of another are a fault of whoever gave them', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  const [signer] = made.hubs as [TestNode]
  forge(made.world, { signer, to: a }, result => result, { key: b.signing })
  hear(made, a, b, seconds(5))
  expect(a.effects('faulted')).toContainEqual({
    ...{ kind: 'faulted', node: signer.id, code: 'BAD_RESULTS' },
  })
  expect(restsOf(made, a, b)).toBeNull()
})

test('a result on somebody who was not asked for is a fault', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  const [signer] = made.hubs as [TestNode]
  const identity = a.member.keys.identity
  forge(made.world, { signer, to: a }, result => ({ ...result, identity }))
  hear(made, a, b, seconds(5))
  expect(a.effects('faulted').map(({ code }) => code)).toContain('BAD_RESULTS')
  expect(a.machine.isMember(a.id, made.world.now)).toBe(true)
})

test('results run out, and nobody rests on what ran out', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  made.world.rerun = () => undefined
  hear(made, a, b, seconds(1))
  const until = restsOf(made, a, b)?.until ?? 0
  expect(until - made.world.now).toBeLessThanOrEqual(minutes(10))
  for (const hub of made.hubs) made.world.kill(hub)
  made.world.run(minutes(10))
  // Nobody is left to say it again, so this node looked itself before it ran out.
  expect(restsOf(made, a, b)).toBeNull()
  expect(looksAt(made, b)).toBe(1)
})

test('a removed identity comes in on nobody’s word', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  made.world.intercept = ({ protocol }) => (protocol === 'announce' ? 'drop' : 'pass')
  const claim = { scope: 'identity', subject: b.member.keys.identity } as const
  made.world.feed(a, { kind: 'removalItems', items: [certificate(claim)] })
  hear(made, a, b, seconds(5))
  expect(a.machine.isMember(b.id, made.world.now)).toBe(false)
})

test('no key goes to whoever rests on others: the one who connects is looked at and must step up', () => {
  const made = star({ setups: { 3: { isFresh: false } } })
  const [a, b] = made.leaves as [TestNode, TestNode]
  hear(made, a, b, seconds(1))
  const { world } = made
  expect(a.machine.isMember(b.id, world.now)).toBe(true)
  expect(a.machine.isFresh(b.id, world.now)).toBe(false)
  world.canReach = () => true
  world.link(a, b)
  expect(restsOf(made, a, b)).toBeNull()
  expect(a.machine.isFresh(b.id, world.now)).toBe(false)
})

test('a lie about what lasts removes the liar everywhere, and drops whoever rested on it', () => {
  const made = star({ hubs: 3, leaves: 3 })
  const { world } = made
  const [a, b, c] = made.leaves as [TestNode, TestNode, TestNode]
  const liars = made.hubs.slice(0, 2) as [TestNode, TestNode]
  const registers = [{ name: 'measurement', value: utf8('app 2') }]
  for (const signer of liars) {
    forge(world, { signer, to: a }, result => ({ ...result, registers, measurement: 'app 2' }))
  }
  hear(made, a, b, seconds(1))
  expect(restsOf(made, a, b)?.by).toHaveLength(2)
  world.run(minutes(2))
  const removed = liars.filter(({ id }) => !a.machine.isMember(id, world.now))
  expect(removed).toHaveLength(1)
  const [liar] = removed as [TestNode]
  for (const node of [a, c, made.hubs[2] as TestNode]) {
    expect(node.machine.isMember(liar.id, world.now)).toBe(false)
    expect(node.machine.removalCount).toBe(1)
  }
  expect(a.effects('memberGone')).toContainEqual({
    ...{ kind: 'memberGone', node: b.id, code: 'RESULTS_WITHDRAWN' },
  })
  expect(a.machine.isMember(b.id, world.now)).toBe(false)
})

test('a lie about what passes makes nobody believe that signer here again, and removes nobody', () => {
  const made = star({ hubs: 3 })
  const { world } = made
  const [a, b] = made.leaves as [TestNode, TestNode]
  for (const signer of made.hubs.slice(0, 2)) {
    forge(world, { signer, to: a }, result => ({ ...result, tcb: 'SWHardeningNeeded' }))
  }
  hear(made, a, b, seconds(1))
  expect(restsOf(made, a, b)?.by).toHaveLength(2)
  world.run(minutes(2))
  expect(a.events()).toContain('RESULT_FALSE')
  expect(a.effects('memberGone').map(({ code }) => code)).toEqual(['RESULTS_WITHDRAWN'])
  for (const hub of made.hubs) expect(hub.machine.phase).toBe('active')
  hear(made, a, b, seconds(5))
  // One of two signers and the spare are left, which speak the truth against the other liar: so it looks itself.
  expect(a.machine.isMember(b.id, world.now)).toBe(true)
})

test('other endorsements or another time at the re-run accuse nobody', () => {
  for (const rerun of [() => undefined, undefined]) {
    const made = star()
    if (rerun !== undefined) made.world.rerun = rerun
    const [a, b] = made.leaves as [TestNode, TestNode]
    hear(made, a, b)
    made.world.wallOffset += 3_600_000
    made.world.run(minutes(5))
    expect(a.events()).toContain('RESULT_CHECKED')
    for (const hub of made.hubs) expect(a.machine.isMember(hub.id, made.world.now)).toBe(true)
    expect(a.events()).not.toContain('RESULT_FALSE')
    expect(a.machine.isMember(b.id, made.world.now)).toBe(true)
  }
})

test('after another policy nothing counts that was said under the old one', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  hear(made, a, b, seconds(1))
  const policy = digestOfText('another policy')
  const next = { ...delegated, nonce: 2, delegation: { k: 2, policy } }
  made.world.feed(a, { kind: 'manifestChanged', manifest: next })
  expect(restsOf(made, a, b)).toBeNull()
  expect(looksAt(made, b)).toBe(1)
})

test('a flood of questions is answered 150 times a minute', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  const [hub] = made.hubs as [TestNode]
  const bytes = resultsRequestCodec.encode({ subjects: [b.member.keys.identity] })
  const said = Array.from({ length: 200 }, (_, request) =>
    hub.machine
      .step({ kind: 'asked', request, from: a.id, protocol: 'results', bytes }, made.world.now)
      .flatMap(effect =>
        effect.kind === 'answer' ? resultsAnswerCodec.decode(effect.bytes).results : [],
      ),
  )
  expect(said.filter(results => results.length > 0)).toHaveLength(150)
})

test('waiting for others’ word costs a few steps and no spinning', () => {
  const made = star()
  const [a, b] = made.leaves as [TestNode, TestNode]
  made.world.rerun = () => undefined
  hear(made, a, b, seconds(1))
  let steps = 0
  const step = a.machine.step.bind(a.machine)
  a.machine.step = (input, now) => {
    steps++
    return step(input, now)
  }
  // The signers live and say nothing: what was said must be asked for again all the time until it runs out.
  made.world.intercept = ({ protocol }) => (protocol === 'results' ? 'drop' : 'pass')
  made.world.run(minutes(9.5))
  expect(restsOf(made, a, b)).toBeNull()
  expect(steps).toBeLessThan(2_000)
})
