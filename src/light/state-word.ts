/**
 * One word for what a light client may think of a node's state, each defined by fields that a report shows beside it. A word is about
 * the state alone: whether the node is genuine is the verdict's business.
 */
import { type Duration, seconds } from '../base/time.ts'

/** In the order of `wordOf`: the first that fits. Worst first, but that `fresh` is what is left. */
export const stateWords = [
  'fork',
  'stale',
  'recovered',
  'not converged',
  'isolated',
  'degraded',
  'fresh',
] as const

/** A word for a state, defined by `StateFields`. */
export type StateWord = (typeof stateWords)[number]

/** What decides it. Durations are milliseconds; `null` where there is nothing to measure. */
export interface StateFields {
  /** The node signed two checkpoints of one place in its chain, or a chain that does not hang together. */
  readonly forked: boolean
  /** Its newest checkpoint, or what the co-signed one says, is older than what this client saw before. */
  readonly rolledBack: boolean
  /** From the checkpoint that its TEE last quoted to its newest one, by its own group clock. */
  readonly quoteAgeMs: number | null
  readonly quoteAgeMaxMs: number
  /** From its co-signed checkpoint to now, and from its newest one, whichever is longer; negative if they are ahead. */
  readonly headAgeMs: number | null
  /** The state came back from a backup, so that writes may be missing. */
  readonly recovered: boolean
  /** Other genuine nodes among those asked that committed to something else for the same moment. */
  readonly differing: number
  /** Machines that signed what it committed to, its own included, each appraised by this client. */
  readonly machines: number
  /** How many the manifest wants (`light.quorum`). */
  readonly quorum: number
}

/** An honest node signs every second, two seconds late. What is older, or further ahead, is not the present. */
export const headAgeMax: Duration = seconds(30)

/** The word for these fields. */
export function wordOf(fields: StateFields): StateWord {
  if (fields.forked) return 'fork'
  if (fields.rolledBack || isOld(fields)) return 'stale'
  if (fields.recovered) return 'recovered'
  if (fields.differing > 0) return 'not converged'
  if (fields.machines >= fields.quorum) return 'fresh'
  return fields.machines > 1 ? 'degraded' : 'isolated'
}

function isOld({ quoteAgeMs, quoteAgeMaxMs, headAgeMs }: StateFields): boolean {
  if (quoteAgeMs === null || headAgeMs === null) return true
  const isQuoteGood = quoteAgeMs >= 0 && quoteAgeMs <= quoteAgeMaxMs
  return !(isQuoteGood && Math.abs(headAgeMs) <= headAgeMax)
}

/** The first of the words that comes up, in the order of `stateWords`; `null` of none. */
export function worstOf(words: readonly StateWord[]): StateWord | null {
  return stateWords.find(word => words.includes(word)) ?? null
}
