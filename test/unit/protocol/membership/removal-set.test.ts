import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { keyOfNodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import { SigningKey } from '../../../../src/crypto/sign.ts'
import type { Taken } from '../../../../src/protocol/membership/double-beats.ts'
import { RemovalSet } from '../../../../src/protocol/membership/removal-set.ts'
import {
  decodeRemoval,
  encodeRemoval,
  type RemovalClaim,
  removalClaimId,
} from '../../../../src/wire/removal.ts'
import {
  approvers,
  attestorUnder,
  certificate,
  contradiction,
  digestOfText,
  doubleBeat,
  manifest,
  network,
  otherNetwork,
  recordOf,
  signedBeat,
} from './people.ts'

const key = (name: string): SigningKey => new SigningKey(new Secret(sha256(utf8(name))))
const eve = key('eve')
const identityOf = (signing: SigningKey): RemovalClaim => ({
  scope: 'identity',
  subject: signing.publicKey,
})
const attestor = attestorUnder(() => manifest)
const emptySet = (): RemovalSet => new RemovalSet(manifest, { network, attestor })
const codeOf = (taken: Taken): string => (taken.kind === 'refused' ? taken.code : taken.kind)
const take = (item: Uint8Array): string => codeOf(emptySet().take(item))

test('a certificate of enough of the manifest set is taken, once', () => {
  const set = emptySet()
  const before = set.digest
  expect(codeOf(set.take(certificate(identityOf(eve))))).toBe('added')
  expect(set.digest).not.toBe(before)
  const { digest } = set
  expect(codeOf(set.take(certificate(identityOf(eve))))).toBe('known')
  expect(set.digest).toBe(digest)
  expect(set.covers({ node: nodeIdOfKey(eve.publicKey) })).toBe('identity')
  expect(set.covers({ node: nodeIdOfKey(key('bob').publicKey) })).toBeUndefined()
})

test('below the threshold nothing is removed', () => {
  expect(take(certificate(identityOf(eve), { signers: approvers.slice(0, 1) }))).toBe(
    'REMOVAL_BELOW_THRESHOLD',
  )
  expect(take(certificate(identityOf(eve), { signers: [] }))).toBe('REMOVAL_BELOW_THRESHOLD')
})

test('one signer does not count twice', () => {
  const [ann] = approvers as [SigningKey]
  expect(take(certificate(identityOf(eve), { signers: [ann, ann] }))).toBe(
    'REMOVAL_SIGNERS_UNORDERED',
  )
})

test('signers outside the manifest set do not count and do not spoil', () => {
  const [ann, ben] = approvers as [SigningKey, SigningKey]
  const strangers = [key('s1'), key('s2'), key('s3')]
  expect(take(certificate(identityOf(eve), { signers: strangers }))).toBe('REMOVAL_BELOW_THRESHOLD')
  expect(take(certificate(identityOf(eve), { signers: [ann, ...strangers] }))).toBe(
    'REMOVAL_BELOW_THRESHOLD',
  )
  expect(take(certificate(identityOf(eve), { signers: [ann, ben, ...strangers] }))).toBe('added')
})

test('a signature over another claim, scope or network proves nothing', () => {
  const item = decodeRemoval(certificate(identityOf(eve)))
  if (item.kind !== 'certificate') throw new Error('a certificate')
  const other = encodeRemoval({ ...item, subject: key('bob').publicKey })
  expect(take(other)).toBe('REMOVAL_BAD_SIGNATURE')
  expect(take(encodeRemoval({ ...item, scope: 'instance' }))).toBe('REMOVAL_BAD_SIGNATURE')
  expect(take(certificate(identityOf(eve), { network: otherNetwork }))).toBe(
    'REMOVAL_WRONG_NETWORK',
  )
  const relabelled = decodeRemoval(certificate(identityOf(eve), { network: otherNetwork }))
  expect(take(encodeRemoval({ ...relabelled, network: item.network }))).toBe(
    'REMOVAL_BAD_SIGNATURE',
  )
})

test('a floor is refused by this version, and a subject of the wrong shape', () => {
  expect(take(certificate({ scope: 'floor', subject: new Uint8Array(32) }))).toBe(
    'REMOVAL_SCOPE_UNSUPPORTED',
  )
  expect(take(certificate({ scope: 'identity', subject: new Uint8Array(31) }))).toBe(
    'REMOVAL_BAD_SUBJECT',
  )
  expect(take(certificate({ scope: 'measurement', subject: Uint8Array.of(0xff) }))).toBe(
    'REMOVAL_BAD_SUBJECT',
  )
})

test('every changed byte of a certificate makes it prove nothing or be malformed', () => {
  const bytes = certificate(identityOf(eve))
  const set = emptySet()
  for (let i = 0; i < bytes.length; i++) {
    const changed = bytes.slice()
    changed[i] = (changed[i] ?? 0) ^ 0x01
    expect(set.take(changed).kind).not.toBe('added')
  }
  expect(set.count).toBe(0)
})

test('two beats of one author and number with different content remove the author', () => {
  const item = doubleBeat(
    signedBeat(eve, { sequence: 3, payload: 'up' }),
    signedBeat(eve, { sequence: 3, payload: 'down', keyId: 'another key' }),
    { record: recordOf(eve) },
  )
  const set = emptySet()
  expect(codeOf(set.take(item))).toBe('added')
  expect(set.covers({ node: nodeIdOfKey(eve.publicKey) })).toBe('identity')
})

test('forged contradictions remove nobody', () => {
  const bob = key('bob')
  const pair = (left: Uint8Array, right: Uint8Array, on = network): Uint8Array =>
    doubleBeat(left, right, { record: recordOf(eve), network: on })
  const one = signedBeat(eve, { sequence: 3, payload: 'one' })
  const two = signedBeat(eve, { sequence: 3, payload: 'two' })
  const resealed = signedBeat(eve, { sequence: 3, payload: 'one', keyId: 'after a rotation' })
  expect(take(pair(one, resealed))).toBe('REMOVAL_SAME_CONTENT')
  expect(take(pair(one, one))).toBe('REMOVAL_SAME_CONTENT')
  expect(take(pair(one, signedBeat(eve, { sequence: 4, payload: 'two' })))).toBe(
    'REMOVAL_SEQUENCES_DIFFER',
  )
  expect(take(pair(one, signedBeat(bob, { sequence: 3, payload: 'two' })))).toBe(
    'REMOVAL_AUTHORS_DIFFER',
  )
  const delta = (payload: string): Uint8Array =>
    signedBeat(eve, { sequence: 3, payload, topic: 'delta' })
  expect(take(pair(delta('one'), delta('two')))).toBe('REMOVAL_NOT_HEARTBEATS')
  expect(take(pair(one, delta('two')))).toBe('REMOVAL_NOT_HEARTBEATS')
  const elsewhere = signedBeat(eve, { sequence: 3, payload: 'two' }, otherNetwork)
  expect(take(pair(one, elsewhere))).toBe('REMOVAL_WRONG_NETWORK')
  expect(take(pair(one, two, otherNetwork))).toBe('REMOVAL_WRONG_NETWORK')
  const forged = two.slice()
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
  expect(take(pair(one, forged))).toBe('REMOVAL_BAD_SIGNATURE')
})

test('bytes that are no removal are refused as a value', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      expect(take(bytes)).toBe('REMOVAL_MALFORMED')
    }),
  )
})

