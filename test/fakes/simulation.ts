/** Whole nodes over a fake network in virtual time: everything but sockets, disk and hardware is production code. */

import { compareBytes } from '../../src/base/bytes.ts'
import { bytesOfDigest } from '../../src/base/ids.ts'
import { silentLogger } from '../../src/base/log.ts'
import { type Duration, seconds } from '../../src/base/time.ts'
import { netLimits } from '../../src/host/net/options.ts'
import type { Host } from '../../src/host/port.ts'
import type { MachineRequest } from '../../src/host/tee/machine.ts'
import { completeConfig } from '../../src/node/config.ts'
import type { CoterieNode } from '../../src/node/handle.ts'
import { createNode } from '../../src/node/node.ts'
import type { PresetName } from '../../src/node/presets.ts'
import { encodeRemoval, type RemovalClaim, removalMessage } from '../../src/wire/removal.ts'
import { type TestNetwork, testNetwork, testNode } from '../fixtures/network.ts'
import { seededRandom } from './beat-network.ts'
import type { FakeNet } from './net.ts'
import { FakeNetwork } from './network.ts'
import { VirtualTime } from './virtual-time.ts'

/** One simulated machine with its node. */
export interface SimulatedNode {
  readonly name: string
  readonly node: CoterieNode
  /** What became of it on the network, once it has started. */
  readonly net: () => FakeNet
  /** Ends the machine between two instructions: nothing is said to anybody, memory is gone. */
  readonly crash: () => Promise<void>
}

export interface SimulatedNodeOptions {
  readonly found?: boolean
  /** What it boots with; that of the network unless said. */
  readonly manifestEnvelope?: Uint8Array
  /** Where it looks for the network; at its first node unless said. */
  readonly bootstrap?: readonly string[]
  /** What its hardware is. */
  readonly machine?: Partial<MachineRequest>
  /** Puts something between the node and its machine. */
  readonly host?: (host: Host) => Host
}

export class Simulation {
  readonly time = new VirtualTime()
  readonly fixture: TestNetwork
  readonly network: FakeNetwork
  readonly #random: ReturnType<typeof seededRandom>
  readonly #nodes: SimulatedNode[] = []

  readonly #preset: PresetName

  /** One seed decides identities, keys and delays. Hours pass sooner where nodes redial seldom, as in `wan`. */
  constructor(
    seed: number,
    fixture: TestNetwork = testNetwork({ seed: `simulation ${seed}` }),
    preset: PresetName = 'local',
  ) {
    this.fixture = fixture
    this.#preset = preset
    this.#random = seededRandom(seed)
    const { clock, timers } = this.time
    this.network = new FakeNetwork({ clock, timers, random: this.#random })
  }

  /** A started node. The first address of the network bootstraps all others. */
  async start(name: string, options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
    const simulated = await this.prepare(name, options)
    await simulated.node.start()
    return simulated
  }

  /** A node that is not started yet. */
  async prepare(name: string, options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
    const { attester } = await testNode(this.fixture, name, options.machine)
    const listen = `/memory/${this.#nodes.length}`
    const first = this.#nodes.length === 0 ? [] : ['/memory/0']
    const bootstrap = options.bootstrap ?? first
    let net: FakeNet | undefined
    const host: Host = {
      clock: this.time.clock,
      timers: this.time.timers,
      random: this.#random,
      log: silentLogger,
      attester,
      openCache: null,
      openNet: async ({ admission, handlers }) => {
        const limits = netLimits[this.#preset]
        net = this.network.open({ listen, bootstrap, limits, admission, handlers })
        return net
      },
    }
    const config = completeConfig({
      preset: this.#preset,
      manifestEnvelope: options.manifestEnvelope ?? this.fixture.envelopeBytes,
      found: options.found ?? false,
    })
    const node = createNode(options.host?.(host) ?? host, config)
    const opened = (): FakeNet => {
      if (net === undefined) throw new Error('a started node has a net')
      return net
    }
    const simulated = {
      name,
      node,
      net: opened,
      crash: async () => {
        await opened().stop()
        await node.stop()
      },
    }
    this.#nodes.push(simulated)
    return simulated
  }

  /** `count` nodes, the first of which founded, all active and alive to each other. */
  async startNetwork(count: number): Promise<readonly SimulatedNode[]> {
    const nodes = [await this.start('node-0', { found: true })]
    for (let i = 1; i < count; i++) nodes.push(await this.start(`node-${i}`))
    await this.until(() => nodes.every(({ node }) => isWhole(node, count)))
    return nodes
  }

  until(condition: () => boolean, limit: Duration = seconds(60)): Promise<void> {
    return this.time.until(condition, limit)
  }

  /** Waits in virtual time for a promise that virtual time alone can settle. */
  async settle<T>(promise: Promise<T>, limit: Duration = seconds(60)): Promise<T> {
    let isSettled = false
    const done = (): void => {
      isSettled = true
    }
    promise.then(done, done)
    await this.until(() => isSettled, limit)
    return promise
  }

  async stop(): Promise<void> {
    for (const { node } of this.#nodes.toReversed()) await this.settle(node.stop())
  }

  /** A removal signed by `signers` of the manifest set, by enough of them unless said. */
  removalOf(claim: RemovalClaim, signers?: number): Uint8Array {
    const { network, approvers, manifest } = this.fixture
    const message = removalMessage(network, claim)
    const signatures = approvers
      .slice(0, signers ?? manifest.manifestSet.threshold)
      .map(key => ({ signer: key.publicKey, signature: key.sign(message) }))
      .sort((left, right) => compareBytes(left.signer, right.signer))
    return encodeRemoval({
      kind: 'certificate',
      network: bytesOfDigest(network),
      ...claim,
      signatures,
    })
  }
}

/** Whether a node is active and sees `count` members active and alive, itself included. */
export function isWhole(node: CoterieNode, count: number): boolean {
  const { phase, members } = node.status()
  return phase === 'active' && members.active >= count && members.live >= count
}
