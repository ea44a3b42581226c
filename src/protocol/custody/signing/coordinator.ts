/**
 * Who asks a group for signatures. Any node may: it holds no share, and what it cannot do is cheat. Signers keep
 * locks and nonces; it only carries their words.
 *
 *     ask all for the lock ─ t votes ─> ask t of the voters for shares ─ t good shares ─> signature
 *                                           │ a bad share: named, out      │ silence: others, fresh nonces
 *                                           └──────────────< again <───────┘
 *
 * Votes of t include those of q, since 2t > n + r; so whoever signs is among those who voted.
 */
import { BoundedMap } from '../../../base/bounded-map.ts'
import { toHex } from '../../../base/bytes.ts'
import { nodeIdOfKey } from '../../../base/ids.ts'
import { after, type Instant } from '../../../base/time.ts'
import { verifyShare } from '../../../crypto/frost.ts'
import type { Accusation } from '../../../wire/key-ceremony.ts'
import type { SigningGroup } from '../../../wire/signing-group.ts'
import {
  bodyOf,
  requestDigest,
  type SigningStatement,
  type StatementKind,
  sessionBytes,
  statementCodec,
} from '../../../wire/signing-statement.ts'
import {
  lockKeyBytesMax,
  lockRequestCodec,
  lockVoteCodec,
  nonceOfferCodec,
  nonceRequestCodec,
  noncesPerOffer,
  signatureShareCodec,
  signedMessageBytesMax,
  signingRefusalCodec,
  signRequestCodec,
} from '../../../wire/threshold-signing.ts'
import type { Machine } from '../../machine.ts'
import { areTwoVotes, cheatOf, voteName } from './cheats.ts'
import {
  type CoordinatorEffect,
  type CoordinatorInput,
  type CoordinatorPace,
  type CoordinatorPorts,
  coordinatorPace,
  type NotSignedCode,
} from './coordinator-types.ts'
import { indexOf } from './key-share.ts'
import { NoncePool } from './nonce-pool.ts'
import { SigningRun } from './signing-run.ts'
import { say, sendTo } from './statements.ts'
import { hearSigner, type KnownGroup, knownGroup } from './votes.ts'

/** Requests under way at once: each holds a message of up to 32 KiB and its votes. */
const requestsMax = 256
/** Votes that are remembered, to notice a second one. */
const votesKept = 4096

export interface CoordinatorOptions {
  /** Ed25519 identity key of this node, 32 bytes. */
  readonly identity: Uint8Array
  readonly group: SigningGroup
  readonly pace?: CoordinatorPace
  /** Pairs of nonces that each signer is asked for at a time: 1 to 16, 16 unless said. */
  readonly noncesAhead?: number
}

export class Coordinator implements Machine<CoordinatorInput, CoordinatorEffect> {
  readonly #ports: CoordinatorPorts
  readonly #identity: Uint8Array
  readonly #known: KnownGroup
  readonly #pace: CoordinatorPace
  readonly #pool: NoncePool
  readonly #noncesAhead: number
  readonly #runs = new Map<number, SigningRun>()
  readonly #convicted = new Set<number>()
  readonly #late = new Map<number, number>()
  readonly #heard = new BoundedMap<string, SigningStatement>(votesKept)
  #effects: CoordinatorEffect[] = []

  constructor(ports: CoordinatorPorts, options: CoordinatorOptions) {
    this.#ports = ports
    this.#identity = options.identity
    this.#known = knownGroup(options.group)
    this.#pace = options.pace ?? coordinatorPace
    this.#noncesAhead = options.noncesAhead ?? noncesPerOffer
    this.#pool = new NoncePool(options.group.suite, ports.random, this.#noncesAhead)
  }

