/** Real nodes of a testnet for a long run: started, broken and judged by a test. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Faults } from '../../testnet/faults.ts'
import { type Folder, folderOf, removeFile } from '../../testnet/folder.ts'
import { type Layout, prepareLayout } from '../../testnet/layout.ts'
import { type NodeSlot, Testnet } from '../../testnet/network.ts'
import type { TestnetPreset } from '../../testnet/node-config.ts'
import { findFreeBase } from '../../testnet/ports.ts'
import { Draws, drawSeed } from '../../testnet/seed.ts'
import { absenceOf, type NodeSnapshot, untilConverged } from '../../testnet/snapshot.ts'
import { lossesOf, type Writers } from './writers.ts'

export interface LiveOptions {
  readonly nodes: number
  /** Places for nodes that the test adds. */
  readonly extras?: number
  /** As in `TestnetOptions`. */
  readonly vitals?: { readonly collect: boolean }
  readonly preset?: TestnetPreset
}

/** What a test was asked for in the environment, or what it does unasked. */
export function asked(name: string, otherwise: number): number {
  const text = process.env[name]
  if (text === undefined) return otherwise
  if (!/^\d+(\.\d+)?$/.test(text)) throw new Error(`${name}=${text} is no number`)
  return Number(text)
}

/** A line for whoever watches a long run: vitest shows what a test prints only at its end. */
export function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)
}

interface Parts {
  readonly testnet: Testnet
  readonly folder: Folder
  readonly layout: Layout
  readonly nodes: number
  readonly ends: readonly string[]
}

export class LiveNetwork {
  readonly testnet: Testnet
  readonly faults: Faults
  readonly folder: Folder
  readonly layout: Layout
  readonly seed: string
  /** Processes that ended by themselves: a bug or an unhandled rejection ends a node. */
  readonly ends: readonly string[]
  readonly #nodes: number
  readonly #end = (): void => this.testnet.killAllNow()

  private constructor(parts: Parts) {
    this.testnet = parts.testnet
    this.folder = parts.folder
    this.layout = parts.layout
    this.seed = parts.layout.seed
    this.ends = parts.ends
    this.#nodes = parts.nodes
    this.faults = new Faults(parts)
    process.on('exit', this.#end)
  }

  /** Starts the nodes and waits until they agree. The seed is `SEED`, or drawn and said. */
  static async start({ nodes, extras = 0, vitals, preset }: LiveOptions): Promise<LiveNetwork> {
    const folder = folderOf(await mkdtemp(join(tmpdir(), 'coterie-live-')))
    const seed = process.env['SEED'] ?? drawSeed()
    const layout = await prepareLayout(folder, { nodes, fresh: true, seed })
    const basePort = await findFreeBase(nodes + extras)
    const draws = new Draws(seed, 'links')
    const ends: string[] = []
    const testnet = new Testnet({
      folder,
      basePort,
      nodes,
      draw: () => draws.unit(),
      ...(vitals !== undefined && { vitals }),
      ...(preset !== undefined && { preset }),
      onEvent: ({ node, text }) => {
        if (text.startsWith('ended with')) ends.push(`${node} ${text}`)
      },
    })
    const network = new LiveNetwork({ testnet, folder, layout, nodes, ends })
    say(`SEED=${seed}: ${nodes} nodes from port ${basePort} on, in ${folder.path}`)
    await testnet.start()
    await network.converged()
    return network
  }

  draws(purpose: string): Draws {
    return new Draws(this.seed, purpose)
  }

  /** The numbered nodes. */
  nodes(): NodeSlot[] {
    return this.testnet.slots().filter(slot => !slot.isExtra)
  }

  /** Waits until the numbered nodes agree. Nothing is judged by its time: a busy machine is given plenty. */
  converged(): Promise<NodeSnapshot[]> {
    return untilConverged(this.testnet, this.#patience(), node => !node.isExtra)
  }

  /** Waits until these nodes are active and hear each other, whatever their roots. */
  complete(slots: readonly NodeSlot[] = this.nodes()): Promise<NodeSnapshot[]> {
    const names = slots.map(({ name }) => name)
    const pick = (node: NodeSnapshot): boolean => names.includes(node.name)
    return untilConverged(this.testnet, this.#patience(), pick, absenceOf)
  }

  /** Waits until all hold the same under a prefix, and everything there that was acknowledged. */
  async whole(writers: Pick<Writers, 'acknowledged'>, prefix: string): Promise<void> {
    const patience = this.#patience()
    for (;;) {
      const losses = await lossesOf(this.nodes(), writers, prefix)
      if (losses.length === 0) return
      if (patience.aborted) throw new Error(losses.join('; '))
      await wait(100)
    }
  }

  #patience(): AbortSignal {
    return AbortSignal.timeout(180_000 * Math.max(1, this.#nodes / 5))
  }

  /** Stops everything; the folder with its logs stays where a test fails. */
  async stop(isKept: boolean): Promise<void> {
    await this.testnet.stop()
    process.off('exit', this.#end)
    if (isKept) say(`SEED=${this.seed}; files and logs: ${this.folder.path}`)
    else await removeFile(this.folder.path)
  }
}
