import { type NodeId, nodeIdOfKey } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { AgreementKey } from '../crypto/agree.ts'
import { KemKey } from '../crypto/kem.ts'
import { SigningKey } from '../crypto/sign.ts'
import type { NodeKeys } from '../wire/evidence.ts'

/**
 * Who this node is, from boot to stop: three key pairs made in memory and never written. A restart is a
 * new node, so nothing on a disk can bring an old one back.
 */
export interface Identity {
  readonly node: NodeId
  readonly keys: NodeKeys
  readonly signing: SigningKey
  readonly kem: KemKey
  /** The Ed25519 seed and the X25519 private key, lent to the net for the handshake. */
  readonly identitySeed: Secret
  readonly noiseSecret: Secret
}

export function makeIdentity(random: Random): Identity {
  const seed = random.bytes(32)
  const identitySeed = new Secret(seed.slice())
  const signing = new SigningKey(new Secret(seed))
  const noiseBytes = random.bytes(32)
  using noise = new AgreementKey(new Secret(noiseBytes.slice()))
  const noiseSecret = new Secret(noiseBytes)
  const kem = new KemKey(new Secret(random.bytes(32)))
  const keys: NodeKeys = {
    identity: signing.publicKey,
    noise: noise.publicKey,
    kem: kem.publicKey,
  }
  return { node: nodeIdOfKey(keys.identity), keys, signing, kem, identitySeed, noiseSecret }
}

/** Overwrites every private key. The net must have stopped. */
export function wipeIdentity(identity: Identity): void {
  identity.signing[Symbol.dispose]()
  identity.kem[Symbol.dispose]()
  identity.identitySeed[Symbol.dispose]()
  identity.noiseSecret[Symbol.dispose]()
}
