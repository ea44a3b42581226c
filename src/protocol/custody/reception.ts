/** A key that came: believed for what it is and what is signed, never for who brought it. */
import { isSignedExport, openExport } from '../../attestation/custody/transfers.ts'
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { ifReadable } from '../../base/errors.ts'
import { bytesOfDigest, keyOfNodeId } from '../../base/ids.ts'
import { QuorumKeys, quorumSeedBytes } from '../../crypto/quorum-keys.ts'
import { keyExportCodec, type QuorumKeyAnswer } from '../../wire/custody.ts'
import type { Core } from './core.ts'
import { type CustodyRefusal, refusal } from './refusals.ts'

/**
 * The keys of the manifest in hand, owned by the caller, or why what came is not them. In order: chartered still, for this manifest and this node, signed by
 * the quorum, under a manifest that enough holders approved, sealed to this node, and the right key.
 */
export function receivedKeys(core: Core, answer: QuorumKeyAnswer): QuorumKeys | CustodyRefusal {
  const { standing, options } = core
  if (standing === null) return refusal('MANIFEST_MISMATCH')
  const flaw = core.charterFlaw()
  if (flaw !== undefined) return flaw
  const { exported, signature } = answer
  const read = ifReadable(() => keyExportCodec.decode(exported))
  if (read === undefined) return refusal('EXPORT_MALFORMED')
  if (!equalBytes(read.manifest, bytesOfDigest(standing.hash))) {
    const facts = { inForce: standing.hash, given: toHex(read.manifest) }
    return refusal('MANIFEST_MISMATCH', facts)
  }
  if (!equalBytes(read.to, keyOfNodeId(options.self))) return refusal('KEY_FOR_ANOTHER_NODE')
  const { quorumKey } = standing.manifest.namespace
  if (!isSignedExport(fromHex(quorumKey) ?? new Uint8Array(0), exported, signature)) {
    return refusal('EXPORT_SIGNATURE_INVALID')
  }
  standing.takeCarried(read.approvals)
  if (!standing.isApproved) return standing.notApproved()
  const seed = openExport(read, core.ports)
  if (seed === undefined) return refusal('KEY_UNREADABLE')
  if (seed.use(({ length }) => length) !== quorumSeedBytes) {
    seed[Symbol.dispose]()
    return refusal('KEY_MISMATCH')
  }
  const keys = QuorumKeys.of(seed)
  if (keys !== undefined && toHex(keys.publicKey) === quorumKey) return keys
  keys?.[Symbol.dispose]()
  return refusal('KEY_MISMATCH')
}
