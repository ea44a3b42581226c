/** What a liar that has just joined achieves, and what one that answers a joiner first: nothing that stays. */
import { expect, test } from 'vitest'
import { toHex } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import { type Instant, minutes } from '../../../../src/base/time.ts'
import { identityKey } from '../../../../src/protocol/replica/entry-hash.ts'
import { encodeSketchAnswer, isReconcileQuestion } from '../../../../src/wire/reconcile.ts'
import { SyncPageWriter, syncAnswerCodec } from '../../../../src/wire/sync.ts'
import { commitKey, FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const hour = 3_600_000
const minute = 60_000
const keys = Array.from({ length: 20 }, (_, i) => `key/${i}`)
const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const heldBy = ({ replica }: FakeNode): string[] => keys.filter(key => replica.get(key))

/** Members that hold entries of one of them, which dies; then hours pass while all stay in sync. */
function aged(hours: number, members: number): { network: FakeNetwork; nodes: FakeNode[] } {
  const network = new FakeNetwork({ seed: 5, replica: { syncInterval: minutes(10) } })
  const author = network.found()
  for (let i = 0; i < members; i++) network.join()
  network.beatFor(6)
  for (const key of keys) network.set(author, key, 'v', 'local')
  network.beatFor(6)
  network.kill(author)
  pass(network, hours)
  return { network, nodes: network.nodes.slice(1) }
}

function pass(network: FakeNetwork, hours: number): void {
  for (let i = 0; i < hours * 4; i++) {
    network.run(hour / 4)
    network.beatFor(2)
  }
}

/** From now on `liar` says that it saw all that anybody ever wrote, and holds nothing. */
function withhold(network: FakeNetwork, liar: FakeNode): void {
  const marks = network.nodes.map(({ id }) => ({ author: identityKey(id), mark: 1_000_000 }))
  if (liar.phase === 'joining') network.activate(liar)
  liar.rootLie = new Uint8Array(32).fill(liar.index)
  liar.answerLie = question => {
    const groupClock = liar.replica.groupClock(network.now as Instant) ?? 0
    const said = { log: new Uint8Array(16).fill(3), groupClock, syncedAt: groupClock }
    if (isReconcileQuestion(question)) {
      const numbers = { head: 1, floor: groupClock, sequence: 0, held: 0 }
      return encodeSketchAnswer({ ...said, ...numbers, symbols: new Uint32Array(0) })
    }
    const page = new SyncPageWriter().finish(
      () => new Uint8Array(32),
      () => bytesOfDigest(commitKey),
    )
    return syncAnswerCodec.encode({
      ...said,
      next: 1,
      isLast: true,
      marks,
      floor: groupClock,
      page,
    })
  }
}

/** A joiner that knows the time and reaches `only` alone. */
function joinThrough(network: FakeNetwork, only: FakeNode): FakeNode {
  const joiner = network.join()
  for (const node of network.nodes) if (node !== only) network.disconnect(joiner, node)
  for (const { id, isAlive, replica } of network.nodes) {
    const groupClock = replica.groupClock(network.now as Instant) ?? 0
    if (isAlive && groupClock > 0) {
      network.feed(joiner, { kind: 'beat', node: id, root: null, groupClock })
    }
  }
  return joiner
}

test('who was in sync for 26 hours drops nothing on the word of a newcomer, or of two', () => {
  for (const liars of [1, 2]) {
    const { network, nodes } = aged(26, 3)
    expect(nodes.map(node => heldBy(node).length)).toEqual([20, 20, 20])
    for (let i = 0; i < liars; i++) withhold(network, network.join())
    // Long enough for every remedy against a difference that stays.
    network.beatFor(90)
    expect(nodes.map(node => heldBy(node).length)).toEqual([20, 20, 20])
    expect(new Set(nodes.map(rootOf)).size).toBe(1)
  }
})

test('a founder that was alone for 26 hours drops nothing on the word of the first who comes', () => {
  const network = new FakeNetwork({ seed: 6 })
  const founder = network.found()
  for (const key of keys) network.set(founder, key, 'v', 'local')
  pass(network, 26)
  withhold(network, network.join())
  network.beatFor(60)
  expect(heldBy(founder)).toEqual(keys)
})

test('a newcomer that lies about its time and its floor is not believed the second time either', () => {
  const { network, nodes } = aged(26, 3)
  const liar = network.join()
  withhold(network, liar)
  const honestly = liar.answerLie
  liar.answerLie = question => {
    const bytes = honestly?.(question)
    if (bytes === undefined || isReconcileQuestion(question)) return bytes
    const answer = syncAnswerCodec.decode(bytes)
    return syncAnswerCodec.encode({ ...answer, groupClock: 1, floor: 2 ** 47 })
  }
  for (let i = 0; i < 10; i++) {
    network.beatFor(20)
    network.run(10 * minute)
  }
  expect(nodes.map(node => heldBy(node).length)).toEqual([20, 20, 20])
})

test('what the first answerer of a joiner withheld, though it claims it, comes from the honest', () => {
  const { network, nodes } = aged(26, 4)
  const [liar, ...honest] = nodes as [FakeNode, FakeNode, FakeNode, FakeNode]
  withhold(network, liar)
  const joiner = joinThrough(network, liar)
  network.beatFor(5)
  expect(joiner.phase).toBe('active')
  expect(heldBy(joiner)).toEqual([])
  for (const node of honest) network.connect(joiner, node)
  network.beatFor(60)
  expect(heldBy(joiner)).toEqual(keys)
  expect(new Set([joiner, ...honest].map(rootOf)).size).toBe(1)
})

test('a liar does not speak through a joiner that it deceived', () => {
  const { network, nodes } = aged(26, 3)
  const [liar, a, b] = nodes as [FakeNode, FakeNode, FakeNode]
  withhold(network, liar)
  const joiner = joinThrough(network, liar)
  network.beatFor(5)
  network.disconnect(joiner, liar)
  const late = joinThrough(network, joiner)
  network.beatFor(5)
  expect(late.phase).toBe('active')
  for (const node of [a, b]) network.connect(late, node)
  for (const node of [a, b]) network.connect(joiner, node)
  network.beatFor(60)
  for (const node of [a, b, joiner, late]) expect(heldBy(node)).toEqual(keys)
  expect(rootOf(late)).toBe(rootOf(a))
})
