/**
 * The binder: 64 bytes that name one channel, one direction and one purpose, so that what is proved under
 * it cannot be replayed, relayed, reflected or used for anything else (CVE-2026-112377 and the
 * RA-TLS family, where evidence was bound to a key and not to the connection).
 *
 * In the handshake the identity key signs it; in a step-up it is the report data of a fresh quote. Both
 * ends compute it from what they saw themselves and never read it from a message.
 */
import { utf8 } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import { bytesOfDigest, type Digest, type NetworkId } from '../base/ids.ts'
import { framed, sha512 } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'

/** Why the proof is made. A proof for one purpose never passes for another. */
export type BinderPurpose = 'handshake' | 'step-up' | 're-attest' | 'release'

/** Who proves: the side of the connection that dialled is the initiator, for its whole life. */
export type BinderRole = 'initiator' | 'responder'

/** What each side of the connection brings. */
export interface BinderSide {
  /** Ed25519 identity key, 32 bytes. */
  readonly identity: Uint8Array
  /** X25519 static key of the Noise handshake, 32 bytes. */
  readonly noise: Uint8Array
  /** Random bytes that this side drew for this proof, 32 bytes, used once. */
  readonly challenge: Uint8Array
}

/** Everything that a binder commits to. Both ends fill it alike: `prover` alone says whose proof it is. */
export interface BinderInput {
  readonly purpose: BinderPurpose
  readonly network: NetworkId
  /** Full protocol id of the encrypter, as negotiated. */
  readonly protocol: string
  /** The side that signs or quotes. */
  readonly prover: BinderRole
  /** Hash of the manifest that both sides agreed on before the proof. */
  readonly manifest: Digest
  readonly initiator: BinderSide
  readonly responder: BinderSide
  /** Noise handshake hash after split (Noise rev 34 §11.2), 32 bytes. */
  readonly handshakeHash: Uint8Array
  /** Digest of the prover's key evidence. */
  readonly evidence: Digest
  /** The prover's X-Wing encapsulation key, 1216 bytes. */
  readonly kem: Uint8Array
}

/**
 * The 64 bytes of SHA-512 over the framed input, freshly allocated.
 *
 * @throws {InvariantError} if a key, challenge or hash has the wrong length: callers parse before they bind.
 */
export function binder(input: BinderInput): Uint8Array {
  const { initiator, responder } = input
  for (const side of [initiator, responder]) {
    assert(side.identity.length === 32, 'a bound identity key has 32 bytes')
    assert(side.noise.length === 32, 'a bound Noise static key has 32 bytes')
    assert(side.challenge.length === 32, 'a bound challenge has 32 bytes')
  }
  assert(input.handshakeHash.length === 32, 'a Noise handshake hash has 32 bytes')
  return sha512(
    framed(
      domains.binder,
      utf8(input.purpose),
      bytesOfDigest(input.network),
      utf8(input.protocol),
      utf8(input.prover),
      bytesOfDigest(input.manifest),
      initiator.identity,
      responder.identity,
      initiator.noise,
      responder.noise,
      input.handshakeHash,
      initiator.challenge,
      responder.challenge,
      bytesOfDigest(input.evidence),
      input.kem,
    ),
  )
}
