/** Shares and keys on their way to one attested node: what each is bound to, so that it is of use nowhere else. */

import { utf8 } from '../../base/bytes.ts'
import { bytesOfDigest, type Digest, keyOfNodeId, type NodeId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Secret } from '../../base/secret.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import { framed, sha256 } from '../../crypto/hash.ts'
import { signingPoint } from '../../crypto/quorum-keys.ts'
import { unwrap, type Wrapped, wrapTo } from '../../crypto/wrap.ts'
import type { KeyExport } from '../../wire/custody.ts'
import { custodyDomains } from '../../wire/custody-domains.ts'

/** A node whose evidence was appraised: where a secret may go. */
export interface AttestedNode {
  readonly node: NodeId
  /** X-Wing, 1216 bytes. */
  readonly kemKey: Uint8Array
}

interface Unwrapper {
  decapsulate(ciphertext: Uint8Array): Secret | undefined
}

/** Which share goes where. */
export interface ShareRoute {
  readonly alias: string
  readonly manifest: Digest
  readonly node: NodeId
}

/** Seals a share to a node; `undefined` if its KEM key has no sense. */
export function carryShare(
  route: Omit<ShareRoute, 'node'>,
  share: Secret,
  { to, random }: { readonly to: AttestedNode; readonly random: Random },
): Wrapped | undefined {
  return wrapTo(to.kemKey, share, { about: shareContext({ ...route, node: to.node }), random })
}

/** The share, owned by the caller, or `undefined` if it was not sealed for this. */
export function openCarriedShare(
  route: ShareRoute,
  wrapped: Wrapped,
  keys: Unwrapper,
): Secret | undefined {
  return unwrap(wrapped, shareContext(route), keys)
}

function shareContext({ alias, manifest, node }: ShareRoute): Uint8Array {
  const parts = [utf8(alias), bytesOfDigest(manifest), keyOfNodeId(node)]
  return framed(custodyDomains.custodyShare, ...parts)
}

/** Seals the quorum seed to a node; `undefined` if its KEM key has no sense. */
export function exportKey(
  seed: Secret,
  given: {
    readonly manifest: Digest
    readonly from: NodeId
    readonly to: AttestedNode
    readonly approvals: KeyExport['approvals']
    readonly random: Random
  },
): KeyExport | undefined {
  const { from, to, random, approvals } = given
  const route = {
    manifest: bytesOfDigest(given.manifest),
    from: keyOfNodeId(from),
    to: keyOfNodeId(to.node),
  }
  const wrapped = wrapTo(to.kemKey, seed, { about: exportContext(route), random })
  return wrapped === undefined ? undefined : { ...route, ...wrapped, approvals }
}

/** The quorum seed, owned by the caller, or `undefined` if it was not sealed to these keys for this. */
export function openExport(exported: KeyExport, keys: Unwrapper): Secret | undefined {
  return unwrap(exported, exportContext(exported), keys)
}

/** What the quorum signs about an export: everything that travels. */
export function exportMessage(exported: Uint8Array): Uint8Array {
  return framed(custodyDomains.custodyExport, sha256(exported))
}

/** Whether the quorum of this public key (130 bytes) signed these bytes of an export. Never throws. */
export function isSignedExport(
  quorumKey: Uint8Array,
  exported: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verifyEcdsa({
    curve: 'P-256',
    format: 'raw',
    publicKey: signingPoint(quorumKey),
    message: exportMessage(exported),
    signature,
  })
}

function exportContext({ manifest, from, to }: Pick<KeyExport, 'manifest' | 'from' | 'to'>) {
  return framed(custodyDomains.custodyExportWrap, manifest, from, to)
}
