/**
 * The chains of checkpoints: this node's own, and what its neighbours in time say.
 *
 *     cut ─ claim ─ signed behind the one before ─> own chain, the last ten ──> served
 *                                                         ▲ same claim
 *     beat of a member ─ its checkpoint ─ remembered ─────┘ a co-signature
 *                                          │ same sequence, other content, both signed
 *                                          └─> contradiction: removal evidence
 *
 * No signature is checked before something hangs on it: whoever answers for a checkpoint signed the beat around it.
 */
import { equalBytes } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import {
  bytesOfDigest,
  type Digest,
  keyOfNodeId,
  type NetworkId,
  type NodeId,
} from '../../base/ids.ts'
import {
  type Checkpoint,
  type CheckpointClaim,
  type Cosignature,
  checkpointCodec,
  checkpointDigest,
  checkpointMessage,
  claimCodec,
  contradicts,
  verifyCheckpoint,
} from '../../wire/checkpoint.ts'
import type { ServedCheckpoint, ServedCosignature } from '../../wire/light-answers.ts'
import type { Extended } from '../../wire/schema.ts'

/** Own checkpoints that can be served and proved under: ten seconds, for a client that fetches one and then its proofs. */
export const ownKept = 10
/** Checkpoints of another member that are remembered: two of one sequence come within a beat or two of each other. */
const heardKept = 3

/** What is known of whoever may co-sign. */
export interface Signatory {
  /** Its platform instance: co-signatures count these. */
  readonly instance: string
  /** Digest of the evidence about its keys, 32 bytes. */
  readonly evidence: Uint8Array
}

/** What came of a member's checkpoint. */
export type Heard =
  | { readonly kind: 'noted' }
  /** No honest node sends it. */
  | { readonly kind: 'fault'; readonly code: string }
  /** Its author signed two at one place: both as encoded. */
  | { readonly kind: 'contradiction'; readonly first: Uint8Array; readonly second: Uint8Array }

/** A checkpoint of this node. */
export interface OwnCheckpoint {
  readonly sequence: number
  readonly digest: Digest
  /** Of the group clock, milliseconds. */
  readonly cut: number
  readonly bytes: Uint8Array
}

interface Own extends OwnCheckpoint {
  readonly claim: Uint8Array
  readonly cosignatures: Map<NodeId, { readonly of: Checkpoint; isGenuine: boolean | undefined }>
}

export class CheckpointBook {
  readonly #network: Uint8Array
  readonly #key: Uint8Array
  readonly #self: NodeId
  readonly #sign: (message: Uint8Array) => Uint8Array
  readonly #heard = new Map<NodeId, readonly Checkpoint[]>()
  #own: readonly Own[] = []
  #previous: Uint8Array = new Uint8Array(32)
  #sequence = 0

  constructor(
    ports: { readonly sign: (message: Uint8Array) => Uint8Array },
    options: { readonly self: NodeId; readonly network: NetworkId },
  ) {
    this.#sign = ports.sign
    this.#self = options.self
    this.#key = keyOfNodeId(options.self)
    this.#network = bytesOfDigest(options.network)
  }

  /** The newest of this node. */
  get newest(): OwnCheckpoint | undefined {
    return this.#own.at(-1)
  }

  /** The one of this sequence, as far as it is kept. */
  own(sequence: number): OwnCheckpoint | undefined {
    return this.#own.find(own => own.sequence === sequence)
  }

