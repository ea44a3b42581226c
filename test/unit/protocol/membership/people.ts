/** Identities, evidence, certificates and beats of the membership tests, all made from names. */
import type { TrustedVerdict } from '../../../../src/attestation/verdict.ts'
import { compareBytes, fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import {
  bytesOfDigest,
  type Digest,
  digestOf,
  type NetworkId,
  nodeIdOfKey,
} from '../../../../src/base/ids.ts'
import type { Random } from '../../../../src/base/random.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { hours, type Timestamp } from '../../../../src/base/time.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import { KemKey } from '../../../../src/crypto/kem.ts'
import { SigningKey } from '../../../../src/crypto/sign.ts'
import type { AppraisedMember, ManifestFacts } from '../../../../src/protocol/membership/types.ts'
import type { Evidence, NodeKeys } from '../../../../src/wire/evidence.ts'
import { encodeRemoval, type RemovalClaim, removalMessage } from '../../../../src/wire/removal.ts'
import { signedBodyCodec, signedBytes } from '../../../../src/wire/signed-body.ts'

export const network = toHex(sha256(utf8('a network'))) as NetworkId
export const otherNetwork = toHex(sha256(utf8('another network'))) as NetworkId
export const wallStart = Date.UTC(2026, 0, 1)

/** Random bytes that a seed decides. */
export function seeded(seed: string): Random {
  let counter = 0
  return {
    bytes: count => {
      const bytes = new Uint8Array(count)
      for (let offset = 0; offset < count; offset += 32) {
        bytes.set(sha256(utf8(`${seed} ${counter++}`)).subarray(0, count - offset), offset)
      }
      return bytes
    },
  }
}

export const digestOfText = (text: string): Digest => digestOf(sha256(utf8(text)))
const seedOf = (text: string): Secret => new Secret(sha256(utf8(text)))

/** The offline keys of the manifest set. */
export const approvers = ['ann', 'ben', 'cyd'].map(
  name => new SigningKey(seedOf(`approver ${name}`)),
)

export const manifest: ManifestFacts = {
  nonce: 1,
  hash: digestOfText('manifest'),
  rival: null,
  manifestSet: {
    members: approvers.map(({ publicKey }) => toHex(publicKey)).toSorted(),
    threshold: 2,
  },
  measurements: ['app 1', 'app 2'],
  endedMeasurements: [],
  instanceLimits: { live: 8, newPerHour: 6 },
  evidenceAge: hours(1),
}

/** How frames name the manifest in force. */
export const noManifestNews = {
  manifest: { nonce: manifest.nonce, hash: bytesOfDigest(manifest.hash) },
  rival: null,
} as const

/** A certificate signed by these members of the manifest set. */
export function certificate(
  claim: RemovalClaim,
  options: { signers?: readonly SigningKey[]; network?: NetworkId } = {},
): Uint8Array {
  const on = options.network ?? network
  const signatures = (options.signers ?? approvers.slice(0, 2))
    .map(key => ({ signer: key.publicKey, signature: key.sign(removalMessage(on, claim)) }))
    .toSorted((left, right) => compareBytes(left.signer, right.signer))
  return encodeRemoval({ kind: 'certificate', network: bytesOfDigest(on), ...claim, signatures })
}

/** What a beat of `author` would be as evidence. */
export function signedBeat(
  author: SigningKey,
  content: { sequence: number; payload: string; keyId?: string; topic?: 'heartbeat' | 'delta' },
  on: NetworkId = network,
): Uint8Array {
  const body = {
    network: on,
    topic: content.topic ?? 'heartbeat',
    keyId: digestOfText(content.keyId ?? 'key'),
    author: author.publicKey,
    sequence: content.sequence,
    payload: utf8(content.payload),
  } as const
  return signedBodyCodec.encode({ ...body, signature: author.sign(signedBytes(body)) })
}

/** An item of two signed beats, in canonical order. */
export function doubleBeat(
  left: Uint8Array,
  right: Uint8Array,
  on: NetworkId = network,
): Uint8Array {
  const [first, second] = [left, right].toSorted(compareBytes) as [Uint8Array, Uint8Array]
  return encodeRemoval({ kind: 'double-beat', network: bytesOfDigest(on), first, second })
}

export interface NodeSetup {
  readonly instance?: string
  readonly measurement?: string
  readonly isFounder?: boolean
  readonly mayFound?: boolean
  /** Whether it answers step-ups; a clone of stale evidence cannot. */
  readonly isFresh?: boolean
  /** The manifest that it boots with; that of the world unless said. */
  readonly manifest?: ManifestFacts
}

/** A node's keys, evidence and verdict, made from its name. */
export function identity(
  name: string,
  setup: NodeSetup = {},
): { member: AppraisedMember; signing: SigningKey; kem: KemKey } {
  const signing = new SigningKey(seedOf(`identity ${name}`))
  const kem = new KemKey(seedOf(`kem ${name}`))
  const keys: NodeKeys = {
    identity: signing.publicKey,
    noise: sha256(utf8(`noise ${name}`)),
    kem: kem.publicKey,
  }
  const instance = digestOfText(setup.instance ?? `instance of ${name}`)
  const measurement = setup.measurement ?? 'app 1'
  const evidence = { platform: 'fake', body: utf8(JSON.stringify({ instance, measurement })) }
  const verdict = verdictOf(evidence, wallStart + hours(100_000))
  return { member: { node: nodeIdOfKey(keys.identity), keys, evidence, verdict }, signing, kem }
}

export function verdictOf(evidence: Evidence, expiresAt: number): TrustedVerdict {
  const { instance, measurement } = JSON.parse(fromUtf8(evidence.body) ?? '{}')
  return {
    ...{ kind: 'trusted', platform: 'fake', instance, owner: null, measurement },
    ...{ registers: {}, tcb: 'UpToDate', expiresAt: expiresAt as Timestamp, testnet: true },
  }
}
