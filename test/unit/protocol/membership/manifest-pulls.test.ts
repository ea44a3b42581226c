import { expect, test } from 'vitest'
import { bytesOfDigest, digestOf } from '../../../../src/base/ids.ts'
import { seconds } from '../../../../src/base/time.ts'
import { helloCodec } from '../../../../src/wire/hello.ts'
import { manifestAnswerCodec, manifestRequestCodec } from '../../../../src/wire/manifest-pull.ts'
import { network3, type TestNode, World } from './harness.ts'
import { digestOfText, manifest, shownBy } from './people.ts'

const later = (nonce: number, name = `manifest ${nonce}`) => ({
  ...manifest,
  nonce,
  hash: digestOfText(name),
})
const inForce = (node: TestNode) => node.manifests.at(-1)
const asksFor = (node: TestNode) =>
  node.effects('ask').filter(({ protocol }) => protocol === 'manifest')

/** Tells `to` in the name of `from` that another manifest is in force there. */
function claim(world: World, to: TestNode, from: TestNode, mark: { nonce: number; name: string }) {
  const bytes = helloCodec.encode({
    ...{ phase: 'active', removalDigest: bytesOfDigest(to.machine.removalDigest) },
    manifest: { nonce: mark.nonce, hash: bytesOfDigest(digestOfText(mark.name)) },
    ...{ possession: new Uint8Array(64), announcements: [], evidence: shownBy(from.member) },
  })
  world.feed(to, { kind: 'asked', request: -1, from: from.id, protocol: 'hello', bytes })
}

test('a manifest that one node takes is in force at all of them, and each fetches its body once', () => {
  const world = new World()
  const nodes = network3(world, ['a', 'b', 'c', 'd', 'e'])
  const next = later(manifest.nonce + 1)
  world.proven.push(next)
  world.govern(nodes[2] as TestNode, next)
  world.run(seconds(2))
  expect(nodes.map(inForce)).toEqual(nodes.map(() => next))
  expect(nodes.map(node => asksFor(node).length)).toEqual([1, 1, 0, 1, 1])
})

test('a member that names a manifest it cannot prove loses its connection, and nothing changes', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  b.manifests.push(later(9, 'never approved'))
  claim(world, a, b, { nonce: 9, name: 'never approved' })
  world.run(seconds(0.5))
  expect(a.events()).toContain('MANIFEST_REFUSED')
  expect(a.effects('disconnect')).toContainEqual({
    ...{ kind: 'disconnect', node: b.id, code: 'APPROVALS_MISSING' },
  })
  expect(inForce(a)).toBe(world.manifest)
})

test('a member that names manifests without end is asked for one at a time', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  world.intercept = ({ protocol }) => (protocol === 'manifest' ? 'drop' : 'pass')
  for (let nonce = 10; nonce < 200; nonce++) claim(world, a, b, { nonce, name: `made up ${nonce}` })
  expect(asksFor(a)).toHaveLength(1)
})

test('a lost answer is asked for again, by then from whoever still names the manifest', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const next = later(manifest.nonce + 1)
  world.proven.push(next)
  let dropped = 0
  world.intercept = ({ protocol, from }) => {
    if (protocol !== 'manifest' || from !== a || dropped > 0) return 'pass'
    dropped++
    return 'drop'
  }
  world.govern(b, next)
  world.run(seconds(15))
  expect(dropped).toBe(1)
  expect(inForce(a)).toBe(next)
})

test('two manifests of one nonce: each keeps its own, admits nobody new, releases no key, until the next', () => {
  const world = new World()
  const nodes = network3(world, ['a', 'b', 'c', 'd']) as [TestNode, TestNode, TestNode, TestNode]
  const [a, b, c, d] = nodes
  const [left, right] = [later(5, 'left'), later(5, 'right')]
  world.proven.push(left, right)
  for (const node of [a, b]) world.govern(node, left)
  for (const node of [c, d]) world.govern(node, right)
  world.run(seconds(2))
  expect(nodes.map(node => inForce(node)?.hash)).toEqual(
    [left, left, right, right].map(({ hash }) => hash),
  )
  expect(nodes.map(node => inForce(node)?.rival)).toEqual(
    [right, right, left, left].map(({ hash }) => hash),
  )
  const late = world.add('late', { manifest: left })
  world.run(seconds(3))
  expect(late.links.size).toBe(0)
  expect(a.machine.admissible(late.id, late.member.verdict, world.now)?.code).toBe(
    'MANIFEST_EQUIVOCATION',
  )
  const granted = a.effects('answer').length
  for (const node of nodes) world.sync(node, a)
  const next = later(6)
  world.proven.push(next)
  world.govern(a, next)
  world.run(seconds(5))
  expect([...nodes, late].map(inForce)).toEqual([...nodes, late].map(() => next))
  expect(late.links.size).toBe(4)
  expect(a.effects('answer').length).toBeGreaterThan(granted)
  const sealing = nodes.map(node => node.machine.sealingKey('traffic', world.now)?.id)
  expect(new Set(sealing).size).toBe(1)
})

test('a way of many steps is answered page by page', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const request = (skip: number) =>
    manifestRequestCodec.encode({ above: 0, hash: bytesOfDigest(manifest.hash), skip })
  const answerTo = (skip: number) => {
    const bytes = request(skip)
    const effects = world.feed(a, {
      ...{ kind: 'asked', request: -1, from: b.id, protocol: 'manifest', bytes },
    })
    const answer = effects.find(effect => effect.kind === 'answer')
    return manifestAnswerCodec.decode(answer?.kind === 'answer' ? answer.bytes : new Uint8Array())
  }
  const whole = answerTo(0)
  expect(whole.envelopes.map(digestOf)).toEqual([manifest.hash])
  expect(answerTo(1)).toEqual({ envelopes: [], hasMore: false })
})
