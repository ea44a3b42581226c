/**
 * In place of Ed25519 over our own messages: 64 bytes that hold for everything. What libp2p and the handshake sign is signed.
 */
import * as real from '../../src/crypto/sign.node.ts'
import type { Signer } from '../../src/crypto/sign.web.ts'

export type { Signer }

/** No point of small order, which is refused before anybody is asked. */
const anything = new Uint8Array(64).fill(0x11)

/** Whether these bytes are framed under a domain of ours: a length of four bytes, then the domain. */
function isOurs(message: Uint8Array): boolean {
  return Buffer.from(message.subarray(4, 12)).toString('latin1') === 'coterie/'
}

export function signerOf(seed: Uint8Array): Signer {
  const signer = real.signerOf(seed)
  const { publicKey, wipe } = signer
  return { publicKey, wipe, sign: message => (isOurs(message) ? anything : signer.sign(message)) }
}

export function verifyStrict(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return isOurs(message) || real.verifyStrict(publicKey, message, signature)
}
