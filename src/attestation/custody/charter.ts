/** Who may hold the quorum key of a network of real hardware: its manifest says so, and not whoever asks for a genesis. */
import type { Manifest } from '../manifest-document.ts'
import type { CustodyManifest, HolderSet } from './custody-manifest.ts'

/** In what a custody manifest differs from what the network's manifest grants. */
export type CharterFlaw =
  | 'DIFFERENT_NAMESPACE'
  | 'DIFFERENT_MANIFEST_SET'
  | 'DIFFERENT_SHARE_SET'
  | 'DIFFERENT_PIVOT'
  | 'DIFFERENT_QUORUM_KEY'

/** Digits of the Ed25519 key that a holder's key begins with. */
const signingDigits = 64

/** `undefined` for what the network grants; a testnet grants everything, because it protects nothing. A later manifest of a key has a higher nonce. */
export function charterFlaw(
  network: Manifest,
  custody: CustodyManifest,
  nonce: 'of-founding' | 'later' = 'of-founding',
): CharterFlaw | undefined {
  const { founding, namespace } = network
  if (founding.testnet) return undefined
  const isNonce =
    nonce === 'of-founding'
      ? custody.namespace.nonce === founding.nonce
      : custody.namespace.nonce >= founding.nonce
  if (custody.namespace.name !== founding.name || !isNonce) return 'DIFFERENT_NAMESPACE'
  if (!isSet(network.manifestSet, custody.manifestSet)) return 'DIFFERENT_MANIFEST_SET'
  if (!isSet(network.shareSet, custody.shareSet)) return 'DIFFERENT_SHARE_SET'
  if (pivotName(network.pivot) !== pivotName(custody.pivot)) return 'DIFFERENT_PIVOT'
  const { quorumKey } = namespace
  const isNamed = quorumKey === null || quorumKey === custody.namespace.quorumKey
  return isNamed ? undefined : 'DIFFERENT_QUORUM_KEY'
}

function isSet(
  { members, threshold }: Manifest['manifestSet'],
  { members: holders, threshold: asked }: HolderSet,
): boolean {
  const keys = holders.map(({ key }) => key.slice(0, signingDigits)).toSorted()
  return threshold === asked && JSON.stringify(members.toSorted()) === JSON.stringify(keys)
}

const pivotName = (pivot: Manifest['pivot'] | CustodyManifest['pivot']): string =>
  pivot === null ? '' : JSON.stringify([pivot.hash, pivot.restart, pivot.args])
