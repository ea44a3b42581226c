/**
 * Frames of the attested handshake, inside the Noise channel and before any application byte: one byte of
 * kind, then the body. The order in which they may come is the handshake's (src/host/net/handshake.ts).
 */
import { PeerFault, unreachable } from '../base/errors.ts'
import type { NodeKeys } from './evidence.ts'
import { limits } from './limits.ts'
import { decodeRefusal, encodeRefusal } from './refusal.ts'
import { byteString, fixedBytes, flag, message, nullable, row, uint } from './schema.ts'

/** What each side says first. */
export interface Hello {
  /** 32 random bytes, used once: the other's binder must contain them. */
  readonly challenge: Uint8Array
  /** The manifest in force; `null` from a light client, which holds its own pin. */
  readonly manifest: { readonly nonce: number; readonly hash: Uint8Array } | null
  /** Digest of this side's key evidence, 32 bytes; `null` from a light client, which has none. */
  readonly evidence: Uint8Array | null
  /** Whether the other's evidence must be sent; the dialler cannot know yet and says `false`. */
  readonly wanted: boolean
}

/** What proves a side. */
export interface Proof {
  readonly keys: NodeKeys
  /** Canonical encoding of the key evidence; `null` if the other side did not want it. */
  readonly evidence: Uint8Array | null
  /** Ed25519 signature of the identity key over the 64 bytes of the binder. */
  readonly signature: Uint8Array
  /** Whether the other's evidence must be sent with its proof. */
  readonly wanted: boolean
}

/** What travels in a handshake. */
export type HandshakeFrame =
  | ({ readonly kind: 'hello' } & Hello)
  /** The manifest envelope in force, as JSON text, where the other's differs. */
  | { readonly kind: 'manifest'; readonly envelope: Uint8Array }
  /** An envelope before it that changed the manifest set: without it the other could not check what follows. */
  | { readonly kind: 'ancestor'; readonly envelope: Uint8Array }
  | ({ readonly kind: 'proof' } & Proof)
  /** The other's proof holds. */
  | { readonly kind: 'accepted' }
  /** The end, in any state. */
  | {
      readonly kind: 'refusal'
      readonly code: string
      readonly facts: Readonly<Record<string, string | number>>
    }

/** Bytes of kind, append only. */
const kinds = { hello: 1, manifest: 2, proof: 3, accepted: 4, refusal: 5, ancestor: 6 } as const

/** The largest frame: a whole manifest envelope or evidence, and its byte of kind. */
export const handshakeFrameBytesMax: number = limits.handshakeFrameBytesMax + 1

const frameLimits = { bytesMax: limits.handshakeFrameBytesMax, itemsMax: 64 }

/** What `hello` carries. */
export const handshakeHelloCodec = message<Hello>(
  'handshake-hello',
  1,
  {
    challenge: [1, fixedBytes(32)],
    manifest: [
      2,
      nullable(row<{ nonce: number; hash: Uint8Array }>({ nonce: uint(), hash: fixedBytes(32) })),
    ],
    evidence: [3, nullable(fixedBytes(32))],
    wanted: [4, flag],
  },
  { bytesMax: 1024, itemsMax: 64 },
)

/** What `proof` carries. */
export const handshakeProofCodec = message<Proof>(
  'handshake-proof',
  1,
  {
    keys: [
      1,
      row<NodeKeys>({ identity: fixedBytes(32), noise: fixedBytes(32), kem: fixedBytes(1216) }),
    ],
    evidence: [2, nullable(byteString(1, limits.handshakeFrameBytesMax - 2048))],
    signature: [3, fixedBytes(64)],
    wanted: [4, flag],
  },
  frameLimits,
)

const acceptedCodec = message<object>('handshake-accepted', 1, {}, { bytesMax: 256 })

/** Bytes of a frame, freshly allocated. */
export function encodeHandshakeFrame(frame: HandshakeFrame): Uint8Array {
  const body = bodyOf(frame)
  const bytes = new Uint8Array(1 + body.length)
  bytes[0] = kinds[frame.kind]
  bytes.set(body, 1)
  return bytes
}

/** Reads one frame. @throws {PeerFault} for anything malformed or too large. */
export function decodeHandshakeFrame(bytes: Uint8Array): HandshakeFrame {
  const body = bytes.subarray(1)
  switch (bytes[0]) {
    case kinds.hello:
      return { kind: 'hello', ...handshakeHelloCodec.decode(body) }
    case kinds.manifest:
      return { kind: 'manifest', envelope: envelopeOf(body) }
    case kinds.ancestor:
      return { kind: 'ancestor', envelope: envelopeOf(body) }
    case kinds.proof:
      return { kind: 'proof', ...handshakeProofCodec.decode(body) }
    case kinds.accepted:
      acceptedCodec.decode(body)
      return { kind: 'accepted' }
    case kinds.refusal:
      return { kind: 'refusal', ...decodeRefusal(body) }
    default:
      throw new PeerFault('UNKNOWN_FRAME', 'a handshake frame of no known kind')
  }
}

function envelopeOf(body: Uint8Array): Uint8Array {
  if (body.length === 0 || body.length > limits.manifestBytesMax) {
    throw new PeerFault('BAD_MESSAGE', `a manifest has 1..${limits.manifestBytesMax} bytes`)
  }
  return body.slice()
}

function bodyOf(frame: HandshakeFrame): Uint8Array {
  switch (frame.kind) {
    case 'hello':
      return handshakeHelloCodec.encode(frame)
    case 'manifest':
    case 'ancestor':
      return frame.envelope
    case 'proof':
      return handshakeProofCodec.encode(frame)
    case 'accepted':
      return acceptedCodec.encode({})
    case 'refusal':
      return encodeRefusal(frame)
    default:
      return unreachable(frame)
  }
}
