/**
 * The custody manifest: which key holders stand behind one quorum key, what it is for and where it may live. One JSON document, hashed in
 * the canonical form of RFC 8785, made by the enclave that made the key.
 */
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { type Digest, digestOf, type NetworkId } from '../../base/ids.ts'
import { framed, sha256 } from '../../crypto/hash.ts'
import { quorumKeyBytes } from '../../crypto/quorum-keys.ts'
import { custodyDomains } from '../../wire/custody-domains.ts'
import { canonicalJson } from '../canonical-json.ts'
import {
  DocumentFault,
  hex,
  list,
  matching,
  nullable,
  object,
  oneOf,
  type Reader,
  text,
  whole,
} from '../manifest-reader.ts'
import { type HolderKey, holderKeyBytes, partsOfHolderKey, readHolderKey } from './holder-key.ts'

/** A person who holds a share or approves. */
export interface Holder {
  /** How people call them; unique in a set. */
  readonly alias: string
  /** `readHolderKey` reads its bytes, in lower-case hexadecimal; unique in a set. */
  readonly key: string
}

/** Holders of whom `threshold` must agree. */
export interface HolderSet {
  /** In the order in which the set was made. */
  readonly members: readonly Holder[]
  readonly threshold: number
}

export interface CustodyManifest {
  readonly format: 1
  /** The network whose nodes may hold the key. */
  readonly network: NetworkId
  readonly namespace: {
    readonly name: string
    /** Tells keys of one name apart; a later key has a higher one. */
    readonly nonce: number
    /** `QuorumKeys.publicKey`, in lower-case hexadecimal. */
    readonly quorumKey: string
  }
  /** The application that the key is for, as in the manifest of the network; `null` for none. */
  readonly pivot: {
    readonly hash: string
    readonly restart: 'never' | 'always'
    readonly args: readonly string[]
  } | null
  /** Who approves: more than half, so that two approved manifests of one name and nonce need a holder who signed both. */
  readonly manifestSet: HolderSet
  /** Who holds shares; it takes two or more of them. */
  readonly shareSet: HolderSet
  /** `shareCommitment` of the share of each member of the share set, in their order, 128 hexadecimal digits each. */
  readonly shares: readonly string[]
}

/** What a quorum key is to be made for: a manifest without what the enclave adds. */
export interface GenesisTerms extends Pick<CustodyManifest, 'pivot' | 'manifestSet' | 'shareSet'> {
  readonly namespace: Omit<CustodyManifest['namespace'], 'quorumKey'>
}

/** Members of one set: positions of shares are bytes other than 0. */
export const holdersMax = 255
/** Bytes of a custody manifest or its envelope, as JSON text: two full sets with the longest keys. */
export const custodyBytesMax = 2 * 1024 * 1024

const aliasShape = matching(
  /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/,
  'a name of letters, digits and . _ @ -',
)
const holderKeyShape: Reader<string> = (value, path) => {
  const bytes = typeof value === 'string' ? fromHex(value) : undefined
  const isKey = bytes !== undefined && toHex(bytes) === value && readHolderKey(bytes) !== undefined
  if (isKey) return value as string
  const lengths = Object.values(holderKeyBytes).join(', ')
  throw broken('HOLDER_KEY_UNKNOWN', `${path} is no key of a holder: these have ${lengths} bytes.`)
}

const holderSet = object<HolderSet>({
  members: list(object<Holder>({ alias: aliasShape, key: holderKeyShape }), holdersMax),
  threshold: whole(1, holdersMax),
})

const name = {
  name: matching(/^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$/, 'a name of a-z, 0-9, . and -'),
  nonce: whole(0, Number.MAX_SAFE_INTEGER),
}

const terms = {
  pivot: nullable(
    object<NonNullable<CustodyManifest['pivot']>>({
      hash: hex(32),
      restart: oneOf('never', 'always'),
      args: list(text(0, 4096), 64),
    }),
  ),
  manifestSet: holderSet,
  shareSet: holderSet,
}

const shape = object<CustodyManifest>({
  format: (value, path) => whole(1, 1)(value, path) as 1,
  network: (value, path) => hex(32)(value, path) as NetworkId,
  namespace: object<CustodyManifest['namespace']>({ ...name, quorumKey: hex(quorumKeyBytes) }),
  ...terms,
  shares: list(hex(64), holdersMax),
})

const termsShape = object<GenesisTerms>({
  namespace: object<GenesisTerms['namespace']>(name),
  ...terms,
})

/** Reads the terms of a genesis and holds them against every rule of the manifest to be. Throws `DocumentFault` and nothing else. */
export const genesisTermsShape: Reader<GenesisTerms> = (value, path) => {
  const read = termsShape(value, path)
  holdToSets(read)
  return read
}

/** Reads a custody manifest inside another document and holds it against every rule. Throws `DocumentFault` and nothing else. */
export const custodyManifestShape: Reader<CustodyManifest> = (value, path) => {
  const manifest = shape(value, path)
  holdToSets(manifest)
  if (manifest.shares.length !== manifest.shareSet.members.length) {
    throw broken('SHARES_MISSING', 'There is one commitment for each member of the share set.')
  }
  if (new Set(manifest.shares).size < manifest.shares.length) {
    throw broken('SHARE_TWICE', 'No two members of the share set hold the same share.')
  }
  return manifest
}

