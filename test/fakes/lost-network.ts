/** A simulated network of which no node is left: a disk, the holders of its quorum key, and what people try with them. */
import { fromUtf8, utf8 } from '../../src/base/bytes.ts'
import { seconds } from '../../src/base/time.ts'
import type { CoterieNode } from '../../src/node/handle.ts'
import {
  checkpointCodec,
  claimCodec,
  recoveredIn,
  type ToldRecovery,
} from '../../src/wire/checkpoint.ts'
import { servedCheckpointCodec } from '../../src/wire/light-answers.ts'
import { HolderCircle } from './custody-network.ts'
import { FakeDisk } from './page-store.ts'
import { type SimulatedNode, type SimulatedNodeOptions, Simulation } from './simulation.ts'

/** Where a fresh node with the disk comes up: two were there before. */
export const survivorAddress = '/memory/2'

export class LostNetwork {
  readonly simulation: Simulation
  readonly disk = new FakeDisk()
  readonly circle: HolderCircle
  /** Root of the state when the last node died. */
  root = ''

  private constructor(seed: number) {
    this.simulation = new Simulation(seed)
    this.circle = new HolderCircle(this.simulation)
  }

  /** Two nodes wrote, kept a quorum key and a cache, and died to the last. `first` has the disk. */
  static async of(
    seed: number,
    write: (nodes: readonly SimulatedNode[], lost: LostNetwork) => Promise<void> = async () => {},
  ): Promise<LostNetwork> {
    const lost = new LostNetwork(seed)
    const { simulation } = lost
    const nodes = [await lost.startOn('node-0', { found: true }), await simulation.start('node-1')]
    await simulation.until(() => nodes.every(({ node }) => node.status().members.live === 2))
    const [first, second] = nodes as [SimulatedNode, SimulatedNode]
    await lost.circle.provision(first.node)
    for (let i = 0; i < 5; i++) {
      await simulation.settle(first.node.state.set(`key-${i}`, utf8(`value-${i}`)))
    }
    await simulation.settle(second.node.state.add('set', utf8('element')))
    await simulation.settle(second.node.state.increment('counter', 7))
    await simulation.settle(first.node.state.set(`own/${first.node.id}/note`, utf8('mine')))
    await write(nodes, lost)
    await simulation.time.advance(seconds(12))
    lost.root = first.node.status().state.root
    for (const each of nodes) await simulation.settle(each.crash())
    return lost
  }

  startOn(
    name: string,
    options: SimulatedNodeOptions = {},
    disk: FakeDisk = this.disk,
  ): Promise<SimulatedNode> {
    const host: SimulatedNodeOptions['host'] = host => ({ ...host, openCache: disk.open })
    return this.simulation.start(name, { ...options, host })
  }

  /** A fresh node on the disk, alone, with the key that the holders brought. */
  async survivor(circle: HolderCircle = this.circle): Promise<CoterieNode> {
    const { node } = await this.startOn('node-2')
    await this.simulation.until(() => phaseOf(node) === 'alone')
    await circle.bringTo(node)
    return node
  }

  recover(node: CoterieNode, root: string | null = null) {
    return this.simulation.settle(node.custody.recover({ root }))
  }

  /** The code with which a node refuses to recover. */
  refusal(node: CoterieNode): Promise<unknown> {
    const asked = node.custody.recover({ root: null })
    return this.simulation.settle(asked.catch((error: { code: string }) => error.code))
  }

  /** What the newest checkpoint of a node says of a recovery. */
  async claimedBy(node: CoterieNode): Promise<ToldRecovery | null> {
    const question = node.light.answer({ kind: 'checkpoint', cosigners: 0 })
    const { checkpoint } = servedCheckpointCodec.decode(await this.simulation.settle(question))
    return recoveredIn(claimCodec.decode(checkpointCodec.decode(checkpoint).claim))
  }
}

export const phaseOf = (node: CoterieNode): string => node.status().phase

export const textAt = (node: CoterieNode, key: string): string | undefined => {
  const entry = node.state.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}
