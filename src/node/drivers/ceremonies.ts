/** Runs key ceremonies: what their machines say goes out, what is heard goes in, and what they make is handed over. */
import { BoundedMap } from '../../base/bounded-map.ts'
import { equalBytes } from '../../base/bytes.ts'
import type { CoterieError } from '../../base/errors.ts'
import { type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { Host } from '../../host/port.ts'
import type { Ceremony } from '../../protocol/custody/signing/ceremony.ts'
import type {
  CeremonyEffect,
  CeremonyInput,
  CeremonyPace,
  CeremonyPorts,
} from '../../protocol/custody/signing/ceremony-types.ts'
import type { KeyShare } from '../../protocol/custody/signing/key-share.ts'
import { openCeremony } from '../../protocol/custody/signing/open-ceremony.ts'
import { say } from '../../protocol/custody/signing/statements.ts'
import { accusationCodec } from '../../wire/key-ceremony.ts'
import {
  groupCodec,
  groupId,
  type Proposal,
  proposalId,
  type SigningGroup,
} from '../../wire/signing-group.ts'
import { readable } from '../../wire/signing-statement.ts'
import { Drive } from '../drive.ts'
import type { EventLog } from '../event-log.ts'
import { keyName } from '../group-book.ts'
import { signingError } from '../signing-errors.ts'

/** Ceremonies under way at once: each of 32 holds some 3 MiB of statements. */
const ceremoniesMax = 16
/** The same with those past their time, which wait without end because they may not end. */
const withStalledMax = 32
/** Of either kind by one proposer: as many as its budget lets it begin at once. */
const perProposerMax = 5
/** Ceremonies that ended and still answer whoever has not heard so. */
const endedKept = 32

export interface CeremoniesPorts extends CeremonyPorts {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly events: EventLog
  readonly identity: Uint8Array
  readonly pace: CeremonyPace
  readonly send: (to: NodeId, statement: Uint8Array) => void
  /** A share of this node that can be used. */
  readonly liveShare: (group: Digest) => KeyShare | undefined
  /** Whether so many more shares find room here. */
  readonly hasRoom: (shares: number) => boolean
  /** This node holds a share; it is the taker's. */
  readonly made: (share: KeyShare, proposal: Proposal) => void
  /** The key went to this group, and the share of this node is wiped. */
  readonly gaveUp: (group: SigningGroup, proposal: Proposal) => void
}

interface Running {
  readonly proposer: NodeId
  readonly proposal: Proposal
  /** One more share to keep, should it succeed. */
  readonly needsRoom: boolean
  readonly ceremony: Ceremony
  readonly drive: Drive<CeremonyInput, CeremonyEffect>
  readonly outcome: PromiseWithResolvers<SigningGroup>
  /** Past its patience, and it goes on: it keeps nobody from handing the key on. */
  isStalled: boolean
}

export class Ceremonies {
  readonly #ports: CeremoniesPorts
  readonly #running = new Map<Digest, Running>()
  readonly #ended = new BoundedMap<Digest, Running>(endedKept)

  constructor(ports: CeremoniesPorts) {
    this.#ports = ports
  }

  /**
   * Takes part. The promise is that of the group; whoever does not want it may leave it.
   *
   * @throws {CoterieError} the code of the machine, `RESHARING_UNDER_WAY`, `CEREMONIES_FULL`, `SHARES_FULL`.
   */
  open(proposal: Proposal, proposer: NodeId): Promise<SigningGroup> {
    const subject = digestOf(proposalId(proposal))
    const known = this.#find(subject)
    if (known !== undefined) return known.outcome.promise
    this.#admit(proposal, proposer)
    const { identity, pace, host } = this.#ports
    const own = this.#ownShare(proposal)
    // A share that is handed on makes room for its successor.
    const needsRoom = own === undefined && isReceiver(proposal, identity)
    if (needsRoom && !this.#hasRoom()) throw signingError('SHARES_FULL')
    const options = { identity, proposal, pace, ...(own === undefined ? {} : { own }) }
    const opened = openCeremony(this.#ports, options, host.clock.monotonic())
    if (opened.kind === 'refused') throw signingError(opened.code)
    const { ceremony } = opened
    const drive = new Drive<CeremonyInput, CeremonyEffect>(ceremony, host, {
      tick: { kind: 'tick' },
      apply: effect => this.#apply(subject, running, effect),
    })
    const outcome = Promise.withResolvers<SigningGroup>()
    outcome.promise.catch(() => undefined)
    const about = { proposer, proposal, needsRoom }
    const running: Running = { ...about, ceremony, drive, outcome, isStalled: false }
    this.#running.set(subject, running)
    this.#noteStart(subject, proposal)
    for (const effect of opened.effects) this.#apply(subject, running, effect)
    drive.feed({ kind: 'tick' })
    return outcome.promise
  }

  has(subject: Digest): boolean {
    return this.#find(subject) !== undefined
  }

  hear(subject: Digest, bytes: Uint8Array): void {
    this.#find(subject)?.drive.feed({ kind: 'heard', bytes })
  }

  /** Ends a ceremony that cannot succeed, for everybody; too late, it changes nothing. `why` is answered to who waits here. */
  cancel(proposal: Proposal, why: CoterieError): void {
    const subject = proposalId(proposal)
    const running = this.#running.get(digestOf(subject))
    if (running === undefined) return
    running.outcome.reject(why)
    const { identity, sign } = this.#ports
    const { network, epoch, session } = proposal
    // Said by this node, and heard by it first: its machine tells the others.
    const body = accusationCodec.encode({ code: 'SILENT', accused: identity, statements: [] })
    const about = { network, subject, epoch, session }
    const bytes = say({ identity, sign }, about, { kind: 'abort', body })
    running.drive.feed({ kind: 'heard', bytes })
  }

  stop(reason: CoterieError): void {
    for (const { drive, ceremony, outcome } of this.#running.values()) {
      drive.stop()
      ceremony[Symbol.dispose]()
      outcome.reject(reason)
    }
    this.#running.clear()
    for (const name of [...this.#ended.keys()]) this.#ended.take(name)?.drive.stop()
  }

  #find(subject: Digest): Running | undefined {
    return this.#running.get(subject) ?? this.#ended.peek(subject)
  }

  /** One handing-on of a key at a time: old signers who give up for two groups leave neither with enough. */
  #admit({ predecessor }: Proposal, proposer: NodeId): void {
    const all = [...this.#running.values()]
    const running = all.filter(({ isStalled }) => !isStalled)
    const isFull = running.length >= ceremoniesMax || all.length >= withStalledMax
    const theirs = all.filter(each => each.proposer === proposer).length
    if (isFull || theirs >= perProposerMax) throw signingError('CEREMONIES_FULL')
    const old = predecessor === null ? undefined : readable(groupCodec, predecessor.group)
    if (old === undefined) return
    const isUnderWay = running.some(
      ({ proposal }) => proposal.predecessor !== null && keyOf(proposal) === keyName(old),
    )
    if (isUnderWay) throw signingError('RESHARING_UNDER_WAY')
  }

  /** For one more share, besides those that the ceremonies under way may bring. */
  #hasRoom(): boolean {
    const awaited = [...this.#running.values()].filter(({ needsRoom }) => needsRoom).length
    return this.#ports.hasRoom(awaited + 1)
  }

  #ownShare({ predecessor }: Proposal): KeyShare | undefined {
    const old = predecessor === null ? undefined : readable(groupCodec, predecessor.group)
    return old === undefined ? undefined : this.#ports.liveShare(digestOf(groupId(old)))
  }

  #apply(subject: Digest, running: Running, effect: CeremonyEffect): void {
    const { proposal, outcome } = running
    if (effect.kind === 'send') this.#ports.send(effect.to, effect.bytes)
    if (effect.kind === 'made') {
      const { group } = effect.share
      this.#noteGroup(group, proposal, 'this node holds a share of a key')
      this.#ports.made(effect.share, proposal)
      outcome.resolve(group)
    }
    if (effect.kind === 'gaveUp') {
      this.#noteGroup(
        effect.group,
        proposal,
        'a key was handed on, and the share of it here is gone',
      )
      this.#ports.gaveUp(effect.group, proposal)
      if (!isReceiver(proposal, this.#ports.identity)) outcome.resolve(effect.group)
    }
    if (effect.kind === 'failed') {
      const { code, accused } = effect.accusation
      const who = code === 'SILENT' ? effect.silent : [nodeIdOfKey(accused)]
      this.#noteEnd(subject, proposal, { code, who })
      outcome.reject(signingError(code, { accused: who.join(' ') }))
    }
    if (effect.kind === 'stalled') {
      running.isStalled = true
      const code = 'CEREMONY_STALLED'
      this.#noteEnd(subject, proposal, { code, who: effect.silent })
      outcome.reject(signingError(code, { accused: effect.silent.join(' ') }))
    }
    this.#retire(subject, running)
  }

  #retire(subject: Digest, running: Running): void {
    if (!running.ceremony.isOver || !this.#running.delete(subject)) return
    this.#ended.set(subject, running)
    // An old signer that gave its share up for another group has nothing to tell of this one. What is told comes first.
    queueMicrotask(() => running.outcome.reject(signingError('EPOCH_ENDED')))
  }

  #noteStart(ceremony: Digest, proposal: Proposal): void {
    const { suite, epoch, threshold, purpose, participants } = proposal
    this.#ports.events.note('signing-ceremony', 'this node takes part in making a group', {
      ...{ ceremony, suite, epoch, threshold, purpose, signers: participants.length },
      isNew: proposal.predecessor === null,
    })
  }

  #noteGroup(group: SigningGroup, { purpose, predecessor }: Proposal, text: string): void {
    const { suite, epoch, threshold } = group
    this.#ports.events.note('signing-group', text, {
      ...{ group: digestOf(groupId(group)), key: keyName(group), suite, epoch, threshold, purpose },
      ...{ signers: group.participants.length, isNew: predecessor === null },
    })
  }

  #noteEnd(
    ceremony: Digest,
    { suite, epoch, purpose }: Proposal,
    { code, who }: { readonly code: string; readonly who: readonly NodeId[] },
  ): void {
    const facts = { ceremony, suite, epoch, purpose, code, accused: who.join(' ') }
    const { events } = this.#ports
    if (code !== 'SILENT' && code !== 'CEREMONY_STALLED') {
      events.note(
        'signing-cheat',
        'a participant broke a ceremony, and its statements show it',
        facts,
      )
    }
    events.note('signing-failed', 'a ceremony made no group', facts)
  }
}

function keyOf({ predecessor }: Proposal): string | undefined {
  const old = predecessor === null ? undefined : readable(groupCodec, predecessor.group)
  return old === undefined ? undefined : keyName(old)
}

function isReceiver({ participants }: Proposal, identity: Uint8Array): boolean {
  return participants.some(each => equalBytes(each.identity, identity))
}
