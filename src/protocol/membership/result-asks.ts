/** Asks signers what they found, and takes into the book what they answer. */

import { PeerFault } from '../../base/errors.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { bytesOfDigest, digestOf, keyOfNodeId, nodeIdOfKey } from '../../base/ids.ts'
import { after, type Instant, milliseconds, minutes, timestamp } from '../../base/time.ts'
import {
  type DelegatedResult,
  decodeResult,
  type ResultsAnswer,
  resultHashes,
  resultsAnswerCodec,
  resultsPerAnswer,
  resultsRequestCodec,
  verifyResults,
} from '../../wire/delegated-result.ts'
import type { Core } from './core.ts'
import { findingOf, type ResultBook, type Signer, voiceOf } from './result-book.ts'

/** Least time between two questions to one signer. */
const askEvery = milliseconds(500)
/** Longer than the shell waits for any answer. */
const givenUpAfter = minutes(1)

interface Question {
  readonly signer: Signer
  readonly subjects: ReadonlySet<NodeId>
  readonly at: Instant
}

export class ResultAsks {
  readonly #core: Core
  readonly #book: ResultBook
  readonly #questions = new Map<number, Question>()
  /** When each signer was last asked. */
  readonly #askedAt = new Map<NodeId, Instant>()

  constructor(core: Core, book: ResultBook) {
    this.#core = core
    this.#book = book
  }

  /** Whose results count here: neighbours that this node appraised and stepped up itself, one for each owner, the smallest id first. */
  signers(now: Instant): readonly Signer[] {
    const { neighbours, roster } = this.#core
    const sorted = neighbours.all().toSorted((left, right) => (left.node < right.node ? -1 : 1))
    const byOwner = new Map<string, Signer>()
    for (const { node, isGateOpen } of sorted) {
      const signer = isGateOpen ? this.#signer(node, now) : undefined
      const isActive = signer !== undefined && roster.member(node, now)?.phase === 'active'
      if (isActive && !byOwner.has(signer.owner)) byOwner.set(signer.owner, signer)
    }
    return [...byOwner.values()]
  }

  /** Whether this signer can be asked something now. */
  isIdle(signer: NodeId, now: Instant): boolean {
    const at = this.#askedAt.get(signer)
    return at === undefined || now >= after(at, askEvery)
  }

  /** Asks about at most `resultsPerAnswer` subjects. @returns whom it asked about. */
  ask(signer: Signer, subjects: readonly NodeId[], now: Instant): readonly NodeId[] {
    const some = subjects.slice(0, resultsPerAnswer)
    const bytes = resultsRequestCodec.encode({ subjects: some.map(keyOfNodeId) })
    const ask = this.#core.outbox.ask(signer.node, 'results', bytes)
    this.#questions.set(ask, { signer, subjects: new Set(some), at: now })
    this.#askedAt.set(signer.node, now)
    return some
  }

  /** @throws {PeerFault} for what no honest member says. */
  answered(
    { ask, bytes }: { readonly ask: number; readonly bytes: Uint8Array },
    now: Instant,
  ): void {
    const question = this.#questions.get(ask)
    this.#questions.delete(ask)
    const answer = resultsAnswerCodec.decode(bytes)
    const policy = this.#core.manifest().delegation?.policy
    // A member that is a manifest ahead or behind speaks of another policy, and is no liar.
    const isForeign = policy === undefined || digestOf(answer.policy) !== policy
    if (question === undefined || isForeign || answer.results.length === 0) return
    const { signer } = question
    // Between question and answer it may have been removed, or may be in doubt.
    if (this.#signer(signer.node, now) === undefined) return
    this.#take(question, answer, policy)
  }

  failed(ask: number): void {
    this.#questions.delete(ask)
  }

  /** A question whose connection closed is answered by nobody. */
  fold(now: Instant): void {
    for (const [ask, { at }] of this.#questions) {
      if (now >= after(at, givenUpAfter)) this.#questions.delete(ask)
    }
    for (const [node, at] of this.#askedAt) {
      if (now >= after(at, givenUpAfter)) this.#askedAt.delete(node)
    }
  }

  #take({ signer, subjects, at }: Question, answer: ResultsAnswer, policy: Digest): void {
    const results = answer.results.map(decodeResult)
    this.#checkSubjects(results, subjects)
    const hashes = resultHashes(answer.results)
    const { lifeMs, signature } = answer
    const signed = {
      signer: keyOfNodeId(signer.node),
      policy: bytesOfDigest(policy),
      lifeMs,
      hashes,
    }
    if (!verifyResults(this.#core.network, signed, signature)) {
      throw new PeerFault('BAD_RESULTS', 'results are signed by whoever gives them')
    }
    const until = after(at, milliseconds(lifeMs))
    results.forEach((result, index) => {
      const endorsements = digestOf(result.endorsements)
      this.#book.put(nodeIdOfKey(result.identity), {
        ...{ signer, result, until, signed, signature, index },
        finding: findingOf(result),
        basis: { policy, endorsements, at: timestamp(result.at) },
        bytes: answer.results[index] ?? new Uint8Array(),
      })
    })
  }

  #checkSubjects(results: readonly DelegatedResult[], asked: ReadonlySet<NodeId>): void {
    const named = new Set(results.map(({ identity }) => nodeIdOfKey(identity)))
    const isAsked = [...named].every(node => asked.has(node))
    if (named.size < results.length || !isAsked) {
      throw new PeerFault('BAD_RESULTS', 'each result is of another subject that was asked for')
    }
  }

  #signer(node: NodeId, now: Instant): Signer | undefined {
    const { roster, isRemoved } = this.#core
    const member = roster.member(node, now)
    const isOwn = member !== undefined && member.rests === null && roster.isFresh(node, now)
    const isBelieved = isOwn && !isRemoved(node) && !this.#book.isDistrusted(node)
    return isBelieved ? voiceOf(node, member.verdict) : undefined
  }
}
