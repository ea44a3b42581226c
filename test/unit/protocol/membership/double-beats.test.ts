/** Who can grow the removal set with beats: only machines, and each by nine items. */
import { expect, test } from 'vitest'
import { compareBytes, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { seconds } from '../../../../src/base/time.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import { SigningKey } from '../../../../src/crypto/sign.ts'
import { RemovalSet } from '../../../../src/protocol/membership/removal-set.ts'
import type { ManifestFacts } from '../../../../src/protocol/membership/types.ts'
import { checkpointCodec, checkpointMessage, claimCodec } from '../../../../src/wire/checkpoint.ts'
import type { DoubleCheckpoint } from '../../../../src/wire/double-checkpoint.ts'
import { announceCodec } from '../../../../src/wire/hello.ts'
import { type MemberRecord, possessionMessage } from '../../../../src/wire/member-record.ts'
import { decodeRemoval, encodeRemoval } from '../../../../src/wire/removal.ts'
import { network3, type TestNode, World } from './harness.ts'
import {
  attestorUnder,
  contradiction,
  digestOfText,
  doubleBeat,
  identity,
  manifest,
  network,
  noManifestNews,
  recordOf,
  shownBy,
  signedBeat,
} from './people.ts'

const key = (name: string): SigningKey => new SigningKey(new Secret(sha256(utf8(name))))
const emptySet = (inForce: () => ManifestFacts = () => manifest): RemovalSet =>
  new RemovalSet(inForce(), { network, attestor: attestorUnder(inForce) })

/** A contradiction that its key really signed, with the evidence of a machine that never held this key. */
function invented(name: string, { evidence }: MemberRecord): Uint8Array {
  const signing = key(name)
  const { keys } = recordOf(signing)
  const possession = signing.sign(possessionMessage(network, keys, evidence))
  const beat = (payload: string): Uint8Array => signedBeat(signing, { sequence: 1, payload })
  return doubleBeat(beat('x'), beat('y'), { record: { keys, evidence, possession } })
}

test('more invented identities than the set has room for change nothing', () => {
  const set = emptySet()
  const machine = recordOf(key('a machine'))
  const before = set.digest
  for (let i = 0; i < 1200; i++) {
    const item = invented(`invented ${i}`, machine)
    expect(set.take(item)).toMatchObject({ code: 'REMOVAL_NOT_ATTESTED', isFault: true })
  }
  expect(set.count).toBe(0)
  expect(set.digest).toBe(before)
  expect(set.items()).toEqual([])
})

test('a broken machine that attests keys without end moves the digest nine times, ends as a broken machine, and moves nobody else', () => {
  const set = emptySet()
  set.take(contradiction(key('bob')))
  const digests = new Set<string>([set.digest])
  const mallory = (i: number): Uint8Array =>
    contradiction(key(`mallory ${i}`), { instance: 'broken' })
  for (let i = 0; i < 40; i++) {
    set.take(mallory(i))
    digests.add(set.digest)
  }
  expect(digests.size).toBe(1 + 9)
  // Bob, and one claim on the machine; ten proofs.
  expect(set.count).toBe(2)
  expect(set.items()).toHaveLength(10)
  const onMachine = { instance: digestOfText('broken'), measurement: 'app 1' }
  const newcomer = nodeIdOfKey(key('mallory to come').publicKey)
  expect(set.covers({ node: newcomer, verdict: onMachine })).toBe('instance')
  const elsewhere = { instance: digestOfText('whole'), measurement: 'app 1' }
  expect(set.covers({ node: newcomer, verdict: elsewhere })).toBeUndefined()
  expect(set.covers({ node: nodeIdOfKey(key('bob').publicKey) })).toBe('identity')
})

test('which of its identities prove a machine broken is the same to all', () => {
  const items = Array.from({ length: 30 }, (_, i) =>
    contradiction(key(`mallory ${i}`), { instance: 'broken' }),
  )
  const forth = emptySet()
  const back = emptySet()
  for (const item of items) forth.take(item)
  for (const item of items.toReversed()) back.take(item)
  expect(forth.items()).not.toEqual(back.items())
  expect(forth.digest).toBe(back.digest)
  const third = emptySet()
  for (const item of [...forth.items().slice(0, 5), ...back.items().slice(0, 5)]) third.take(item)
  expect(third.digest).toBe(forth.digest)
})

test('a record of another, or one that its key did not sign, proves nothing', () => {
  const eve = key('eve')
  const beat = (payload: string): Uint8Array => signedBeat(eve, { sequence: 1, payload })
  const item = (record: ReturnType<typeof recordOf>): Uint8Array =>
    doubleBeat(beat('x'), beat('y'), { record })
  expect(emptySet().take(item(recordOf(key('bob'))))).toMatchObject({
    code: 'REMOVAL_RECORD_OF_ANOTHER',
  })
  const moved = { ...recordOf(eve), evidence: recordOf(eve, { instance: 'framed' }).evidence }
  expect(emptySet().take(item(moved))).toMatchObject({ code: 'REMOVAL_BAD_SIGNATURE' })
  expect(emptySet().take(item(recordOf(eve)))).toMatchObject({ kind: 'added' })
})

test('what ran software that the manifest does not name is taken by nobody, folds away where it is, and counts again', () => {
  let inForce: ManifestFacts = manifest
  const others = { ...manifest, hash: digestOfText('next'), measurements: ['app 2'] }
  const held = emptySet(() => inForce)
  const item = contradiction(key('eve'), { measurement: 'app 1' })
  const before = held.digest
  held.take(item)
  const counted = held.digest
  inForce = others
  held.govern(others)
  const fresh = emptySet(() => others)
  expect(fresh.take(item)).toMatchObject({ code: 'REMOVAL_NOT_NAMED', isFault: false })
  expect(held.digest).toBe(fresh.digest)
  expect(held.covers({ node: nodeIdOfKey(key('eve').publicKey) })).toBe('identity')
  inForce = manifest
  held.govern(manifest)
  expect(held.digest).toBe(counted)
  expect(counted).not.toBe(before)
})

test('a member that hands on the contradiction of an identity that no machine attested is cut off, and no set grows', () => {
  const world = new World()
  const [a, b, c] = network3(world) as [TestNode, TestNode, TestNode]
  const digest = a.machine.removalDigest
  const bytes = announceCodec.encode({
    ...{ phase: 'active', announcements: [], removalDigest: new Uint8Array(32), ...noManifestNews },
    evidence: shownBy(b.member),
    removals: [invented('nobody', recordOf(b.signing))],
  })
  const effects = world.feed(a, { kind: 'told', from: b.id, bytes })
  expect(effects).toContainEqual({ kind: 'faulted', node: b.id, code: 'REMOVAL_NOT_ATTESTED' })
  world.run(seconds(5))
  expect([a, c].map(({ machine }) => machine.removalDigest)).toEqual([digest, digest])
})

test('a contradiction that is heard before the record of its author counts when the record comes', () => {
  const world = new World()
  const [a] = network3(world) as [TestNode]
  const { member, signing } = identity('late')
  const beat = (payload: string): Uint8Array => signedBeat(signing, { sequence: 1, payload })
  const [first, second] = [beat('x'), beat('y')]
  world.feed(a, { kind: 'contradicted', of: 'beats', author: member.node, first, second })
  world.run(seconds(1))
  expect(a.machine.removalCount).toBe(0)
  world.add('late')
  world.run(seconds(3))
  expect(a.machine.removalCount).toBe(1)
  expect(a.machine.barred(member.node)?.code).toBe('REMOVED')
})

/** Two checkpoints of `signing` at one place, or what else the options make of them. */
function doubleCheckpoint(
  signing: SigningKey,
  options: {
    readonly signer?: SigningKey
    readonly sequence?: number
    readonly root?: number
    readonly of?: Uint8Array
    readonly record?: MemberRecord
    readonly isTurned?: boolean
  } = {},
): Uint8Array {
  const signed = (sequence: number, root: number, by: SigningKey): Uint8Array => {
    const hash = new Uint8Array(32).fill(root)
    const roots = { publicRoot: hash, privateRoot: hash, commitKey: null }
    const claim = claimCodec.encode({
      ...{ network: options.of ?? bytesOfDigest(network), cut: 1000, ...roots },
      ...{ removals: hash, manifest: hash },
    })
    const place = { node: signing.publicKey, previous: new Uint8Array(32), groupClock: 3000 }
    const placed = { ...place, sequence, claim }
    return checkpointCodec.encode({ ...placed, signature: by.sign(checkpointMessage(placed)) })
  }
  const words = [
    signed(7, 1, signing),
    signed(options.sequence ?? 7, options.root ?? 2, options.signer ?? signing),
  ].toSorted(compareBytes)
  const [first, second] = options.isTurned === true ? words.toReversed() : words
  return encodeRemoval({
    kind: 'double-checkpoint',
    network: bytesOfDigest(network),
    first: first ?? new Uint8Array(1),
    second: second ?? new Uint8Array(1),
    record: options.record ?? recordOf(signing),
  })
}

test('two checkpoints at one place of its chain take their signer out, as two beats of one number do', () => {
  const set = emptySet()
  const eve = key('eve')
  expect(set.take(doubleCheckpoint(eve))).toMatchObject({ kind: 'added' })
  expect(set.covers({ node: nodeIdOfKey(eve.publicKey) })).toBe('identity')
  const digest = set.digest
  // One claim, whatever proves it.
  expect(set.take(doubleCheckpoint(eve, { root: 3 })).kind).toBe('known')
  expect(set.take(contradiction(eve)).kind).toBe('known')
  expect(set.digest).toBe(digest)
})

test('checkpoints that do not contradict each other over the signature of one node prove nothing', () => {
  const [eve, bob] = [key('eve'), key('bob')]
  const refusalOf = (item: Uint8Array): unknown => {
    const taken = emptySet().take(item)
    return taken.kind === 'refused' ? taken.code : taken.kind
  }
  expect(refusalOf(doubleCheckpoint(eve, { root: 1 }))).toBe('REMOVAL_SAME_CONTENT')
  expect(refusalOf(doubleCheckpoint(eve, { sequence: 8 }))).toBe('REMOVAL_SEQUENCES_DIFFER')
  expect(refusalOf(doubleCheckpoint(eve, { signer: bob }))).toBe('REMOVAL_BAD_SIGNATURE')
  expect(refusalOf(doubleCheckpoint(eve, { of: new Uint8Array(32) }))).toBe('REMOVAL_WRONG_NETWORK')
  expect(refusalOf(doubleCheckpoint(eve, { isTurned: true }))).toBe('REMOVAL_CHECKPOINTS_UNORDERED')
  expect(refusalOf(doubleCheckpoint(eve, { record: recordOf(bob) }))).toBe(
    'REMOVAL_RECORD_OF_ANOTHER',
  )
})

test('a member that is heard to sign two checkpoints at one place is removed by all', () => {
  const world = new World()
  const [a, b, c] = network3(world) as [TestNode, TestNode, TestNode]
  const item = doubleCheckpoint(c.signing)
  const { first, second } = decodeRemoval(item) as DoubleCheckpoint
  world.feed(a, { kind: 'contradicted', of: 'checkpoints', author: c.id, first, second })
  world.run(seconds(3))
  expect([a, b].map(({ machine }) => machine.removalCount)).toEqual([1, 1])
  expect(b.machine.isMember(c.id, world.now)).toBe(false)
})
