/**
 * Shamir's secret sharing over GF(2^8), by the audited `shamir-secret-sharing`. Its shares know nothing of each other: a wrong one combines
 * to a wrong secret without a word, so each is committed to here and held against that before it is used.
 */
import { combine, split } from 'shamir-secret-sharing'
import { assert } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { sha512 } from './hash.ts'

/** How a secret is shared. */
export interface Sharing {
  /** Shares in all, at most 255. */
  readonly count: number
  /** Shares that it takes, 2 to `count`. */
  readonly threshold: number
}

/** Shares of a secret, owned by the caller: one byte of position, 1 to 255, then as many as the secret has. Chance is the library's own. */
export async function shareSecret(
  secret: Secret,
  { count, threshold }: Sharing,
): Promise<readonly Secret[]> {
  assert(threshold >= 2 && threshold <= count && count <= 255, 'two or more of at most 255')
  const made = await secret.use(bytes => split(bytes, count, threshold))
  return made.map(share => {
    const turned = new Uint8Array(share.length)
    turned.set(share.subarray(-1))
    turned.set(share.subarray(0, -1), 1)
    share.fill(0)
    return new Secret(turned)
  })
}

/**
 * The secret of these shares, if they are shares of one secret and enough of them; else some other bytes: whoever combines knows by the
 * public key of the result. `undefined` for shares of other lengths, without a position or with the same one twice.
 */
export async function combineShares(shares: readonly Secret[]): Promise<Secret | undefined> {
  const turned = shares.map(share =>
    share.use(bytes => {
      const back = new Uint8Array(bytes.length)
      back.set(bytes.subarray(1))
      back.set(bytes.subarray(0, 1), bytes.length - 1)
      return back
    }),
  )
  try {
    const positions = turned.map(bytes => bytes.at(-1) ?? 0)
    const isAlike = turned.every(({ length }) => length >= 2 && length === turned[0]?.length)
    const isDistinct = new Set(positions).size === positions.length && !positions.includes(0)
    if (shares.length < 2 || shares.length > 255 || !isAlike || !isDistinct) return undefined
    return new Secret(await combine(turned))
  } finally {
    for (const bytes of turned) bytes.fill(0)
  }
}

/** What a share is known by to those who must not see it: SHA-512 over a share with 32 bytes of chance in it. */
export function shareCommitment(share: Secret): Uint8Array {
  return share.use(sha512)
}