  step(input: CoordinatorInput, now: Instant): readonly CoordinatorEffect[] {
    if (input.kind === 'sign') this.#start(input, now)
    if (input.kind === 'prepare') this.#askNonces(now)
    if (input.kind === 'heard') {
      const said = hearSigner(this.#known, input.bytes)
      if (said !== undefined) this.#hear(said)
    }
    for (const run of [...this.#runs.values()]) this.#drive(run, now)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  wakeAt(): Instant | null {
    const alarms = [...this.#runs.values()].flatMap(({ attempt, deadline, askAgainAt }) => [
      deadline,
      askAgainAt,
      ...(attempt === undefined ? [] : [attempt.until]),
    ])
    return alarms.length === 0 ? null : (Math.min(...alarms) as Instant)
  }

  #start(input: Extract<CoordinatorInput, { kind: 'sign' }>, now: Instant): void {
    const { request, message, lockKey } = input
    const session = this.#ports.random.bytes(sessionBytes)
    const deadline = after(now, this.#pace.patience)
    const wanted = { request, message, lockKey, session, deadline, askAgainAt: now }
    const run = new SigningRun(this.#known.group, wanted, this.#late)
    if (this.#runs.size >= requestsMax || this.#runs.has(request)) {
      this.#end(run, 'TOO_MANY_REQUESTS')
      return
    }
    const isBounded =
      message.length <= signedMessageBytesMax &&
      (lockKey === null || (lockKey.length > 0 && lockKey.length <= lockKeyBytesMax))
    if (!isBounded) this.#end(run, 'REQUEST_MALFORMED')
    else if ((lockKey === null) === this.#known.group.locks) this.#end(run, 'LOCK_WANTED')
    else this.#runs.set(request, run)
  }

  #hear(said: SigningStatement): void {
    const index = indexOf(this.#known.group, said.sender)
    if (said.kind === 'nonce-offer') {
      const body = bodyOf(said, 'nonce-offer', nonceOfferCodec)
      if (body !== undefined) this.#pool.add(index, said.session, body)
    }
    if (said.kind === 'lock-vote') this.#hearVote(said, index)
    if (said.kind === 'signature-share') this.#hearShare(said, index)
    if (said.kind === 'signing-refusal') this.#hearRefusal(said, index)
  }

  #hearVote(said: SigningStatement, index: number): void {
    const body = bodyOf(said, 'lock-vote', lockVoteCodec)
    const name = voteName(said)
    if (body === undefined || name === undefined) return
    const before = this.#heard.get(name)
    if (before !== undefined && areTwoVotes(before, said)) {
      this.#convict(index, cheatOf('TWO_VOTES', before, said))
      return
    }
    this.#heard.set(name, said)
    for (const run of this.#runs.values()) {
      if (run.isVoteFor(body)) run.votes.set(index, statementCodec.encode(said))
    }
  }

  #hearShare(said: SigningStatement, index: number): void {
    const body = bodyOf(said, 'signature-share', signatureShareCodec)
    const run = body === undefined ? undefined : this.#runOf(body.request)
    const attempt = run?.attempt
    if (body === undefined || attempt === undefined) return
    if (!attempt.body.commitments.some(each => each.index === index)) return
    if (!attempt.answers.has(index)) attempt.answers.set(index, { said, share: body.share })
  }

  /** Names whose shares do not hold; whether there is one. */
  #judge({ attempt }: SigningRun): boolean {
    const isFalse =
      attempt === undefined
        ? []
        : [...attempt.answers].filter(
            ([index, { share }]) => !verifyShare(this.#known.group, attempt.body, { index, share }),
          )
    for (const [index, { said }] of isFalse) {
      if (attempt !== undefined) this.#convict(index, cheatOf('SHARE_FALSE', attempt.asked, said))
    }
    return isFalse.length > 0
  }

  #hearRefusal(said: SigningStatement, index: number): void {
    const body = bodyOf(said, 'signing-refusal', signingRefusalCodec)
    if (body === undefined) return
    // Said to a request for nonces, which belongs to no run: it holds for all of them.
    if (body.code === 'EPOCH_ENDED') {
      for (const each of this.#runs.values()) each.exclude(index, body.code)
      return
    }
    const run = this.#runOf(body.request) ?? this.#runAsking(said.session)
    if (run === undefined || run.attempt?.answers.has(index) === true) return
    if (body.code !== 'NONCE_UNKNOWN') run.exclude(index, body.code)
    else if (this.#runOf(body.request) === run) {
      this.#pool.drop(index)
      run.endAttemptOf(index)
    }
  }

  /** The run whose set was asked with exactly this. */
  #runOf(request: Uint8Array): SigningRun | undefined {
    const digest = toHex(request)
    return [...this.#runs.values()].find(({ attempt }) => attempt?.digest === digest)
  }

  #runAsking(session: Uint8Array): SigningRun | undefined {
    const name = toHex(session)
    return [...this.#runs.values()].find(run => toHex(run.session) === name)
  }

  /** Names a signer and asks it for nothing any more. */
  #convict(index: number, accusation: Accusation): void {
    this.#convicted.add(index)
    for (const run of this.#runs.values()) run.endAttemptOf(index)
    this.#effects.push({ kind: 'cheated', node: nodeIdOfKey(accusation.accused), accusation })
  }

  #drive(run: SigningRun, now: Instant): void {
    const signature = run.signature()
    if (signature === 'flawed') {
      if (!this.#judge(run)) return this.#end(run, 'GROUP_FALSE')
    } else if (signature !== undefined) {
      this.#runs.delete(run.request)
      for (const index of run.attempt?.answers.keys() ?? []) this.#late.delete(index)
      this.#effects.push({ kind: 'signed', request: run.request, signature })
      return
    }
    if (now >= run.deadline) return this.#end(run, 'SIGNING_TIMED_OUT')
    if (run.attempt !== undefined && now >= run.attempt.until) {
      // Whoever spoiled a set that another kept waiting is named all the same.
      this.#judge(run)
      run.giveUpAttempt()
    }
    const candidates = run.candidates(this.#signers)
    if (candidates.length < this.#known.group.threshold) return this.#end(run, run.hindrance)
    if (now >= run.askAgainAt) this.#ask(run, candidates, now)
    if (run.attempt === undefined) this.#attempt(run, candidates, now)
  }

  /** Everybody whose vote or nonces are missing. */
  #ask(run: SigningRun, candidates: readonly number[], now: Instant): void {
    run.askAgainAt = after(now, this.#pace.attempt)
    this.#askNonces(now)
    if (run.lockKey === null) return
    const body = lockRequestCodec.encode({ lockKey: run.lockKey, message: run.message })
    for (const index of candidates) {
      if (!run.votes.has(index)) this.#tell(index, 'lock-request', body, run.session)
    }
  }

  #askNonces(now: Instant): void {
    const body = nonceRequestCodec.encode({ count: this.#noncesAhead })
    for (const index of this.#signers) {
      const session = this.#pool.ask(index, now, this.#pace.attempt)
      if (session !== undefined) this.#tell(index, 'nonce-request', body, session)
    }
  }

  #attempt(run: SigningRun, candidates: readonly number[], now: Instant): void {
    const { threshold, locks } = this.#known.group
    const ready = candidates
      .filter(index => this.#pool.has(index) && (!locks || run.votes.has(index)))
      .slice(0, threshold)
      .toSorted((left, right) => left - right)
    if (ready.length < threshold) return this.#askNonces(now)
    const commitments = ready.flatMap(index => {
      const taken = this.#pool.take(index)
      return taken === undefined ? [] : [{ index, ...taken }]
    })
    const votes = locks ? ready.flatMap(index => run.votes.get(index) ?? []) : []
    const body = { message: run.message, lockKey: run.lockKey, commitments, votes }
    const bytes = signRequestCodec.encode(body)
    const said = this.#say('sign-request', bytes, run.session)
    run.attempt = {
      asked: statementCodec.decode(said),
      body,
      digest: toHex(requestDigest(bytes)),
      until: after(now, this.#pace.attempt),
      answers: new Map(),
    }
    for (const index of ready) this.#send(index, said)
    this.#askNonces(now)
  }

  #end(run: SigningRun, code: NotSignedCode): void {
    if (this.#runs.get(run.request) === run) this.#runs.delete(run.request)
    const { threshold: needed } = this.#known.group
    const facts = { needed, voted: run.votes.size, refused: run.refusals }
    this.#effects.push({ kind: 'notSigned', request: run.request, code, facts })
  }

  /** Indices of all signers but those who cheated. */
  get #signers(): readonly number[] {
    const all = this.#known.group.participants.map((_, i) => i + 1)
    return all.filter(index => !this.#convicted.has(index))
  }

  #say(kind: StatementKind, body: Uint8Array, session: Uint8Array): Uint8Array {
    const { group, id } = this.#known
    const about = { network: group.network, epoch: group.epoch, subject: id, session }
    return say({ identity: this.#identity, sign: this.#ports.sign }, about, { kind, body })
  }

  #tell(index: number, kind: StatementKind, body: Uint8Array, session: Uint8Array): void {
    this.#send(index, this.#say(kind, body, session))
  }

  #send(index: number, bytes: Uint8Array): void {
    const identity = this.#known.group.participants[index - 1]?.identity
    if (identity !== undefined) this.#effects.push(sendTo(identity, bytes))
  }
}
