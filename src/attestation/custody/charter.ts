/** Who may hold the quorum key of a network of real hardware: its manifest says so, and not whoever asks for a genesis. */
import { fromHex, toHex } from '../../base/bytes.ts'
import type { Manifest } from '../manifest-document.ts'
import {
  type CustodyManifest,
  type Holder,
  type HolderSet,
  keyOfHolder,
  quorumKeyName,
} from './custody-manifest.ts'

/** In what a custody manifest differs from what the network's manifest grants. */
export type CharterFlaw =
  | 'DIFFERENT_NAMESPACE'
  | 'DIFFERENT_MANIFEST_SET'
  | 'DIFFERENT_SHARE_SET'
  | 'DIFFERENT_PIVOT'
  | 'DIFFERENT_QUORUM_KEY'

/**
 * `undefined` for what the network grants; a testnet grants everything, because it protects nothing. A nonce above that of the network is
 * how the key goes on to another application.
 */
export function charterFlaw(network: Manifest, custody: CustodyManifest): CharterFlaw | undefined {
  const { founding, namespace } = network
  if (founding.testnet) return undefined
  const { name, nonce, quorumKey } = custody.namespace
  if (name !== founding.name || nonce < founding.nonce) return 'DIFFERENT_NAMESPACE'
  if (!isSet(network.manifestSet, custody.manifestSet)) return 'DIFFERENT_MANIFEST_SET'
  if (!isSet(network.shareSet, custody.shareSet)) return 'DIFFERENT_SHARE_SET'
  if (pivotName(network.pivot) !== pivotName(custody.pivot)) return 'DIFFERENT_PIVOT'
  const isNamed =
    namespace.quorumKey === null ||
    namespace.quorumKey === quorumKeyName(fromHex(quorumKey) ?? new Uint8Array(0))
  return isNamed ? undefined : 'DIFFERENT_QUORUM_KEY'
}

function isSet(
  { members, threshold }: Manifest['manifestSet'],
  { members: holders, threshold: asked }: HolderSet,
): boolean {
  const keys = holders.map(signingKeyOf).toSorted()
  return threshold === asked && JSON.stringify(members.toSorted()) === JSON.stringify(keys)
}

/** In hexadecimal; `''` for keys of other tools, which no manifest of a network names. */
function signingKeyOf(holder: Holder): string {
  const { kind, bytes } = keyOfHolder(holder)
  return kind === 'coterie' ? toHex(bytes.subarray(0, 32)) : ''
}

const pivotName = (pivot: Manifest['pivot'] | CustodyManifest['pivot']): string =>
  pivot === null ? '' : JSON.stringify([pivot.hash, pivot.restart, pivot.args])
