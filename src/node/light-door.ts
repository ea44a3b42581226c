/**
 * What this node tells light clients, who need no trust in it: manifest, checkpoints, evidence and proofs, each of which proves
 * itself. Nothing here leads to a value outside the public prefixes.
 */
import type { Endorsements } from '../attestation/endorsements.ts'
import { CoterieError, UsageError, unreachable } from '../base/errors.ts'
import { type Digest, type NodeId, nodeIdOfKey } from '../base/ids.ts'
import { RateBudget } from '../base/rate-budget.ts'
import { between, type Duration, type Instant, seconds } from '../base/time.ts'
import type { Host } from '../host/port.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import type { ReplicaQueries } from '../protocol/replica/types.ts'
import { evidenceDigest } from '../wire/evidence.ts'
import {
  type AttestationAnswer,
  attestationAnswerCodec,
  checkpointReportData,
  echoMessage,
  type QuotedCheckpoint,
  servedCheckpointCodec,
  servedEvidenceCodec,
  servedProofCodec,
} from '../wire/light-answers.ts'
import { decodeLightQuestion, type LightQuestion } from '../wire/light-question.ts'
import type { MemberRecord } from '../wire/member-record.ts'
import { encodePublicProof } from '../wire/state-proof.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { LightApi } from './handle.ts'
import type { Identity } from './identity.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import { proofError } from './proof-errors.ts'

/** A quote about a checkpoint is asked for after this part of the evidence age, so that none that is shown is older. */
const requoteShare = 0.5
/** After this part whoever asks waits for the newer one: after a long silence the old one would read as stale. */
const waitShare = 0.9
/** The rest after a device gave no quote: clients may ask without end, and it quotes for handshakes too. */
const requoteRest = seconds(10)
/** How long a client waits for a quote; mostly it is made while the last one is shown. */
const quotePatience = seconds(10)

/**
 * What all clients together get, over HTTP and streams: who asks is not known and costs. Hundreds of them may look once in a few
 * seconds; the dearest answer takes some milliseconds.
 */
const rate = { messagesPerSecond: 100, bytesPerSecond: 8 * 1024 * 1024 } as const

export interface LightDoorPorts {
  readonly host: Pick<Host, 'attester' | 'clock' | 'timers' | 'log'>
  readonly identity: Identity
  readonly manifests: Pick<ManifestKeeper, 'network' | 'file'>
  readonly membership: Pick<MembershipQueries, 'record' | 'members'>
  readonly replica: Pick<ReplicaQueries, 'cuts'>
  readonly checkpoints: Pick<Checkpoints, 'newest' | 'own' | 'served'>
  /** By the manifest in force. */
  readonly evidenceAge: () => Duration
  /** Vendors' documents at hand under which evidence of this node was appraised. */
  readonly endorsements: (node: NodeId) => Endorsements
}

export class LightDoor implements LightApi {
  readonly #ports: LightDoorPorts
  readonly #stopping = new AbortController()
  readonly #budget: RateBudget
  #quoted: (QuotedCheckpoint & { readonly at: Instant }) | undefined
  #quoting: Promise<void> | undefined
  #failedAt: Instant | undefined

  constructor(ports: LightDoorPorts) {
    this.#ports = ports
    this.#budget = new RateBudget(rate, ports.host.clock)
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** A question as it came over a stream. @throws {PeerFault} for bytes that are none, and as `answer`. */
  async asked(question: Uint8Array): Promise<Uint8Array> {
    return await this.answer(decodeLightQuestion(question))
  }

  async answer(question: LightQuestion): Promise<Uint8Array> {
    // What an answer costs is known when it is made: who has nothing left does not have it made.
    if (!this.#budget.allows(0)) throw tooMany()
    const bytes = await this.#answer(question)
    if (!this.#budget.spend(bytes.length)) throw tooMany()
    return bytes
  }

  #answer(question: LightQuestion): Uint8Array | Promise<Uint8Array> {
    switch (question.kind) {
      case 'manifest':
        return this.#ports.manifests.file()
      case 'checkpoint':
        return this.#checkpoint(question.cosigners)
      case 'evidence':
        return this.#evidence(question.digest)
      case 'proof':
        return this.#proof(question.key, question.sequence)
      case 'attestation':
        return this.#attestation(question.nonce)
      default:
        return unreachable(question)
    }
  }

  #checkpoint(cosigners: number): Uint8Array {
    const { checkpoints, host } = this.#ports
    const served = checkpoints.served(cosigners, host.clock.monotonic())
    if (served === undefined) throw noCheckpoint()
    return servedCheckpointCodec.encode(served)
  }

  #evidence(digest: Digest): Uint8Array {
    const record = this.#recordWith(digest)
    if (record === undefined) {
      throw new UsageError('EVIDENCE_NOT_HELD', 'No member shows evidence of this digest now.', {
        next: 'Fetch the checkpoint again: its signers may have newer evidence.',
      })
    }
    const { items } = this.#ports.endorsements(nodeIdOfKey(record.keys.identity))
    return servedEvidenceCodec.encode({ record, endorsements: items.slice(0, 16) })
  }