test('the digest says what is proven, not how: any proof of a claim gives the same set', () => {
  const [ann, ben, cyd] = approvers as [SigningKey, SigningKey, SigningKey]
  const twice = (left: string, right: string): Uint8Array => {
    const beat = (payload: string): Uint8Array => signedBeat(eve, { sequence: 1, payload })
    return doubleBeat(beat(left), beat(right), { record: recordOf(eve) })
  }
  const kinds = [
    [
      certificate(identityOf(eve), { signers: [ann, ben] }),
      certificate(identityOf(eve), { signers: [ben, cyd] }),
    ],
    [twice('x', 'y'), twice('x', 'z')],
  ]
  for (const proofs of kinds) {
    const digests = proofs.map(proof => digestOfItems([proof]))
    expect(new Set(digests).size).toBe(1)
    expect(digests[0]).not.toBe(emptySet().digest)
    expect(digestOfItems(proofs)).toBe(digests[0])
  }
})

test('the digest names the manifest, and a measurement that it does not know folds away', () => {
  const other = { ...manifest, hash: digestOfText('another manifest') }
  expect(new RemovalSet(other, { network, attestor }).digest).not.toBe(emptySet().digest)
  const set = emptySet()
  const { digest } = set
  set.take(certificate({ scope: 'measurement', subject: utf8('long gone') }))
  expect(set.digest).toBe(digest)
  expect(set.count).toBe(0)
  const readmitting = { ...manifest, measurements: ['app 1', 'long gone'] }
  set.govern(readmitting)
  expect(set.count).toBe(1)
  const subject = { instance: digestOfText('i'), measurement: 'long gone' }
  expect(set.covers({ node: nodeIdOfKey(eve.publicKey), verdict: subject })).toBe('measurement')
})

