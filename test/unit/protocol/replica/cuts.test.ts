/** Cuts and proofs of whole replicas that write all the time. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import type { Instant } from '../../../../src/base/time.ts'
import type { ReplicaRoots } from '../../../../src/protocol/replica/types.ts'
import { decodeKeyProof, encodeKeyProof, verifyKeyProof } from '../../../../src/wire/state-proof.ts'
import { FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

function cutOf(network: FakeNetwork, node: FakeNode): number {
  const now = node.replica.groupClock(network.now as Instant) ?? 0
  return Math.floor((now - 2000) / 1000) * 1000
}

/** The roots of each node at the latest cut that all of them know. */
function commitAll(network: FakeNetwork): {
  readonly ms: number
  readonly roots: (ReplicaRoots | undefined)[]
} {
  const ms = Math.min(...network.nodes.map(node => cutOf(network, node)))
  const roots = network.nodes.map(node => node.replica.cuts.commit(ms, network.now as Instant))
  return { ms, roots }
}

const hex = (roots: ReplicaRoots | undefined): string =>
  roots === undefined ? '' : toHex(roots.root)

/** All write all the time: hot keys, sets, values beside each other, counters, deletions. */
function writeSome(network: FakeNetwork): void {
  for (const node of network.nodes) {
    const n = Math.floor(network.random() * 5)
    const place = n % 2 === 0 ? 'public' : 'secret'
    const way = Math.floor(network.random() * 6)
    if (way === 0)
      network.write(node, { kind: 'add', key: `${place}/set${n}`, element: utf8(`${n}`) }, 'local')
    else if (way === 1)
      network.write(
        node,
        { kind: 'remove', key: `${place}/set${n}`, element: utf8(`${n}`) },
        'local',
      )
    else if (way === 2)
      network.write(
        node,
        { kind: 'assign', key: `${place}/multi${n}`, value: utf8(`${network.now}`) },
        'local',
      )
    else if (way === 3)
      network.write(node, { kind: 'increment', key: `${place}/sum${n}`, by: 1 }, 'local')
    else if (way === 4) network.write(node, { kind: 'delete', key: `${place}/hot${n}` }, 'local')
    else network.set(node, `${place}/hot${n}`, `${network.now}`, 'local')
  }
}

/** Batches of one author come in order, as they do over one connection; those of different authors do not. */
function motion(seed: number, nodes = 4): FakeNetwork {
  const network = new FakeNetwork({ seed, delayMax: 19 })
  network.found()
  for (let i = 1; i < nodes; i++) network.join()
  // What moved before the first look was not followed: cuts are known once they lie after it.
  for (let second = 0; second < 4; second++) {
    network.beatFor(1)
    if (second > 0) commitAll(network)
  }
  return network
}

test('replicas in motion agree on a cut two seconds back, and their roots of the moment differ', () => {
  let [differed, known, agreed] = [0, 0, 0]
  for (const seed of [1, 2, 3]) {
    const network = motion(seed)
    for (let second = 0; second < 12; second++) {
      for (let i = 0; i < 50; i++) {
        writeSome(network)
        network.run(20)
      }
      // The last writes are still on their way.
      writeSome(network)
      const now = network.nodes.map(node => hex(node.replica.roots()))
      if (new Set(now).size > 1) differed++
      network.run(20)
      const { roots } = commitAll(network)
      if (roots.includes(undefined)) continue
      known++
      if (new Set(roots.map(hex)).size === 1) agreed++
    }
  }
  expect(differed).toBeGreaterThan(30)
  expect(known).toBe(36)
  expect(agreed).toBe(known)
})

test('what a key held at each of the last ten cuts is proven, while it is written all the time', () => {
  const network = motion(7, 3)
  const [node] = network.nodes as [FakeNode]
  const { cuts } = node.replica
  const told: { readonly ms: number; readonly root: Uint8Array; readonly held: string[] }[] = []
  for (let second = 0; second < 10; second++) {
    for (let i = 0; i < 25; i++) {
      writeSome(network)
      network.run(40)
    }
    const ms = cutOf(network, node)
    const roots = cuts.commit(ms, network.now as Instant)
    if (roots === undefined) throw new Error('so little is followed')
    told.push({
      ms,
      root: roots.root,
      held: [0, 2, 4].map(n => shown(ms, roots.root, `public/hot${n}`)),
    })
    for (const cut of told) {
      expect([0, 2, 4].map(n => shown(cut.ms, cut.root, `public/hot${n}`))).toEqual(cut.held)
      expect(shown(cut.ms, cut.root, 'public/never')).toBe('')
    }
  }
  expect(new Set(told.map(({ held }) => held.join())).size).toBeGreaterThan(5)

  function shown(ms: number, root: Uint8Array, key: string): string {
    const made = cuts.prove(ms, key)
    if (typeof made === 'string') throw new Error(made)
    const proof = decodeKeyProof(encodeKeyProof(made.proof))
    const leaves = verifyKeyProof(proof, { key, isPublic: true, root })
    expect(leaves, key).toBeDefined()
    return (leaves ?? []).map(({ value }) => fromUtf8(value)).join()
  }
})

test('a private key is proven to nobody, and no cut that was not told', () => {
  const network = motion(9, 2)
  const [node] = network.nodes as [FakeNode]
  const { cuts } = node.replica
  network.set(node, 'secret/a', 'a', 'local')
  network.set(node, 'public/a', 'a', 'local')
  network.beatFor(5)
  const ms = cutOf(network, node)
  expect(cuts.prove(ms, 'public/a')).toBe('CHECKPOINT_GONE')
  expect(cuts.commit(ms, network.now as Instant)).toBeDefined()
  expect(cuts.prove(ms, 'secret/a')).toBe('NOT_PUBLIC')
  expect(cuts.prove(ms, 'publi')).toBe('NOT_PUBLIC')
  expect(cuts.prove(ms, '')).toBe('BAD_KEY')
  expect(cuts.prove(ms, '\ud800')).toBe('BAD_KEY')
  expect(cuts.prove(ms, `public/${'x'.repeat(512)}`)).toBe('KEY_TOO_LONG')
  expect(cuts.prove(ms - 1000, 'public/a')).toBe('CHECKPOINT_GONE')
  expect(typeof cuts.prove(ms, 'public/a')).toBe('object')
})

test('a cut is told once: what comes afterwards with an older stamp moves the next one', () => {
  const network = motion(11, 2)
  const [node] = network.nodes as [FakeNode]
  network.set(node, 'public/a', 'a', 'local')
  network.beatFor(5)
  const ms = cutOf(network, node)
  const first = node.replica.cuts.commit(ms, network.now as Instant)
  network.set(node, 'public/b', 'b', 'local')
  network.run(10)
  expect(node.replica.cuts.commit(ms, network.now as Instant)).toBe(first)
  expect(node.replica.cuts.commit(ms - 1000, network.now as Instant)).toBeUndefined()
  network.run(3000)
  const later = node.replica.cuts.commit(cutOf(network, node), network.now as Instant)
  expect(hex(later)).not.toBe(hex(first))
  expect(hex(later)).toBe(hex(node.replica.roots()))
})
