import { expect, test } from 'vitest'
import {
  approve,
  encodeEnvelope,
  type ManifestEnvelope,
  parseEnvelope,
  verifyEnvelope,
} from '../../../src/attestation/manifest-approval.ts'
import { isRefusal } from '../../../src/attestation/verdict.ts'
import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { framed } from '../../../src/crypto/hash.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { domains } from '../../../src/wire/domains.ts'
import { nextManifest, parsed, type TestNetwork, testNetwork } from '../../fixtures/network.ts'

const network = testNetwork()
const founding = { kind: 'founding', founding: network.manifest.founding } as const
const inForce = { kind: 'predecessor', manifest: network.manifest } as const
const [ann, bob] = network.approvers as [SigningKey, SigningKey]

const by = (from: TestNetwork, ...keys: SigningKey[]): ManifestEnvelope => ({
  manifest: from.manifest,
  approvals: keys.map(key => approve(from.hash, key)),
})
const stranger = () => new SigningKey(new Secret(new Uint8Array(32).fill(9)))

test('an envelope survives its encoding and has one spelling', () => {
  const again = parseEnvelope(network.envelopeBytes)
  expect(again).toEqual(network.envelope)
  expect(isRefusal(again) ? again : toHex(encodeEnvelope(again))).toBe(toHex(network.envelopeBytes))
})

test('two of three members bring the first manifest into force', () => {
  expect(verifyEnvelope(by(network, ann, bob), founding)).toBeUndefined()
})

test('one member counts once, however often it approves', () => {
  expect(verifyEnvelope(by(network, ann, ann, ann), founding)).toMatchObject({
    code: 'APPROVALS_MISSING',
    facts: { approved: 1, threshold: 2 },
  })
})

test('a second word of a member is not read: repetition costs no signature check', () => {
  const noise = { member: toHex(ann.publicKey), signature: '00'.repeat(64) }
  const { manifest, approvals } = by(network, ann, bob)
  expect(verifyEnvelope({ manifest, approvals: [...approvals, noise] }, founding)).toBeUndefined()
  expect(verifyEnvelope({ manifest, approvals: [noise, ...approvals] }, founding)).toMatchObject({
    code: 'APPROVAL_INVALID',
  })
})

test('approvals of strangers count for nothing', () => {
  expect(verifyEnvelope(by(network, ann, stranger()), founding)).toMatchObject({
    code: 'APPROVALS_MISSING',
  })
})

test('no approval is not enough', () => {
  expect(verifyEnvelope(by(network), founding)).toMatchObject({ code: 'APPROVALS_MISSING' })
})

test('an approval of one manifest does not hold for another', () => {
  const next = nextManifest(network, manifest => manifest)
  const moved = { manifest: next.manifest, approvals: network.envelope.approvals }
  expect(verifyEnvelope(moved, inForce)).toMatchObject({ code: 'APPROVAL_INVALID' })
})

test('a signature over the bare hash, or for another purpose, is no approval', () => {
  const hash = bytesOfDigest(network.hash)
  for (const message of [hash, framed(domains.manifest, hash)]) {
    const forged = { member: toHex(ann.publicKey), signature: toHex(ann.sign(message)) }
    const envelope = { manifest: network.manifest, approvals: [forged, approve(network.hash, bob)] }
    expect(verifyEnvelope(envelope, founding)).toMatchObject({ code: 'APPROVAL_INVALID' })
  }
})

test('a change after the approval is noticed', () => {
  const manifest = { ...network.manifest, light: { quorum: 1 } }
  const envelope = parseEnvelope(utf8(JSON.stringify({ ...network.envelope, manifest })))
  if (isRefusal(envelope)) throw new Error(envelope.code)
  expect(verifyEnvelope(envelope, founding)).toMatchObject({ code: 'APPROVAL_INVALID' })
})

test('the founding block never changes', () => {
  const other = testNetwork({ authority: network.authority, draft: { foundingNonce: 1 } })
  const higher = nextManifest(other, manifest => manifest)
  for (const approver of [founding, inForce]) {
    expect(verifyEnvelope(higher.envelope, approver)).toMatchObject({ code: 'FOUNDING_CHANGED' })
  }
})