  /** Signs the next link of this node's chain, whose cut is later than that of the one before. */
  make(claim: CheckpointClaim & Extended, groupClock: number): OwnCheckpoint {
    const encoded = claimCodec.encode(claim)
    const sequence = ++this.#sequence
    const place = { node: this.#key, sequence, previous: this.#previous, groupClock }
    const placed = { ...place, claim: encoded }
    const bytes = checkpointCodec.encode({
      ...placed,
      signature: this.#sign(checkpointMessage(placed)),
    })
    const digest = checkpointDigest(placed)
    this.#previous = bytesOfDigest(digest)
    const made: Own = {
      sequence,
      digest,
      cut: claim.cut,
      bytes,
      claim: encoded,
      cosignatures: new Map(),
    }
    this.#own = [...this.#own, made].slice(-ownKept)
    for (const [node, heard] of this.#heard) for (const one of heard) this.#match(node, one)
    return made
  }

  /** A member's accepted beat carried this. */
  heard(author: NodeId, bytes: Uint8Array): Heard {
    let checkpoint: Checkpoint
    try {
      checkpoint = checkpointCodec.decode(bytes)
      const { network } = claimCodec.decode(checkpoint.claim)
      if (!equalBytes(checkpoint.node, keyOfNodeId(author))) return fault('CHECKPOINT_OF_ANOTHER')
      if (!equalBytes(network, this.#network)) return fault('CHECKPOINT_WRONG_NETWORK')
    } catch (error) {
      if (!(error instanceof PeerFault)) throw error
      return fault('CHECKPOINT_MALFORMED')
    }
    if (author === this.#self) return { kind: 'noted' }
    const before = this.#heard.get(author) ?? []
    const other = before.find(({ sequence }) => sequence === checkpoint.sequence)
    if (other !== undefined) return this.#compare(author, other, checkpoint)
    const kept = [...before, checkpoint].toSorted((left, right) => left.sequence - right.sequence)
    this.#heard.set(author, kept.slice(-heardKept))
    this.#match(author, checkpoint)
    return { kind: 'noted' }
  }

  /** The author is no member any more: nothing of it counts. */
  forget(author: NodeId): void {
    this.#heard.delete(author)
    for (const { cosignatures } of this.#own) cosignatures.delete(author)
  }

  /**
   * The newest checkpoint of this node that members on `wanted` other instances share, or, if there is none, the one that most
   * share; `undefined` before the first. Checks the signatures that it answers.
   */
  served(
    wanted: number,
    signatory: (node: NodeId) => Signatory | undefined,
  ): ServedCheckpoint | undefined {
    const self = signatory(this.#self)
    if (self === undefined) return undefined
    let best: { readonly own: Own; readonly cosignatures: readonly ServedCosignature[] } | undefined
    for (const own of this.#own.toReversed()) {
      const cosignatures = cosignaturesOf(own, { wanted, signatory, not: self.instance })
      if (best === undefined || cosignatures.length > best.cosignatures.length) {
        best = { own, cosignatures }
      }
      if (best.cosignatures.length >= wanted) break
    }
    if (best === undefined) return undefined
    return { checkpoint: best.own.bytes, evidence: self.evidence, cosignatures: best.cosignatures }
  }

  #match(author: NodeId, checkpoint: Checkpoint): void {
    const own = this.#own.find(({ claim }) => equalBytes(claim, checkpoint.claim))
    if (own === undefined || own.cosignatures.has(author)) return
    own.cosignatures.set(author, { of: checkpoint, isGenuine: undefined })
  }

  #compare(author: NodeId, known: Checkpoint, checkpoint: Checkpoint): Heard {
    if (!contradicts(known, checkpoint) || !verifyCheckpoint(checkpoint)) return { kind: 'noted' }
    if (!verifyCheckpoint(known)) {
      // What was not signed stands for nothing, and must not hide what was.
      const others = this.#heard.get(author) ?? []
      this.#heard.set(
        author,
        others.map(one => (one === known ? checkpoint : one)),
      )
      this.#match(author, checkpoint)
      return { kind: 'noted' }
    }
    const [first, second] = [known, checkpoint].map(one => checkpointCodec.encode(one))
    if (first === undefined || second === undefined) return { kind: 'noted' }
    return { kind: 'contradiction', first, second }
  }
}

function fault(code: string): Heard {
  return { kind: 'fault', code }
}

/** Genuine co-signatures of members on as many other instances, at most `wanted`. */
function cosignaturesOf(
  own: Own,
  terms: {
    readonly wanted: number
    readonly signatory: (node: NodeId) => Signatory | undefined
    readonly not: string
  },
): readonly ServedCosignature[] {
  const instances = new Set([terms.not])
  const found: ServedCosignature[] = []
  for (const [node, cosignature] of own.cosignatures) {
    if (found.length >= terms.wanted) break
    const signatory = terms.signatory(node)
    if (signatory === undefined || instances.has(signatory.instance)) continue
    cosignature.isGenuine ??= verifyCheckpoint(cosignature.of)
    if (!cosignature.isGenuine) continue
    instances.add(signatory.instance)
    const { sequence, previous, groupClock, signature } = cosignature.of
    const short: Cosignature = {
      node: cosignature.of.node,
      sequence,
      previous,
      groupClock,
      signature,
    }
    found.push({ ...short, evidence: signatory.evidence })
  }
  return found
}
