import fc from 'fast-check'
import { expect, test } from 'vitest'
import { approve, encodeEnvelope } from '../../../src/attestation/manifest-approval.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { ManifestKeeper } from '../../../src/node/manifest-keeper.ts'
import { nextManifest, rotatedManifest, testNetwork } from '../../fixtures/network.ts'

const silent = { changed: () => undefined, contradicted: () => undefined }
const founding = testNetwork({ seed: 'keeper' })
const variantOf = (network: typeof founding, live: number) =>
  nextManifest(network, manifest => ({
    ...manifest,
    limits: { ...manifest.limits, liveIdentitiesPerInstance: live },
  }))
const one = variantOf(founding, 10)
const two = rotatedManifest(one, 'two')
const three = variantOf(two, 30)
const manifests = [
  founding,
  one,
  variantOf(founding, 11),
  variantOf(founding, 12),
  two,
  rotatedManifest(one, 'other two'),
  three,
  variantOf(two, 31),
  testNetwork({ seed: 'a stranger' }),
]
const stranger = new SigningKey(new Secret(new Uint8Array(32).fill(9)))

/** An envelope of one of the manifests with approvals of any keys over any hash, in any number. */
const envelopes = fc
  .record({
    which: fc.nat(manifests.length - 1),
    approvals: fc.array(fc.record({ member: fc.nat(3), over: fc.nat(manifests.length - 1) }), {
      maxLength: 5,
    }),
    isWhole: fc.boolean(),
  })
  .map(({ which, approvals, isWhole }) => {
    const chosen = manifests[which] ?? founding
    if (isWhole) return chosen.envelopeBytes
    const signed = approvals.map(({ member, over }) =>
      approve((manifests[over] ?? founding).hash, chosen.approvers[member] ?? stranger),
    )
    return encodeEnvelope({ manifest: chosen.manifest, approvals: signed })
  })

test('whatever comes in whatever order, the nonce never falls and no nonce changes its hash', () => {
  fc.assert(
    fc.property(fc.array(fc.array(envelopes, { maxLength: 3 }), { maxLength: 8 }), messages => {
      const keeper = new ManifestKeeper(founding.envelopeBytes, silent)
      for (const message of messages) {
        const before = keeper.current.mark
        const considered = keeper.consider(message)
        const after = keeper.current.mark
        if (considered.kind === 'taken') expect(after.nonce).toBeGreaterThan(before.nonce)
        else expect(after).toEqual(before)
      }
      expect(new ManifestKeeper(keeper.file(), silent).current.mark).toEqual(keeper.current.mark)
    }),
    { numRuns: 150 },
  )
})

test('two of three members must approve, each counts once, strangers and other hashes not at all', () => {
  const [a, b] = one.approvers as [SigningKey, SigningKey]
  const verdict = (...approvals: ReturnType<typeof approve>[]): string => {
    const keeper = new ManifestKeeper(founding.envelopeBytes, silent)
    const bytes = encodeEnvelope({ manifest: one.manifest, approvals })
    const considered = keeper.consider([bytes])
    return considered.kind === 'refused' ? considered.code : considered.kind
  }
  expect(verdict(approve(one.hash, a), approve(one.hash, b))).toBe('taken')
  expect(verdict(approve(one.hash, a), approve(one.hash, a))).toBe('APPROVALS_MISSING')
  expect(verdict(approve(one.hash, a), approve(one.hash, stranger))).toBe('APPROVALS_MISSING')
  expect(verdict(approve(one.hash, a), approve(two.hash, b))).toBe('APPROVAL_INVALID')
})

test('a later manifest is out of reach without the change of the manifest set before it', () => {
  const keeper = new ManifestKeeper(founding.envelopeBytes, silent)
  expect(keeper.consider([three.envelopeBytes])).toMatchObject({ code: 'APPROVALS_MISSING' })
  expect(keeper.current.mark.nonce).toBe(0)
  expect(keeper.consider([two, three].map(({ envelopeBytes }) => envelopeBytes)).kind).toBe('taken')
  expect(keeper.current.mark).toEqual(three.mark)
})

test('a member that signed two manifests of one nonce is named, though the second lacks approvals', () => {
  const keeper = new ManifestKeeper(founding.envelopeBytes, silent)
  keeper.consider([one.envelopeBytes])
  const other = variantOf(founding, 11)
  const [member] = other.envelope.approvals
  if (member === undefined) throw new Error('it was approved')
  const bytes = encodeEnvelope({ manifest: other.manifest, approvals: [member] })
  expect(keeper.consider([bytes])).toMatchObject({ kind: 'refused', code: 'NONCE_TAKEN' })
  expect(keeper.rival).toMatchObject({ isApproved: false, signers: [member.member] })
  expect(keeper.isContradicted).toBe(false)
  expect(keeper.consider([other.envelopeBytes])).toMatchObject({ code: 'MANIFEST_EQUIVOCATION' })
  expect(keeper.isContradicted).toBe(true)
  expect(keeper.current.mark).toEqual(one.mark)
})