test('a testnet never turns into a production network', () => {
  const manifest = parsed({
    ...network.manifest,
    nonce: 1,
    founding: { ...network.manifest.founding, testnet: false, anchors: [] },
    join: { ...network.manifest.join, measurements: [] },
  })
  const envelope = { manifest, approvals: [] }
  expect(verifyEnvelope(envelope, inForce)).toMatchObject({ code: 'FOUNDING_CHANGED' })
})

test('the nonce only rises', () => {
  const second = nextManifest(network, manifest => manifest)
  expect(verifyEnvelope(second.envelope, inForce)).toBeUndefined()
  const now = { kind: 'predecessor', manifest: second.manifest } as const
  for (const old of [network.envelope, second.envelope]) {
    expect(verifyEnvelope(old, now)).toMatchObject({ code: 'NONCE_NOT_HIGHER' })
  }
})

test('two approved manifests of one nonce are equivocation', () => {
  const twin = nextManifest(network, manifest => ({
    ...manifest,
    nonce: 0,
    light: { quorum: 3 },
  }))
  expect(verifyEnvelope(twin.envelope, inForce)).toMatchObject({
    code: 'MANIFEST_EQUIVOCATION',
    facts: { nonce: 0, found: twin.hash, inForce: network.hash },
  })
})

test('a manifest is approved by the set of its predecessor, not by its own', () => {
  const usurper = stranger()
  const usurped = { members: [toHex(usurper.publicKey)], threshold: 1 }
  const next = nextManifest(network, manifest => ({ ...manifest, manifestSet: usurped }))
  expect(verifyEnvelope(by(next, usurper), inForce)).toMatchObject({ code: 'APPROVALS_MISSING' })
  expect(verifyEnvelope(by(next, ann, bob), inForce)).toBeUndefined()
  const third = nextManifest(next, manifest => manifest)
  const approver = { kind: 'predecessor', manifest: next.manifest } as const
  expect(verifyEnvelope(by(third, ann, bob), approver)).toMatchObject({ code: 'APPROVALS_MISSING' })
  expect(verifyEnvelope(by(third, usurper), approver)).toBeUndefined()
})

test('an envelope with unknown keys or malformed approvals is refused', () => {
  const envelope = network.envelope
  const judged = (value: object) => parseEnvelope(utf8(JSON.stringify(value)))
  expect(judged({ ...envelope, approval: [] })).toMatchObject({ facts: { nearest: 'approvals' } })
  expect(judged({ ...envelope, approvals: [{ member: 'ff', signature: '' }] })).toMatchObject({
    code: 'MANIFEST_BAD_VALUE',
    facts: { path: 'envelope.approvals[0].member' },
  })
  const many = Array.from({ length: 129 }, () => envelope.approvals[0])
  expect(judged({ ...envelope, approvals: many })).toMatchObject({ code: 'MANIFEST_BAD_VALUE' })
})

test('a manifest inside an envelope is held to its rules', () => {
  const manifest = {
    ...network.manifest,
    manifestSet: { ...network.manifest.manifestSet, threshold: 1 },
  }
  const refusal = parseEnvelope(utf8(JSON.stringify({ manifest, approvals: [] })))
  expect(refusal).toMatchObject({ code: 'THRESHOLD_NOT_MAJORITY' })
})

test('with any byte changed, an envelope does not come into force and nothing throws', () => {
  const bytes = encodeEnvelope(by(network, ann, bob))
  const accepted: number[] = []
  for (let i = 0; i < bytes.length; i++) {
    for (const mask of [0x01, 0x20, 0x80]) {
      const changed = parseEnvelope(bytes.with(i, (bytes[i] ?? 0) ^ mask))
      if (isRefusal(changed) || verifyEnvelope(changed, founding) !== undefined) continue
      accepted.push(i)
    }
  }
  // Hexadecimal is written in lower case only, JSON has one spelling for each of our values.
  expect(accepted).toEqual([])
})
