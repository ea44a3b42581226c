/** What all nodes of a testnet say about themselves at one moment, and whether they agree. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Answer } from '../src/api/contract.ts'
import { CoterieError } from '../src/base/errors.ts'
import type { NodeSlot, Testnet } from './network.ts'

/** A node as seen from outside; `status` is `null` while it does not answer. */
export interface NodeSnapshot {
  readonly name: string
  /** As in `NodeSlot`. */
  readonly isExtra: boolean
  readonly pid: number | null
  readonly http: string
  readonly p2p: string
  readonly status: Answer<'status'> | null
  readonly members: Answer<'members'>['members']
}

/** Milliseconds: longer than a busy node takes, shorter than a person waits; for each node beyond five, a little more. */
const answerPatience = 2_000
const answerPatienceEach = 400
/** Who waits for nodes to agree asks as patiently as that: on a machine that is far too busy each answer takes long. */
const answerPatienceMax = 30_000

/** Milliseconds between two looks for each node looked at, and at least as long as the last look took: answers cost, too. */
const lookPause = 20

/** `patience`: milliseconds that each node has to answer; as long as a person waits unless said. */
export async function snapshotOf(
  testnet: Testnet,
  patience = patienceFor(testnet),
): Promise<NodeSnapshot[]> {
  const pids = new Map(testnet.running().map(({ name, pid }) => [name, pid]))
  const slots = testnet.slots()
  return await Promise.all(
    slots.map(slot => nodeSnapshot(slot, { pid: pids.get(slot.name) ?? null, patience })),
  )
}

function patienceFor(testnet: Testnet): number {
  return answerPatience + answerPatienceEach * Math.max(0, testnet.slots().length - 5)
}

/**
 * Why these nodes have not converged yet, or `undefined` once they have: each is active, each holds trusted
 * verdicts on exactly the others and hears them, and all have one state root.
 */
export function divergenceOf(nodes: readonly NodeSnapshot[]): string | undefined {
  const roots = new Set(numbered(nodes).map(node => node.status?.state.root))
  return absenceOf(nodes) ?? (roots.size > 1 ? `${roots.size} different roots` : undefined)
}

/** As `divergenceOf`, whatever their roots: under load these never rest. */
export function absenceOf(all: readonly NodeSnapshot[]): string | undefined {
  const nodes = numbered(all)
  const ids: string[] = []
  for (const { name, status } of nodes) {
    if (status === null) return `${name} does not answer`
    if (status.phase !== 'active') return `${name} is ${status.phase}`
    ids.push(status.node)
  }
  for (const node of nodes) {
    const missing = ids.find(id => !hears(node, id))
    if (missing !== undefined) {
      return `${node.name} does not hear ${nodes[ids.indexOf(missing)]?.name} as an active member`
    }
  }
  return undefined
}

/** Whoever is beside the numbered nodes is there to be kept out, or to leave again. */
function numbered(nodes: readonly NodeSnapshot[]): readonly NodeSnapshot[] {
  return nodes.filter(node => !node.isExtra)
}

function hears(node: NodeSnapshot, id: string): boolean {
  const member = node.members.find(candidate => candidate.node === id)
  if (member === undefined || member.phase !== 'active') return false
  return member.self || member.state === 'alive'
}

/**
 * Resolves with the first snapshot in which the nodes named by `pick` have converged.
 *
 * @throws the reason of `signal`, with what was still missing as its cause.
 */
export async function untilConverged(
  testnet: Testnet,
  signal: AbortSignal,
  pick: (node: NodeSnapshot) => boolean = () => true,
  missingOf: (nodes: readonly NodeSnapshot[]) => string | undefined = divergenceOf,
): Promise<NodeSnapshot[]> {
  for (let patience = patienceFor(testnet); ; ) {
    const begun = performance.now()
    const nodes = (await snapshotOf(testnet, patience)).filter(pick)
    // A question that is asked again before it is answered only adds to what there is to answer.
    if (nodes.some(isSilent)) patience = Math.min(2 * patience, answerPatienceMax)
    const missing = missingOf(nodes)
    if (missing === undefined) return nodes
    if (signal.aborted) throw new Error(`not converged: ${missing}`, { cause: signal.reason })
    await wait(Math.max(lookPause * nodes.length, performance.now() - begun))
  }
}

const isSilent = ({ pid, status }: NodeSnapshot): boolean => pid !== null && status === null

async function nodeSnapshot(
  slot: NodeSlot,
  { pid, patience }: { readonly pid: number | null; readonly patience: number },
): Promise<NodeSnapshot> {
  const facts = {
    name: slot.name,
    isExtra: slot.isExtra,
    pid,
    http: `http://127.0.0.1:${slot.httpPort}`,
    p2p: `/ip4/127.0.0.1/tcp/${slot.relayPort}`,
  }
  if (pid === null) return { ...facts, status: null, members: [] }
  const signal = AbortSignal.timeout(patience)
  try {
    const [status, members] = await Promise.all([slot.api.status(signal), slot.api.members(signal)])
    return { ...facts, status, members }
  } catch (error) {
    // Starting, stopping or overloaded: whoever asks sees that nothing was answered.
    if (error instanceof CoterieError || signal.aborted)
      return { ...facts, status: null, members: [] }
    throw error
  }
}
