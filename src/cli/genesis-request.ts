/** The request for a genesis: who holds shares, who approves, under which name. */
import type { ActivityRequest } from '../api/custody-contract.ts'
import type { GenesisRequest } from '../api/custody-shapes.ts'
import { type Holder, holdersMax } from '../attestation/custody/custody-manifest.ts'
import { fromHex } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'

/** As people write it; counts are texts still. */
export interface RequestFlags {
  readonly threshold: string
  readonly manifestThreshold?: string
  readonly namespaceName: string
  readonly namespaceNonce: string
  readonly pivotHash?: string
  readonly pivotArg: readonly string[]
}

/** Counts of a request that hold every rule. */
export interface RequestPlan {
  readonly threshold: number
  /** More than half, and no fewer than hold shares: so many approvals come with the shares anyway. */
  readonly manifestThreshold: number
  readonly namespace: { readonly name: string; readonly nonce: number }
  readonly pivotHash: Uint8Array
}

/**
 * Reads the counts for so many members.
 *
 * @throws {UsageError} `BAD_COUNT`, `BAD_NAMESPACE`, `BAD_PIVOT`, `THRESHOLD_TOO_LOW`, `THRESHOLD_TOO_HIGH`, `THRESHOLD_NO_MAJORITY`.
 */
export function planOf(members: number, flags: RequestFlags): RequestPlan {
  const threshold = countOf('--threshold', flags.threshold)
  const majority = Math.floor(members / 2) + 1
  const manifestThreshold =
    flags.manifestThreshold === undefined
      ? Math.max(threshold, majority)
      : countOf('--manifest-threshold', flags.manifestThreshold)
  if (threshold < 2) {
    throw new UsageError(
      'THRESHOLD_TOO_LOW',
      'With a threshold below 2 one person holds the key.',
      {
        next: 'Give --threshold 2 or more.',
      },
    )
  }
  if (Math.max(threshold, manifestThreshold) > members) {
    throw new UsageError(
      'THRESHOLD_TOO_HIGH',
      `More than ${members} of ${members} can never agree.`,
      {
        next: 'Give lower thresholds, or more members.',
      },
    )
  }
  if (manifestThreshold < majority) {
    throw new UsageError('THRESHOLD_NO_MAJORITY', 'More than half must approve a manifest.', {
      next: `Give --manifest-threshold ${majority} or more.`,
    })
  }
  return { threshold, manifestThreshold, namespace: namespaceOf(flags), pivotHash: pivotOf(flags) }
}

/** The request in the flat form, every holder in both sets. @throws {UsageError} `ALIAS_TWICE`, `HOLDER_KEY_TWICE`. */
export function requestOf(
  holders: readonly Holder[],
  plan: RequestPlan,
  args: readonly string[],
): GenesisRequest {
  refuseTwice(holders)
  const { threshold, manifestThreshold, namespace, pivotHash } = plan
  const members = holders.map(({ alias, key }) => ({ alias, pub_key: [...(fromHex(key) ?? [])] }))
  return {
    namespace_name: namespace.name,
    namespace_nonce: namespace.nonce,
    manifest_members: members,
    manifest_threshold: manifestThreshold,
    share_members: members,
    share_threshold: threshold,
    pivot_hash: [...pivotHash],
    pivot_args: [...args],
    dr_key: null,
  }
}

/** The same in the form of the older documents, which has one threshold: so many hold shares, and no fewer than that and a majority approve. */
export function activityOf(request: GenesisRequest): ActivityRequest {
  const { namespace_name, namespace_nonce, manifest_members, pivot_hash, pivot_args } = request
  const hasPivot = pivot_hash.some(byte => byte !== 0)
  return {
    type: 'ACTIVITY_TYPE_GENESIS_BOOT_V2',
    parameters: {
      namespace_name,
      namespace_nonce,
      manifest_members: manifest_members.map(({ alias, pub_key }) => {
        return { member_alias: alias, pub_key }
      }),
      threshold: request.share_threshold,
      pivot: hasPivot ? { hash: pivot_hash, args: pivot_args } : null,
    },
  }
}

/** A count of members or of those who must agree. @throws {UsageError} `BAD_COUNT`. */
export function countOf(flag: string, text: string): number {
  const count = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= holdersMax) return count
  throw new UsageError('BAD_COUNT', `${flag} is a whole number from 1 to ${holdersMax}.`, {
    next: 'For three members of whom two must agree: --member-count 3 --threshold 2.',
  })
}

/** @throws {UsageError} `BAD_NAMESPACE`. */
export function namespaceOf({
  namespaceName: name,
  namespaceNonce: nonce,
}: Pick<RequestFlags, 'namespaceName' | 'namespaceNonce'>): RequestPlan['namespace'] {
  const isName = /^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$/.test(name)
  const isNonce = /^(0|[1-9]\d{0,15})$/.test(nonce) && Number.isSafeInteger(Number(nonce))
  if (isName && isNonce) return { name, nonce: Number(nonce) }
  throw new UsageError('BAD_NAMESPACE', 'A namespace has a name and a nonce.', {
    next: 'The name has 1 to 64 of a-z, 0-9 and inner . and -; the nonce is a whole number that rises.',
  })
}

/** 32 bytes, zeros for none. @throws {UsageError} `BAD_PIVOT`. */
export function pivotOf({
  pivotHash,
  pivotArg,
}: Pick<RequestFlags, 'pivotHash' | 'pivotArg'>): Uint8Array {
  const hash = pivotHash === undefined ? new Uint8Array(32) : fromHex(pivotHash.toLowerCase())
  const isEmpty = pivotHash === undefined && pivotArg.length > 0
  if (hash?.length === 32 && !isEmpty) return hash
  throw new UsageError('BAD_PIVOT', 'An application is named by 64 hexadecimal digits.', {
    next: 'Give its SHA-256 with --pivot-hash; leave it and --pivot-arg out for none.',
  })
}

/** Found out here and not by the node, which is told only after people met for it. */
function refuseTwice(holders: readonly Holder[]): void {
  for (const field of ['alias', 'key'] as const) {
    const all = holders.map(holder => holder[field])
    const twice = holders.find((holder, i) => all.indexOf(holder[field]) !== i)
    if (twice === undefined) continue
    const code = field === 'alias' ? 'ALIAS_TWICE' : 'HOLDER_KEY_TWICE'
    throw new UsageError(code, `${twice.alias} stands twice in the request.`, {
      next: 'Name each holder once, each with an alias and a key of their own.',
    })
  }
}
