/** Few copies on real libp2p, and everything still arrives when a link is cut, stalls, or a neighbour lies. */
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { keyOfNodeId, type NodeId } from '../../../../src/base/ids.ts'
import { chokeCodec } from '../../../../src/wire/choke.ts'
import { type RealNode, rawMember, startedNode } from '../../../fixtures/net-node.ts'
import { until } from '../../../fixtures/patience.ts'
import { stallingProxy } from '../../../fixtures/stalling-proxy.ts'

const running: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(each => each.stop()))
})

async function started(...args: Parameters<typeof startedNode>): Promise<RealNode> {
  const node = await startedNode(...args)
  running.push(node.net)
  return node
}

async function network(size: number): Promise<readonly RealNode[]> {
  const first = await started('n0')
  const nodes = [first]
  for (let i = 1; i < size; i++) nodes.push(await started(`n${i}`, { bootstrap: [first.address] }))
  await until(() => nodes.every(node => node.net.connections().length === size - 1))
  return nodes
}

let count = 0
/** Publishes and answers with the text, which names its author. */
async function say(from: RealNode): Promise<string> {
  const text = `${count++} by ${from.admission.node}`
  await from.net.publish('delta', utf8(text))
  return text
}

const heard = (node: RealNode, texts: readonly string[]): boolean => {
  const all = new Set(node.handlers.heard.map(({ text }) => text))
  return texts.every(text => all.has(text))
}

/**
 * Whether it holds within ten seconds. Names of messages are told for three: on a machine that stands still for longer some are
 * missed, which anti-entropy makes up for and gossip does not.
 */
async function soon(condition: () => boolean): Promise<boolean> {
  const end = Date.now() + 10_000
  await until(() => condition() || Date.now() > end)
  return condition()
}

/** Lets each node in turn be heard by all others, until no copy is needless any more. */
async function settled(nodes: readonly RealNode[]): Promise<void> {
  for (let turn = 0; ; turn++) {
    if (turn === 60) throw new Error('copies do not become few')
    const before = duplicatesOf(nodes)
    let isHeard = true
    for (const from of nodes) {
      const text = await say(from)
      const others = nodes.filter(node => node !== from)
      const end = Date.now() + 500
      await until(() => others.every(node => heard(node, [text])) || Date.now() > end)
      isHeard &&= others.every(node => heard(node, [text]))
    }
    await new Promise(resolve => setTimeout(resolve, 100))
    if (isHeard && duplicatesOf(nodes) === before) return
  }
}

const duplicatesOf = (nodes: readonly RealNode[]): number =>
  nodes.reduce((sum, node) => sum + node.net.gossipCounts().duplicates, 0)

const receivedBy = (nodes: readonly RealNode[]): number =>
  nodes.reduce((sum, node) => sum + node.net.gossipCounts().received, 0)

test('where all are connected, at most one copy in five is needless', async () => {
  const nodes = await network(6)
  await settled(nodes)
  const before = { duplicates: duplicatesOf(nodes), received: receivedBy(nodes) }
  const texts: string[] = []
  for (let turn = 0; turn < 20; turn++) {
    for (const node of nodes) texts.push(await say(node))
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const own = (node: RealNode): readonly string[] =>
    texts.filter(text => !text.endsWith(node.admission.node))
  await until(() => nodes.every(node => heard(node, own(node))))
  const received = receivedBy(nodes) - before.received
  expect(received).toBe(texts.length * (nodes.length - 1))
  expect((duplicatesOf(nodes) - before.duplicates) / received).toBeLessThanOrEqual(0.2)
})

/** Closes the connection between two nodes for good. */
function keepApart(one: RealNode, other: RealNode): Promise<void> {
  one.admission.bars.set(other.admission.node, { code: 'TEST', facts: {} })
  return one.net.disconnect(other.admission.node, 'TEST')
}

test('who lost its link to an author goes on hearing it through others', async () => {
  const nodes = await network(5)
  await settled(nodes)
  const [author, cutOff] = [nodes[0]!, nodes[4]!]
  const texts: string[] = []
  for (let turn = 0; turn < 30; turn++) {
    if (turn === 10) void keepApart(author, cutOff)
    texts.push(await say(author))
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  await until(() => nodes.slice(1).every(node => heard(node, texts)))
  expect(author.net.connections().map(({ node }) => node)).not.toContain(cutOff.admission.node)
})

test('who hears nothing more on an open link to an author hears it through others', async () => {
  const author = await started('n0')
  const proxy = await stallingProxy(author.address)
  running.push(proxy)
  const helper = await started('n1', { bootstrap: [author.address] })
  const deaf = await started('n2', { bootstrap: [proxy.address] })
  const nodes = [author, helper, deaf]
  await until(() => nodes.every(node => node.net.connections().length === 2))
  await settled(nodes)
  proxy.stall()
  let texts: string[] = []
  await until(async () => {
    texts = []
    for (let turn = 0; turn < 30; turn++) {
      texts.push(await say(author))
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    return await soon(() => heard(deaf, texts))
  })
  expect(deaf.net.connections().map(({ node }) => node)).toContain(author.admission.node)
  const rescued = deaf.handlers.heard.filter(({ text }) => texts.includes(text))
  expect(new Set(rescued.map(({ from }) => from))).toEqual(new Set([helper.admission.node]))
})

test('a neighbour that chokes everybody’s messages keeps them from nobody else', async () => {
  const nodes = await network(4)
  await settled(nodes)
  const liar = await rawMember('liar')
  running.push(liar.libp2p)
  const everybody: NodeId[] = nodes.map(node => node.admission.node)
  const frame = chokeCodec.encode({ choked: everybody.map(keyOfNodeId), wanted: [] })
  for (const node of nodes) {
    // Whoever heard of the liar may have dialled it meanwhile, and one connection is enough for both.
    await liar.libp2p.dial(multiaddr(node.address)).catch(() => undefined)
    const linked = () =>
      liar.libp2p
        .getConnections()
        .find(({ remotePeer }) => remotePeer.toString() === node.admission.node)
    await until(() => linked() !== undefined)
    const stream = await linked()!.newStream('/coterie/tell/choke/1')
    stream.send(Uint8Array.of((frame.length & 0x7f) | 0x80, frame.length >> 7, ...frame))
  }
  const [author, cutOff] = [nodes[0]!, nodes[3]!]
  await keepApart(author, cutOff)
  const texts = [await say(author), await say(author)]
  await until(() => nodes.slice(1).every(node => heard(node, texts)))
})
