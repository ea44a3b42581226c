/** The root of Intel for SGX and TDX, published at certificates.trustedservices.intel.com; see `vendor-keys.ts`. */
import { bytesOfConstant } from '../../base/bytes.ts'

/** SubjectPublicKeyInfo on P-256. */
const intelSgxRootCa = [
  '3059301306072a8648ce3d020106082a8648ce3d030107034200040ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f567918e2edc',
  '88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394',
]

/** SubjectPublicKeyInfo, DER. */
export const intelRoots: readonly Uint8Array[] = [bytesOfConstant(intelSgxRootCa)]
