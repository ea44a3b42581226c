import { expect, test } from 'vitest'
import { minutes, seconds } from '../../../../src/base/time.ts'
import { evidenceDigest } from '../../../../src/wire/evidence.ts'
import { type TestNode, World } from './harness.ts'
import { identity, manifest, type NodeSetup, policyInForce } from './people.ts'

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