  #proof(key: string, sequence: number | null): Uint8Array {
    const { checkpoints, replica } = this.#ports
    const { newest } = checkpoints
    if (newest === undefined) throw noCheckpoint()
    const own = sequence === null ? newest : checkpoints.own(sequence)
    const proven = own === undefined ? 'CHECKPOINT_GONE' : replica.cuts.prove(own.cut, key)
    if (typeof proven === 'string' || own === undefined) {
      throw proofError(typeof proven === 'string' ? proven : 'CHECKPOINT_GONE')
    }
    return servedProofCodec.encode({
      sequence: own.sequence,
      proof: encodePublicProof(proven.proof),
    })
  }

  async #attestation(nonce: Uint8Array): Promise<Uint8Array> {
    const { host, identity, manifests, membership, checkpoints } = this.#ports
    await this.#requote()
    const record = membership.record(identity.node, host.clock.monotonic())
    if (record === undefined) throw noCheckpoint()
    const quoted = this.#quoted ?? null
    const answer: Omit<AttestationAnswer, 'signature'> = {
      ...{ nonce, record },
      quoted: quoted && { checkpoint: quoted.checkpoint, evidence: quoted.evidence },
      latest: checkpoints.newest?.bytes ?? null,
    }
    const signature = identity.signing.sign(echoMessage(manifests.network, answer))
    return attestationAnswerCodec.encode({ ...answer, signature })
  }

  /** Asks for a newer quote if one is due; waits for it only if there is none to show that is good for a while. */
  async #requote(): Promise<void> {
    const { clock } = this.#ports.host
    const now = clock.monotonic()
    const age = this.#quoted === undefined ? undefined : between(this.#quoted.at, now)
    const evidenceAge = this.#ports.evidenceAge()
    const isDue = age === undefined || age >= evidenceAge * requoteShare
    const rests = this.#failedAt !== undefined && between(this.#failedAt, now) < requoteRest
    if (isDue && !rests) {
      this.#quoting ??= this.#quote().finally(() => {
        this.#quoting = undefined
      })
    }
    if (age === undefined || age >= evidenceAge * waitShare) await this.#quoting
  }

  async #quote(): Promise<void> {
    const { host, checkpoints } = this.#ports
    const { newest } = checkpoints
    if (newest === undefined) return
    const at = host.clock.monotonic()
    const deadline = new AbortController()
    const cancel = host.timers.after(quotePatience, () => deadline.abort())
    const data = checkpointReportData(host.attester.platform, newest.digest)
    try {
      const signal = AbortSignal.any([this.#stopping.signal, deadline.signal])
      const evidence = await host.attester.quote(data, signal)
      this.#quoted = { checkpoint: newest.bytes, evidence, at }
      this.#failedAt = undefined
    } catch (error) {
      // The world's, whatever it is: the answer goes without a newer quote, and the client sees how old it is.
      const code = error instanceof CoterieError ? error.code : 'QUOTE_FAILED'
      host.log.warn('no quote about a checkpoint', { code })
      this.#failedAt = at
    } finally {
      cancel()
    }
  }

  #recordWith(digest: Digest): MemberRecord | undefined {
    const { identity, membership, host } = this.#ports
    const now = host.clock.monotonic()
    const own = membership.record(identity.node, now)
    if (own !== undefined && evidenceDigest(own.evidence) === digest) return own
    const member = membership.members(now).find(one => evidenceDigest(one.evidence) === digest)
    return member === undefined ? undefined : membership.record(member.node, now)
  }
}

function tooMany(): CoterieError {
  return new CoterieError(
    'TOO_MANY_REQUESTS',
    'Light clients ask this node more than it answers.',
    {
      next: 'Ask again in a few seconds, or another member.',
    },
  )
}

function noCheckpoint(): CoterieError {
  return new CoterieError('NO_CHECKPOINT', 'This node has made no checkpoint yet.', {
    next: 'Ask again in a few seconds, or another member.',
  })
}
