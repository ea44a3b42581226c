/** What an enclave says that made a quorum key: the manifest with the key in it, and a sealed share for each holder. */
import { fromHex, utf8 } from '../../base/bytes.ts'
import { bytesOfDigest, type Digest, digestOf, keyOfNodeId, type NodeId } from '../../base/ids.ts'
import { framed, sha256, sha512 } from '../../crypto/hash.ts'
import { custodyDomains } from '../../wire/custody-domains.ts'
import { type CustodyManifest, custodyManifestHash } from './custody-manifest.ts'

/** A share that its holder alone opens. */
export interface HeldShare {
  readonly alias: string
  /** As `sealToHolder` makes it. */
  readonly sealed: Uint8Array
}

export interface GenesisOutput {
  readonly manifest: CustodyManifest
  /** One for each member of the share set, in their order. */
  readonly shares: readonly HeldShare[]
}

/** Names an output by everything in it. */
export function genesisOutputHash({ manifest, shares }: GenesisOutput): Digest {
  const parts = shares.flatMap(({ alias, sealed }) => [utf8(alias), sealed])
  const hash = bytesOfDigest(custodyManifestHash(manifest))
  return digestOf(sha256(framed(custodyDomains.custodyGenesis, hash, ...parts)))
}

/** The 64 bytes that evidence about an output carries as report data: this output, made in the TEE that holds the keys of this node. */
export function genesisReportData(platform: string, node: NodeId, output: Digest): Uint8Array {
  const parts = [utf8(platform), keyOfNodeId(node), bytesOfDigest(output)]
  return sha512(framed(custodyDomains.custodyGenesisReport, ...parts))
}

/** The 64 bytes that evidence about a boot carries: the TEE that holds the keys of this node runs under this manifest. */
export function bootReportData(platform: string, node: NodeId, manifest: Digest): Uint8Array {
  const parts = [utf8(platform), keyOfNodeId(node), bytesOfDigest(manifest)]
  return sha512(framed(custodyDomains.custodyBootReport, ...parts))
}

/** What a share sealed to its holder is bound to: it is of use for this key and this holder alone. */
export function heldShareContext(
  { network, namespace }: Pick<CustodyManifest, 'network' | 'namespace'>,
  holder: { readonly alias: string; readonly key: string },
): Uint8Array {
  return framed(
    custodyDomains.custodyHeldShare,
    fromHex(network) ?? new Uint8Array(0),
    utf8(namespace.name),
    utf8(String(namespace.nonce)),
    utf8(namespace.quorumKey),
    utf8(holder.alias),
    fromHex(holder.key) ?? new Uint8Array(0),
  )
}
