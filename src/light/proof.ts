/** What a node proves that a key holds, under a head that enough machines signed. */
import { PeerFault } from '../base/errors.ts'
import { rootOfClaim } from '../wire/checkpoint.ts'
import { servedProofCodec } from '../wire/light-answers.ts'
import { type ProvenContent, provenContent } from '../wire/proven-content.ts'
import { decodePublicProof } from '../wire/state-proof.ts'
import type { SignedHead } from './checkpoints.ts'
import type { Heard } from './gathered.ts'

/** `unproven` is nobody's lie: no answer, or one about another moment. `false`: what came is no proof of this key here. */
export type Proven =
  | { readonly kind: 'proven'; readonly content: ProvenContent | null }
  | { readonly kind: 'unproven'; readonly code: string }
  | { readonly kind: 'false'; readonly code: string }

/** Judges the proof of `key`, which stands below a public prefix, under `head`. */
export function provenIn(
  heard: Heard,
  { key, head }: { readonly key: string; readonly head: SignedHead },
): Proven {
  if (heard.code !== '') return { kind: 'unproven', code: heard.code }
  try {
    const served = servedProofCodec.decode(heard.bytes)
    // The node went on between two questions, or answers about a head that nobody else signed.
    if (served.sequence !== head.checkpoint.sequence) {
      return { kind: 'unproven', code: 'PROOF_OF_ANOTHER_HEAD' }
    }
    const claim = { key, isPublic: true, root: rootOfClaim(head.claim) }
    const content = provenContent(decodePublicProof(served.proof, head.claim.privateRoot), claim)
    return content === undefined
      ? { kind: 'false', code: 'PROOF_INVALID' }
      : { kind: 'proven', content }
  } catch (error) {
    if (error instanceof PeerFault) return { kind: 'false', code: 'PROOF_INVALID' }
    throw error
  }
}