/**
 * Holds two sets of holders against the rules that a key needs.
 *
 * @throws {DocumentFault} `ALIAS_TWICE`, `HOLDER_KEY_TWICE`, `THRESHOLD_NO_MAJORITY`, `THRESHOLD_TOO_LOW`, `THRESHOLD_TOO_HIGH`.
 */
function holdToSets({
  manifestSet,
  shareSet,
}: Pick<CustodyManifest, 'manifestSet' | 'shareSet'>): void {
  for (const [name, { members, threshold }] of Object.entries({ manifestSet, shareSet })) {
    const aliasAt = (position: number): string => members[position]?.alias ?? ''
    const keys = members.map(member => partsOfHolderKey(keyOfHolder(member)))
    const twice = twiceIn(members.map(({ alias }) => alias))
    if (twice >= 0) throw broken('ALIAS_TWICE', `${aliasAt(twice)} stands twice in the ${name}.`)
    // By each part: with two keys to seal to, one who signs would be counted as two.
    for (const part of ['signing', 'sealing'] as const) {
      const again = twiceIn(keys.map(key => toHex(key[part])))
      if (again < 0) continue
      const reason = `${aliasAt(again)} has the ${part} key of another holder in the ${name}.`
      throw broken('HOLDER_KEY_TWICE', reason)
    }
    if (threshold > members.length) {
      const reason = `The ${name} has ${members.length} members; ${threshold} of them can never agree.`
      throw broken('THRESHOLD_TOO_HIGH', reason)
    }
  }
  if (2 * manifestSet.threshold <= manifestSet.members.length) {
    const reason = `More than half of the manifestSet must agree: at least ${Math.floor(manifestSet.members.length / 2) + 1}.`
    throw broken('THRESHOLD_NO_MAJORITY', reason)
  }
  if (shareSet.threshold < 2) {
    const reason = 'With a threshold below 2 in the shareSet one person holds the key alone.'
    throw broken('THRESHOLD_TOO_LOW', reason)
  }
}

/** The position of the first item that stands before itself; -1 if none does. */
function twiceIn(items: readonly string[]): number {
  const seen = new Set<string>()
  return items.findIndex(item => seen.size === seen.add(item).size)
}

/** Names a custody manifest: SHA-256 over its canonical bytes under an own domain. */
export function custodyManifestHash(manifest: CustodyManifest): Digest {
  return digestOf(sha256(framed(custodyDomains.custodyManifest, utf8(canonicalJson(manifest)))))
}

/** Names a quorum key (`QuorumKeys.publicKey`) in 32 bytes, as the manifest of a network does. */
export function quorumKeyName(publicKey: Uint8Array): Digest {
  return digestOf(sha256(framed(custodyDomains.quorumKey, publicKey)))
}

/** The key of a holder of a manifest that was read. */
export function keyOfHolder({ key }: Holder): HolderKey {
  const read = readHolderKey(fromHex(key) ?? new Uint8Array(0))
  if (read === undefined) throw broken('HOLDER_KEY_UNKNOWN', 'This is no key of a holder.')
  return read
}

/** What a later manifest of the same key must be to this one (qos `key.rs`); `undefined` if it is. */
export type Succession =
  | 'DIFFERENT_NETWORK'
  | 'DIFFERENT_NAMESPACE'
  | 'DIFFERENT_QUORUM_KEY'
  | 'DIFFERENT_MANIFEST_SET'
  | 'LOW_NONCE'
  | 'DIFFERENT_MANIFEST'

/** Whether whoever holds the key of `own` may hand it on under `next`: cheapest first, in the order of qos. */
export function successionFlaw(
  own: CustodyManifest,
  next: CustodyManifest,
): Succession | undefined {
  if (next.network !== own.network) return 'DIFFERENT_NETWORK'
  if (next.namespace.quorumKey !== own.namespace.quorumKey) return 'DIFFERENT_QUORUM_KEY'
  if (setName(next.manifestSet) !== setName(own.manifestSet)) return 'DIFFERENT_MANIFEST_SET'
  if (next.namespace.name !== own.namespace.name) return 'DIFFERENT_NAMESPACE'
  if (next.namespace.nonce < own.namespace.nonce) return 'LOW_NONCE'
  const isSameNonce = next.namespace.nonce === own.namespace.nonce
  return isSameNonce && custodyManifestHash(next) !== custodyManifestHash(own)
    ? 'DIFFERENT_MANIFEST'
    : undefined
}

/** Equal for equal sets, in whichever order. */
function setName({ members, threshold }: HolderSet): string {
  const sorted = members.map(({ alias, key }) => `${alias} ${key}`).toSorted()
  return [threshold, ...sorted].join('\n')
}

function broken(code: string, reason: string): DocumentFault {
  return new DocumentFault(code, { reason })
}