/** Items over few subjects and machines, several proofs each, so that generated rows collide. */
const pool: readonly Uint8Array[] = ['p', 'q', 'r', 's', 't'].flatMap((name, i) => {
  const signing = key(name)
  return [
    certificate(identityOf(signing)),
    certificate(identityOf(signing), { signers: approvers.slice(1, 3) }),
    contradiction(signing, { instance: `machine ${i % 2}` }),
    contradiction(key(`${name} again`), { instance: `machine ${i % 3}` }),
    contradiction(key(`${name} elsewhere`), { instance: `machine of ${name}` }),
    certificate({ scope: 'instance', subject: sha256(utf8(name)) }),
  ]
})
const items = fc.array(fc.constantFrom(...pool), { maxLength: 10 })
/** Small bounds, so that few items go beyond them. */
const smallSet = (): RemovalSet =>
  new RemovalSet(manifest, { network, attestor, identitiesMax: 1, instancesMax: 2 })
function digestOfItems(...rows: readonly (readonly Uint8Array[])[]): string {
  const set = smallSet()
  for (const item of rows.flat()) set.take(item)
  return set.digest
}

test('union is commutative, associative and idempotent beyond every bound, and sets that exchanged items are equal', () => {
  fc.assert(
    fc.property(items, items, items, (left, middle, right) => {
      const digest = digestOfItems(left, middle, right)
      expect(digestOfItems(right, left, middle)).toBe(digest)
      expect(digestOfItems(left, middle, right, left)).toBe(digest)
      // What a set hands on is as good as what it was given.
      const handedOn = smallSet()
      for (const item of [...middle, ...left]) handedOn.take(item)
      expect(digestOfItems(right, handedOn.items())).toBe(digest)
      // Two machines with up to two items each.
      const beats = handedOn.items().filter(item => decodeRemoval(item).kind === 'double-beat')
      expect(beats.length).toBeLessThanOrEqual(4)
    }),
    { numRuns: 40 },
  )
})

test('lists of claims page in order and name no claim twice', () => {
  const set = emptySet()
  for (const item of pool) set.take(item)
  const first = set.idsAfter(null, 4)
  expect(first.hasMore).toBe(true)
  const second = set.idsAfter(first.ids.at(-1) ?? null, 100)
  expect(second.hasMore).toBe(false)
  const all = [...first.ids, ...second.ids]
  expect(all).toEqual([...new Set(all)].toSorted())
  expect(all).toHaveLength(set.count)
  expect(set.idsAfter(all.at(-1) ?? null, 4)).toEqual({ ids: [], hasMore: false })
  for (const id of all) {
    const item = decodeRemoval(set.item(id) ?? new Uint8Array())
    if (item.kind === 'certificate') expect(removalClaimId(network, item)).toBe(id)
  }
})

test('a set knows the digests that it has had', () => {
  const set = emptySet()
  const before = set.digest
  expect(set.contains(before)).toBe(true)
  set.take(certificate({ scope: 'identity', subject: keyOfNodeId(nodeIdOfKey(eve.publicKey)) }))
  expect(set.contains(before)).toBe(true)
  expect(emptySet().contains(set.digest)).toBe(false)
})
