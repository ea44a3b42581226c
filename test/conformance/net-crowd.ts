/** The nodes of one test of the `Net` port, in one world. */
import { utf8 } from '../../src/base/bytes.ts'
import { FakeAdmission, type FakeNodeOptions } from '../fixtures/fake-admission.ts'
import { patience } from '../fixtures/patience.ts'
import {
  heard,
  isMeshed,
  type NetNode,
  type NetWorld,
  RecordingHandlers,
  withoutPeer,
} from './net-world.ts'

/** Made anew by the first node of each test; `end` is for after it. */
export class Crowd {
  readonly #makeWorld: () => NetWorld
  #world: NetWorld | undefined
  #nodes: NetNode[] = []

  constructor(makeWorld: () => NetWorld) {
    this.#makeWorld = makeWorld
  }

  readonly end = async (): Promise<void> => {
    await Promise.all(this.#nodes.map(node => node.net.stop()))
    await this.#world?.end()
    this.#nodes = []
    this.#world = undefined
  }

  readonly theWorld = (): NetWorld => {
    this.#world ??= this.#makeWorld()
    return this.#world
  }

  /** Starts a node that knows the addresses of `to`. */
  readonly add = (options: FakeNodeOptions, to: readonly NetNode[] = []): Promise<NetNode> =>
    this.addWith(options, { to, handlers: new RecordingHandlers() })

  readonly addWith = async (
    options: FakeNodeOptions,
    { to, handlers }: { readonly to: readonly NetNode[]; readonly handlers: RecordingHandlers },
  ): Promise<NetNode> => {
    const clock = this.theWorld()
    const admission = new FakeAdmission({
      verdictExpiresAt: () => clock.now() + 3_600_000,
      ...options,
    })
    const bootstrap = to.flatMap(node => node.net.addresses().map(withoutPeer))
    const net = await clock.open(admission, handlers, bootstrap)
    const node = { net, admission, handlers, id: admission.node }
    this.#nodes.push(node)
    await net.start(patience())
    return node
  }

  readonly pair = async (): Promise<readonly [NetNode, NetNode]> => {
    const a = await this.add({ name: 'a' })
    const b = await this.add({ name: 'b' }, [a])
    await this.theWorld().until(() => isMeshed([a, b]))
    return [a, b]
  }

  /** Waits until what any of them publishes reaches all others. */
  readonly gossiping = async (all: readonly NetNode[], probe: string): Promise<void> => {
    let count = 0
    for (const from of all) {
      const others = all.filter(node => node !== from)
      const got = (): boolean => others.every(node => heard(node, `${probe} ${count}`))
      for (count++; ; count++) {
        await from.net.publish('delta', utf8(`${probe} ${count}`))
        const end = this.theWorld().now() + 300
        await this.theWorld().until(() => got() || this.theWorld().now() >= end)
        if (got()) break
      }
    }
  }

  /** Awaits something that needs time to pass meanwhile. */
  readonly alongside = async <T>(promise: Promise<T>): Promise<T> => {
    let isDone = false
    const watched = promise.finally(() => {
      isDone = true
    })
    watched.catch(() => {})
    await this.theWorld().until(() => isDone)
    return await watched
  }
}
