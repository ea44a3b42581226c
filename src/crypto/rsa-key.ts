/** RSA keys of 4096 bits as DER, in their one spelling. */
import { bytesOfConstant, concatBytes, equalBytes } from '../base/bytes.ts'
import { rsaBytes } from './rsa-algorithms.ts'

/** SubjectPublicKeyInfo (RFC 8017 §A.1.1) around the modulus; the exponent is 65537. */
const header = bytesOfConstant([
  '30820222300d06092a864886f70d01010105000382020f003082020a0282020100',
])
const trailer = bytesOfConstant(['0203010001'])

/** SubjectPublicKeyInfo of an RSA key of 4096 bits, freshly made. */
export function rsaPublicKey(modulus: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(header, modulus, trailer)
}

/** The modulus in a SubjectPublicKeyInfo, or `undefined` if that is of another key. */
export function rsaModulusOf(spki: Uint8Array): Uint8Array | undefined {
  const modulus = spki.subarray(header.length, header.length + rsaBytes)
  return equalBytes(rsaPublicKey(modulus), spki) ? modulus : undefined
}
