/**
 * Which sequences of an author were accepted already, per topic: RFC 4303 §3.4.3 (IPsec anti-replay), with
 * the window wide enough for the reordering of a gossip mesh.
 *
 * It starts at the first accepted sequence: nothing below that is accepted. A node that starts, or that
 * forgot an author under pressure, needs no older marks, because what a replay could still do is bounded
 * elsewhere: deltas are idempotent, epoch keys live for hours, beats need a fresh citation.
 */
import { BoundedMap } from '../base/bounded-map.ts'
import { assert } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { type Topic, topicNames } from './topics.ts'

/** `fresh`: not seen and inside the window; `replayed`: accepted before; `too-old`: below the window. */
export type ReplayJudgement = 'fresh' | 'replayed' | 'too-old'

/** How many sequences below the highest are still told apart; a power of two. */
export const replayWidth = 1024

interface Marks {
  /** The first accepted sequence. */
  readonly first: number
  highest: number
  /** One bit for each of the last `replayWidth` sequences, at `sequence mod replayWidth`. */
  readonly bits: Uint32Array
}

export class ReplayWindow {
  readonly #topics: ReadonlyMap<Topic, BoundedMap<NodeId, Marks>>

  /** `authorsMax` bounds the authors remembered per topic; the longest silent one is forgotten first. */
  constructor(authorsMax: number = 4096) {
    this.#topics = new Map(topicNames.map(topic => [topic, new BoundedMap(authorsMax)]))
  }

  /** What `accept` would answer, without a trace: asked before the signature is checked. */
  judge(author: NodeId, topic: Topic, sequence: number): ReplayJudgement {
    const marks = this.#of(topic).peek(author)
    return marks === undefined ? 'fresh' : judge(marks, sequence)
  }

  /**
   * Judges and, if `fresh`, marks the sequence.
   *
   * Only after the signature is checked: else another member could use up an author's sequences.
   */
  accept(author: NodeId, topic: Topic, sequence: number): ReplayJudgement {
    assert(Number.isSafeInteger(sequence) && sequence >= 0, 'a sequence is a whole number')
    const authors = this.#of(topic)
    const marks = authors.get(author) ?? {
      first: sequence,
      highest: sequence,
      bits: new Uint32Array(replayWidth / 32),
    }
    const judgement = judge(marks, sequence)
    if (judgement !== 'fresh') return judgement
    advance(marks, sequence)
    marks.bits[wordOf(sequence)] = (marks.bits[wordOf(sequence)] ?? 0) | bitOf(sequence)
    authors.set(author, marks)
    return 'fresh'
  }

  /** Drops the marks of an author that is removed or long dead, on every topic. */
  forget(author: NodeId): void {
    for (const authors of this.#topics.values()) authors.delete(author)
  }

  #of(topic: Topic): BoundedMap<NodeId, Marks> {
    const authors = this.#topics.get(topic)
    assert(authors !== undefined, 'every topic has a window')
    return authors
  }
}

const wordOf = (sequence: number): number => Math.floor((sequence % replayWidth) / 32)
const bitOf = (sequence: number): number => 1 << (sequence % 32)

function judge(marks: Marks, sequence: number): ReplayJudgement {
  if (sequence > marks.highest) return 'fresh'
  if (sequence < marks.first || sequence <= marks.highest - replayWidth) return 'too-old'
  return ((marks.bits[wordOf(sequence)] ?? 0) & bitOf(sequence)) === 0 ? 'fresh' : 'replayed'
}

/** Moves the window up, clearing the bits that now stand for new sequences. */
function advance(marks: Marks, sequence: number): void {
  if (sequence <= marks.highest) return
  if (sequence - marks.highest >= replayWidth) marks.bits.fill(0)
  else {
    for (let cleared = marks.highest + 1; cleared <= sequence; cleared++) {
      marks.bits[wordOf(cleared)] = (marks.bits[wordOf(cleared)] ?? 0) & ~bitOf(cleared)
    }
  }
  marks.highest = sequence
}
