/**
 * Whether AMD has revoked the authority above a key. Each root has one list, and only authorities are in it: all VCEKs and VLEKs bear
 * the serial number zero, so that no list can name one. A key falls with its TCB, which the policy's minimums judge.
 */
import { ifReadable } from '../../base/errors.ts'
import type { Timestamp } from '../../base/time.ts'
import { brokenList, type RevocationList, readRevocationList } from '../revocation-list.ts'
import type { Refusal } from '../verdict.ts'
import type { Vouched } from './chain.ts'

export type Revocation =
  /** The latest list that speaks for the root, and the authority is in none of them. */
  | { readonly kind: 'clear'; readonly list: RevocationList }
  | { readonly kind: 'revoked'; readonly refusal: Refusal }
  /**
   * No list speaks for the root now: there is none, or `reasons` are the codes of why none of those there are. `isBroken`: there are
   * some, and none is even the root's of a later day. Whoever brought those meant them to count, so that they are never the same as
   * none.
   */
  | {
      readonly kind: 'unknown'
      readonly why: string
      readonly reasons: readonly string[]
      readonly isBroken: boolean
    }

/** Lists that are looked at: each costs a signature. */
const listsMax = 8

/** What the lists at hand say about the authority of a chain, at a time. Refusal: `CERTIFICATE_REVOKED`. */
export function revocationOf(
  { authority, root }: Vouched,
  lists: readonly Uint8Array[],
  now: Timestamp,
): Revocation {
  const speaking: RevocationList[] = []
  const later: RevocationList[] = []
  const broken: string[] = []
  for (const bytes of lists.slice(0, listsMax)) {
    const list = ifReadable(() => readRevocationList(bytes))
    const code = list === undefined ? 'CRL_MALFORMED' : brokenList(list, root, now)?.code
    if (list !== undefined && code === undefined) speaking.push(list)
    else if (code !== undefined) broken.push(code)
    if (list !== undefined && code === 'CRL_NOT_YET_VALID' && isOfRoot(list, root)) later.push(list)
  }
  // What was revoked later was never taken back: a list of AMD's own future is believed in its no.
  if ([...speaking, ...later].some(({ revoked }) => revoked.has(authority.serial))) {
    const facts = { certificate: authority.commonName, serial: authority.serial }
    return { kind: 'revoked', refusal: { code: 'CERTIFICATE_REVOKED', facts } }
  }
  const [list] = speaking.toSorted((left, right) => right.thisUpdate - left.thisUpdate)
  if (list !== undefined) return { kind: 'clear', list }
  const why = broken.length === 0 ? 'no list at hand' : `no list is good: ${broken.join(' ')}`
  return {
    kind: 'unknown',
    why,
    reasons: broken,
    isBroken: broken.length > 0 && later.length === 0,
  }
}

function isOfRoot(list: RevocationList, root: Vouched['root']): boolean {
  return brokenList(list, root, list.thisUpdate) === undefined
}
