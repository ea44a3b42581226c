/** The root of AWS for Nitro Enclaves, published at aws-nitro-enclaves.amazonaws.com; see `vendor-keys.ts`. */
import { bytesOfConstant } from '../../base/bytes.ts'

/** SubjectPublicKeyInfo on P-384. */
const awsNitroRootG1 = [
  '3076301006072a8648ce3d020106052b8104002203620004fc0254eba608c1f36870e29ada90be46383292736e894bfff672d989444b5051e534a4b1f6dbe3c0',
  'bc581a32b7b176070ede12d69a3fea211b66e752cf7dd1dd095f6f1370f4170843d9dc100121e4cf63012809664487c9796284304dc53ff4',
]

/** SubjectPublicKeyInfo, DER. */
export const nitroRoots: readonly Uint8Array[] = [bytesOfConstant(awsNitroRootG1)]
