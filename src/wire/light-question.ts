/**
 * What a light client asks of a node over a stream: the questions that the HTTP routes take, and no other. One byte of kind, then a
 * message. The answer is a frame of `answer.ts`, around the bytes that the route gives.
 */
import { fromHex } from '../base/bytes.ts'
import { PeerFault, unreachable } from '../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf } from '../base/ids.ts'
import { cosignaturesMax } from './light-answers.ts'
import { limits } from './limits.ts'
import { type Codec, fixedBytes, message, nullable, text, uint } from './schema.ts'

export type LightQuestion =
  | { readonly kind: 'manifest' }
  /** With so many co-signatures, 0..32. */
  | { readonly kind: 'checkpoint'; readonly cosigners: number }
  | { readonly kind: 'evidence'; readonly digest: Digest }
  /** At the checkpoint of this sequence, or at the newest. */
  | { readonly kind: 'proof'; readonly key: string; readonly sequence: number | null }
  /** Over 32 bytes. */
  | { readonly kind: 'attestation'; readonly nonce: Uint8Array }

/** Bytes of kind, append only. */
const kinds = { manifest: 1, checkpoint: 2, evidence: 3, proof: 4, attestation: 5 } as const

/** The largest question: a key of 512 UTF-16 units, in UTF-8. */
export const lightQuestionBytesMax = 2_048

const bounded = { bytesMax: lightQuestionBytesMax - 1, itemsMax: 16 }

const manifestCodec = message<object>('light-manifest-question', 1, {}, { bytesMax: 256 })

/** What a question for a checkpoint carries. */
export const checkpointQuestionCodec: Codec<{ readonly cosigners: number }> = message(
  'light-checkpoint-question',
  1,
  { cosigners: [1, uint()] },
  bounded,
)

/** What a question for evidence carries: its digest. */
export const evidenceQuestionCodec: Codec<{ readonly digest: Uint8Array }> = message(
  'light-evidence-question',
  1,
  { digest: [1, fixedBytes(32)] },
  bounded,
)

/** What a question for a proof carries. */
export const proofQuestionCodec: Codec<{ readonly key: string; readonly sequence: number | null }> =
  message(
    'light-proof-question',
    1,
    { key: [1, text(limits.stateKeyBytesMax)], sequence: [2, nullable(uint())] },
    bounded,
  )

/** What a question for an attestation carries. */
export const attestationQuestionCodec: Codec<{ readonly nonce: Uint8Array }> = message(
  'light-attestation-question',
  1,
  { nonce: [1, fixedBytes(32)] },
  bounded,
)

/** Bytes of a question, freshly allocated. */
export function encodeLightQuestion(question: LightQuestion): Uint8Array {
  const body = bodyOf(question)
  const bytes = new Uint8Array(1 + body.length)
  bytes[0] = kinds[question.kind]
  bytes.set(body, 1)
  return bytes
}

/** Reads a question. @throws {PeerFault} for anything malformed. */
export function decodeLightQuestion(bytes: Uint8Array): LightQuestion {
  const body = bytes.subarray(1)
  switch (bytes[0]) {
    case kinds.manifest:
      manifestCodec.decode(body)
      return { kind: 'manifest' }
    case kinds.checkpoint: {
      const { cosigners } = checkpointQuestionCodec.decode(body)
      if (cosigners > cosignaturesMax) {
        throw new PeerFault('BAD_FIELD', `at most ${cosignaturesMax} co-signatures`)
      }
      return { kind: 'checkpoint', cosigners }
    }
    case kinds.evidence:
      return { kind: 'evidence', digest: digestOf(evidenceQuestionCodec.decode(body).digest) }
    case kinds.proof: {
      const { key, sequence } = proofQuestionCodec.decode(body)
      return { kind: 'proof', key, sequence }
    }
    case kinds.attestation:
      return { kind: 'attestation', nonce: attestationQuestionCodec.decode(body).nonce }
    default:
      throw new PeerFault('UNKNOWN_FRAME', 'a question of no known kind')
  }
}

function bodyOf(question: LightQuestion): Uint8Array {
  switch (question.kind) {
    case 'manifest':
      return manifestCodec.encode({})
    case 'checkpoint':
      return checkpointQuestionCodec.encode(question)
    case 'evidence':
      return evidenceQuestionCodec.encode({ digest: bytesOfDigest(question.digest) })
    case 'proof':
      return proofQuestionCodec.encode(question)
    case 'attestation':
      return attestationQuestionCodec.encode(question)
    default:
      return unreachable(question)
  }
}

/** The question that a GET of this path asks of a node's HTTP API; `undefined` for a path that asks none of them. */
export function lightQuestionAt(path: string): LightQuestion | undefined {
  for (const [form, read] of forms) {
    const found = form.exec(path)
    if (found !== null) return read(found[1] ?? '', found[2] ?? '')
  }
  return undefined
}

/** As a light client spells them: every part named, in this order. */
const forms: readonly (readonly [RegExp, Read])[] = [
  [/^\/light\/manifest$/, () => ({ kind: 'manifest' })],
  [
    /^\/light\/checkpoint\?cosigners=(\d{1,2})$/,
    count => ({ kind: 'checkpoint', cosigners: Number(count) }),
  ],
  [
    /^\/light\/evidence\/([0-9a-f]{64})$/,
    digest => ({ kind: 'evidence', digest: digestOf(fromHex(digest) ?? nothing) }),
  ],
  [
    /^\/light\/proof\?key=([^&]*)&sequence=(\d{1,15})$/,
    (encoded, sequence) => {
      const key = decoded(encoded)
      return key === undefined ? undefined : { kind: 'proof', key, sequence: Number(sequence) }
    },
  ],
  [
    /^\/attestation\?nonce=([0-9a-f]{64})$/,
    nonce => ({ kind: 'attestation', nonce: fromHex(nonce) ?? nothing }),
  ],
]

type Read = (first: string, second: string) => LightQuestion | undefined

/** Never asked about: the forms let hexadecimal digits through alone. */
const nothing = new Uint8Array(32)

function decoded(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded)
  } catch {
    // URIError: a lone percent sign, or bytes that are no text.
    return undefined
  }
}
