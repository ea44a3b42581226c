/**
 * Everything that one look at a network went by, as bytes: what was asked, what came, when. A report is a pure function of this and the
 * pin, so who keeps it (a *bundle*) can make the same report again, byte for byte, anywhere and without the network.
 */
import { type Timestamp, timestamp } from '../base/time.ts'
import { limits } from '../wire/limits.ts'
import {
  byteString,
  type Codec,
  type Field,
  fixedBytes,
  list,
  message,
  nullable,
  row,
  text,
  uint,
} from '../wire/schema.ts'
import { linkNodesMax } from './link.ts'
import { sourceAddressMax } from './source.ts'

/** Bytes as a node sent them, or the code that says why there are none. Believed no more than the node. */
export interface Heard {
  /** Empty where bytes came. */
  readonly code: string
  readonly bytes: Uint8Array
}

/** What one node was asked, and what it said. */
export interface HeardNode {
  /** Its address, as the source names it. */
  readonly source: string
  /** 32 random bytes, drawn for this question alone. */
  readonly nonce: Uint8Array
  readonly attestation: Heard
  readonly checkpoint: Heard
  /** `null` if no key was asked for. */
  readonly proof: Heard | null
}

export interface Gathered {
  readonly at: Timestamp
  /** Lineages, the client's own one first if it has one, then one that a node served; one follows from the other. */
  readonly manifests: readonly Uint8Array[]
  /** What the client remembered, encoded; `null` at the first look. */
  readonly memory: Uint8Array | null
  /** The key asked for, or `null`. */
  readonly key: string | null
  readonly nodes: readonly HeardNode[]
  /** Evidence of nodes and of signers, encoded as they served it; named by its digest. */
  readonly evidence: readonly Uint8Array[]
}

/** Bytes of answers that are read at all. */
export const answerBytesMax = {
  attestation: 2 * limits.handshakeFrameBytesMax + 4_096,
  checkpoint: 16 * 1_024,
  proof: limits.proofBytesMax + 256,
  evidence: limits.handshakeFrameBytesMax + 512 * 1_024,
  manifest: limits.manifestLineageBytesMax,
} as const

/** Evidence that one look reads: of every node asked, and of seven signers or more of each. */
export const evidenceMax = 8 * linkNodesMax

const heard = (bytesMax: number): Field<Heard> =>
  row<Heard>({ code: text(64), bytes: byteString(0, bytesMax) })

const time: Field<Timestamp> = {
  write: value => value,
  read: value => timestamp(uint().read(value)),
}

/** A bundle: 8 MiB hold what a client of many nodes gathers, but for the largest proofs. */
export const bundleCodec: Codec<Gathered> = message<Gathered>(
  'light-bundle',
  1,
  {
    at: [1, time],
    manifests: [2, list(byteString(1, answerBytesMax.manifest), 2)],
    memory: [3, nullable(byteString(1, limits.frameBytesMax))],
    key: [4, nullable(text(limits.stateKeyBytesMax))],
    nodes: [
      5,
      list(
        row<HeardNode>({
          source: text(sourceAddressMax),
          nonce: fixedBytes(32),
          attestation: heard(answerBytesMax.attestation),
          checkpoint: heard(answerBytesMax.checkpoint),
          proof: nullable(heard(answerBytesMax.proof)),
        }),
        linkNodesMax,
      ),
    ],
    evidence: [6, list(byteString(1, answerBytesMax.evidence), evidenceMax)],
  },
  { bytesMax: 8 * 1_024 * 1_024, itemsMax: 2_000 },
)
