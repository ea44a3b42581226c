/** What a check is, and what it stands on. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Folder } from '../folder.ts'
import type { Layout } from '../layout.ts'
import type { NodeSlot, Testnet } from '../network.ts'
import { type NodeSnapshot, untilConverged } from '../snapshot.ts'
import type { Canary } from './canary.ts'

/** A promise of the testnet, and how it is tried. */
export interface Check {
  /** Stable; scripts look for it. */
  readonly name: string
  /** Answers with what was seen. @throws {CheckFailure} if the promise is broken or could not be tried. */
  readonly run: (context: CheckContext) => Promise<string>
  /** Milliseconds before the check counts as failed, of five nodes; 60 s unless said. */
  readonly patience?: number
}

/** One running testnet, shared by the checks in their order. */
export interface CheckContext {
  readonly testnet: Testnet
  readonly folder: Folder
  readonly layout: Layout
  /** How many numbered nodes there are. */
  readonly nodes: number
  readonly canary: Canary
  /** Aborts when the check's patience ends. */
  readonly signal: AbortSignal
}

/** The promise is broken, or nobody can tell. */
export class CheckFailure extends Error {
  constructor(detail: string) {
    super(detail)
    this.name = 'CheckFailure'
  }
}

export function require(condition: boolean, failure: string): asserts condition {
  if (!condition) throw new CheckFailure(failure)
}

/** Milliseconds between two looks. */
const lookInterval = 100

/** How much longer everything may take for so many nodes on one machine than for five. */
export function patienceFactor(nodes: number): number {
  return Math.max(1, nodes / 5)
}

/** The first answer of `probe` that is not `undefined`. @throws {CheckFailure} if none comes in time. */
export async function until<T>(
  context: CheckContext,
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  for (;;) {
    const found = await probed(context, what, probe)
    if (found !== undefined) return found
    require(!context.signal.aborted, `waited in vain: ${what}`)
    await wait(lookInterval)
  }
}

async function probed<T>(
  context: CheckContext,
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T | undefined> {
  try {
    return await probe()
  } catch (error) {
    // The request was under way when patience ended: what was waited for says more.
    require(error instanceof CheckFailure || !context.signal.aborted, `waited in vain: ${what}`)
    throw error
  }
}

/** The numbered nodes that should be running, without extras. */
export function membersOf(context: CheckContext): NodeSlot[] {
  return context.testnet.slots().slice(0, context.nodes)
}

/** Waits until the numbered nodes agree. */
export async function converged(
  context: CheckContext,
  pick: (node: NodeSnapshot) => boolean = () => true,
): Promise<NodeSnapshot[]> {
  const names = new Set(membersOf(context).map(slot => slot.name))
  try {
    return await untilConverged(
      context.testnet,
      context.signal,
      node => names.has(node.name) && pick(node),
    )
  } catch (error) {
    if (!context.signal.aborted || !(error instanceof Error)) throw error
    throw new CheckFailure(error.message)
  }
}

/** The node id behind a place now. */
export async function idOf(context: CheckContext, slot: NodeSlot): Promise<string> {
  return (await slot.api.status(context.signal)).node
}
