/** Identities, evidence, certificates and beats of the membership tests, all made from names. */
import type { Finding } from '../../../../src/attestation/delegated.ts'
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
import { kemBytes } from '../../../../src/crypto/kem-bytes.ts'
import { SigningKey } from '../../../../src/crypto/sign.ts'
import type { Attestor } from '../../../../src/protocol/membership/attestor.ts'
import type { AppraisedMember, ManifestFacts } from '../../../../src/protocol/membership/types.ts'
import { type Evidence, evidenceDigest, type NodeKeys } from '../../../../src/wire/evidence.ts'
import { type MemberRecord, possessionMessage } from '../../../../src/wire/member-record.ts'
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
  delegation: null,
}

/** What every appraisal here goes by. */
export const policyInForce = {
  policy: digestOfText('policy'),
  endorsements: digestOfText('endorsements'),
}

/** How frames name the manifest in force. */
export const noManifestNews = {
  manifest: { nonce: manifest.nonce, hash: bytesOfDigest(manifest.hash) },
  rival: null,
} as const

/** How frames of a member name its evidence. */
export const shownBy = ({ evidence }: Pick<AppraisedMember, 'evidence'>): Uint8Array =>
  bytesOfDigest(evidenceDigest(evidence))

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

/** An item of two signed beats, in canonical order, with the record of who is said to have signed them. */
export function doubleBeat(
  left: Uint8Array,
  right: Uint8Array,
  options: { readonly record: MemberRecord; readonly network?: NetworkId },
): Uint8Array {
  const [first, second] = [left, right].toSorted(compareBytes) as [Uint8Array, Uint8Array]
  const on = bytesOfDigest(options.network ?? network)
  return encodeRemoval({ kind: 'double-beat', network: on, first, second, record: options.record })
}

/** The record of an identity that ran on `instance`, or on a machine of its own. */
export function recordOf(signing: SigningKey, setup: NodeSetup = {}): MemberRecord {
  const keys: NodeKeys = {
    identity: signing.publicKey,
    noise: sha256(signing.publicKey),
    kem: new Uint8Array(kemBytes.publicKey),
  }
  const evidence = evidenceOf(keys, setup, `instance of ${toHex(signing.publicKey)}`)
  return { keys, evidence, possession: signing.sign(possessionMessage(network, keys, evidence)) }
}

/** Two beats of one number with different content, as proof against their author. */
export function contradiction(signing: SigningKey, setup: NodeSetup = {}): Uint8Array {
  const beat = (payload: string): Uint8Array => signedBeat(signing, { sequence: 1, payload })
  return doubleBeat(beat('x'), beat('y'), { record: recordOf(signing, setup) })
}

/** Machines without a vendor: they attest whom their evidence names. */
export const attestorUnder = (inForce: () => Pick<ManifestFacts, 'measurements'>): Attestor => ({
  attest: (keys, evidence) => {
    const said = JSON.parse(fromUtf8(evidence.body) ?? '{}')
    if (said.identity !== toHex(keys.identity)) return { code: 'REPORT_DATA_MISMATCH', facts: {} }
    const registers = { measurement: toHex(utf8(said.measurement)) }
    return { platform: 'simulated', instance: said.instance, registers }
  },
  isNamed: ({ registers }) =>
    inForce().measurements.some(name => toHex(utf8(name)) === registers['measurement']),
})

export interface NodeSetup {
  readonly instance?: string
  readonly measurement?: string
  /** Whose machine it is, under a manifest that is no testnet's; by default it is a testnet. */
  readonly owner?: string | null
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
  const evidence = evidenceOf(keys, setup, `instance of ${name}`)
  const verdict = verdictOf(evidence, wallStart + hours(100_000))
  return { member: { node: nodeIdOfKey(keys.identity), keys, evidence, verdict }, signing, kem }
}

/** Other evidence of an identity, which ends then; of its own machine unless said. */
export function renewedEvidence(
  { keys, evidence }: AppraisedMember,
  endsAt: number,
  change: { readonly instance?: string } = {},
): Evidence {
  const said = JSON.parse(fromUtf8(evidence.body) ?? '{}')
  const instance = change.instance === undefined ? said.instance : digestOfText(change.instance)
  const body = utf8(JSON.stringify({ ...said, identity: toHex(keys.identity), instance, endsAt }))
  return { platform: 'fake', body }
}

function evidenceOf(keys: NodeKeys, setup: NodeSetup, ownInstance: string): Evidence {
  const instance = digestOfText(setup.instance ?? ownInstance)
  const measurement = setup.measurement ?? 'app 1'
  const { owner } = setup
  const said = { instance, measurement, owner, identity: toHex(keys.identity) }
  return { platform: 'simulated', body: utf8(JSON.stringify(said)) }
}

export function verdictOf(evidence: Evidence, expiresAt: number): TrustedVerdict {
  const { instance, measurement, owner, endsAt } = JSON.parse(fromUtf8(evidence.body) ?? '{}')
  const testnet = owner === undefined
  return {
    ...(endsAt === undefined ? {} : { evidenceEndsAt: endsAt as Timestamp }),
    ...{ kind: 'trusted', platform: 'simulated', instance, owner: owner ?? null, measurement },
    ...{ registers: { measurement: toHex(utf8(measurement)) }, tcb: 'UpToDate', testnet },
    expiresAt: expiresAt as Timestamp,
    basis: { ...policyInForce, at: (expiresAt - hours(24)) as Timestamp },
  }
}

/** What a finding is worth where the machines of `nodes` have their owners. */
export function verdictOfFinding(
  nodes: readonly { readonly member: AppraisedMember }[],
  finding: Finding,
): TrustedVerdict {
  const verdicts = nodes.map(({ member }) => member.verdict)
  const owner = verdicts.find(({ instance }) => instance === finding.instance)?.owner ?? null
  return { kind: 'trusted', ...finding, owner, testnet: owner === null }
}
