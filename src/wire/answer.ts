/** The answer to a request on a member stream: one byte, then the answer or a refusal. */
import { concatBytes } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { limits } from './limits.ts'
import { decodeRefusal, encodeRefusal } from './refusal.ts'

/** The largest answer with its byte. */
export const answerBytesMax: number = limits.frameBytesMax + 1

export type AnswerFrame =
  | { readonly kind: 'answer'; readonly body: Uint8Array }
  | {
      readonly kind: 'refusal'
      readonly code: string
      readonly facts: Readonly<Record<string, string | number>>
    }

/** Bytes of an answer, freshly allocated. */
export function encodeAnswer(answer: AnswerFrame): Uint8Array {
  return answer.kind === 'answer'
    ? concatBytes(Uint8Array.of(0), answer.body)
    : concatBytes(Uint8Array.of(1), encodeRefusal(answer))
}

/** Reads an answer. @throws {PeerFault} for anything malformed. */
export function decodeAnswer(bytes: Uint8Array): AnswerFrame {
  const body = bytes.slice(1)
  if (bytes[0] === 0) return { kind: 'answer', body }
  if (bytes[0] === 1) return { kind: 'refusal', ...decodeRefusal(body) }
  throw new PeerFault('UNKNOWN_FRAME', 'an answer of no known kind')
}
