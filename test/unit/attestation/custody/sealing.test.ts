import fc from 'fast-check'
import { expect, test } from 'vitest'
import { heldShareContext } from '../../../../src/attestation/custody/genesis-output.ts'
import {
  holderFingerprint,
  holderKeyBytes,
  readHolderKey,
  sealToHolder,
} from '../../../../src/attestation/custody/holder-key.ts'
import { openAtPoint, sealToPoint } from '../../../../src/attestation/custody/point-seal.ts'
import {
  carryShare,
  exportKey,
  exportMessage,
  isSignedExport,
  openCarriedShare,
  openExport,
} from '../../../../src/attestation/custody/transfers.ts'
import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import { type Digest, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { kemBytes } from '../../../../src/crypto/kem-bytes.ts'
import { P256Key } from '../../../../src/crypto/p256.ts'
import { QuorumKeys } from '../../../../src/crypto/quorum-keys.ts'
import { unwrap } from '../../../../src/crypto/wrap.ts'
import { keyExportCodec } from '../../../../src/wire/custody.ts'
import { custodyManifest, pointHolder, testHolder, testHolders } from '../../../fixtures/holders.ts'

let drawn = 0
const random = { bytes: (count: number) => new Uint8Array(count).fill(1 + (++drawn % 250)) }
const share = (): Secret => new Secret(Uint8Array.from({ length: 33 }, (_, i) => i + 1))
const hexOf = (secret: Secret | undefined): string | undefined => secret?.use(toHex)
const [one, two] = [testHolder(1), testHolder(2)]
const node = nodeIdOfKey(one.signing.publicKey)
const other = nodeIdOfKey(two.signing.publicKey)
const to = { node, kemKey: one.kem.publicKey }
const manifest = 'ab'.repeat(32) as Digest

test('keys of holders are told by their lengths, and their fingerprints differ', () => {
  const keys = [one, two, pointHolder(1)].map(({ key }) => readHolderKey(fromHex(key)!)!)
  const single = readHolderKey(fromHex(pointHolder(1).key)!.subarray(65))!
  expect([...keys, single].map(({ kind }) => kind)).toEqual(['coterie', 'coterie', 'qos', 'p256'])
  expect(new Set([...keys, single].map(holderFingerprint)).size).toBe(4)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const lengths: readonly number[] = Object.values(holderKeyBytes)
      if (!lengths.includes(bytes.length)) expect(readHolderKey(bytes)).toBeUndefined()
    }),
  )
})

test('a share that was sealed to a holder opens for that holder and that key alone', () => {
  const made = custodyManifest(testHolders(3))
  const about = heldShareContext(made, one)
  const sealed = sealToHolder(readHolderKey(fromHex(one.key)!)!, share(), { about, random })!
  const wrapped = {
    encapsulation: sealed.subarray(0, kemBytes.ciphertext),
    sealed: sealed.subarray(kemBytes.ciphertext),
  }
  expect(hexOf(unwrap(wrapped, about, one.kem))).toBe(hexOf(share()))
  const later = { ...made, namespace: { ...made.namespace, nonce: 12346 } }
  expect(unwrap(wrapped, about, two.kem)).toBeUndefined()
  expect(unwrap(wrapped, heldShareContext(later, one), one.kem)).toBeUndefined()
  expect(unwrap(wrapped, heldShareContext(made, two), one.kem)).toBeUndefined()
})

test('what is sealed to a point opens with its key, and one changed bit opens nowhere', () => {
  const key = P256Key.of(new Secret(new Uint8Array(32).fill(9)))!
  const stranger = P256Key.of(new Secret(new Uint8Array(32).fill(8)))!
  const envelope = sealToPoint(key.publicKey, share(), random)!
  expect(envelope).toHaveLength(12 + 65 + 4 + 33 + 16)
  expect(hexOf(openAtPoint(key, envelope))).toBe(hexOf(share()))
  expect(openAtPoint(stranger, envelope)).toBeUndefined()
  for (let bit = 0; bit < 8 * envelope.length; bit++) {
    const changed = envelope.slice()
    changed[bit >> 3]! ^= 1 << (bit & 7)
    expect(openAtPoint(key, changed)).toBeUndefined()
  }
  for (let length = 0; length < envelope.length; length++) {
    expect(openAtPoint(key, envelope.subarray(0, length))).toBeUndefined()
  }
  expect(sealToPoint(new Uint8Array(65).fill(4), share(), random)).toBeUndefined()
})

test('a share on its way to a node opens there, for its holder and its manifest, and nowhere else', () => {
  const route = { alias: 'member1', manifest, node }
  const wrapped = carryShare(route, share(), { to, random })!
  expect(hexOf(openCarriedShare(route, wrapped, one.kem))).toBe(hexOf(share()))
  expect(openCarriedShare(route, wrapped, two.kem)).toBeUndefined()
  for (const wrong of [
    { ...route, alias: 'member2' },
    { ...route, node: other },
    { ...route, manifest: 'ac'.repeat(32) as Digest },
  ]) {
    expect(openCarriedShare(wrong, wrapped, one.kem)).toBeUndefined()
  }
})

test('a key on its way opens at its receiver, and the quorum signed all that travels', () => {
  const keys = QuorumKeys.of(new Secret(new Uint8Array(32).fill(7)))!
  const stranger = QuorumKeys.of(new Secret(new Uint8Array(32).fill(6)))!
  const approvals = [{ alias: 'member1', signature: new Uint8Array(64) }]
  const exported = keys.useSeed(
    seed => exportKey(seed, { manifest, from: other, to, approvals, random })!,
  )
  const bytes = keyExportCodec.encode(exported)
  const signature = keys.sign(exportMessage(bytes))
  expect(isSignedExport(keys.publicKey, bytes, signature)).toBe(true)
  expect(isSignedExport(stranger.publicKey, bytes, signature)).toBe(false)
  const opened = openExport(keyExportCodec.decode(bytes), one.kem)
  expect(QuorumKeys.of(opened!)?.publicKey).toEqual(keys.publicKey)
  expect(openExport(exported, two.kem)).toBeUndefined()
  const moved: readonly Partial<typeof exported>[] = [
    { manifest: new Uint8Array(32) },
    { from: new Uint8Array(32) },
    { to: new Uint8Array(32) },
  ]
  for (const change of moved) {
    expect(openExport({ ...exported, ...change }, one.kem)).toBeUndefined()
    const changed = keyExportCodec.encode({ ...exported, ...change })
    expect(isSignedExport(keys.publicKey, changed, signature)).toBe(false)
  }
})
