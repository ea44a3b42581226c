/** Chains, co-signatures and contradictions of checkpoints. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import {
  bytesOfDigest,
  type NetworkId,
  type NodeId,
  nodeIdOfKey,
} from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import { SigningKey } from '../../../../src/crypto/sign.ts'
import {
  CheckpointBook,
  ownKept,
  type Signatory,
} from '../../../../src/protocol/checkpoints/book.ts'
import {
  type Checkpoint,
  type CheckpointClaim,
  checkpointCodec,
  checkpointDigest,
  checkpointMessage,
  claimCodec,
  contradicts,
  verifyCheckpoint,
} from '../../../../src/wire/checkpoint.ts'
import type { ServedCheckpoint } from '../../../../src/wire/light-answers.ts'

const network = 'ab'.repeat(32) as NetworkId
const filled = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

const claimAt = (second: number, root = 1): CheckpointClaim => ({
  network: bytesOfDigest(network),
  cut: second * 1000,
  publicRoot: filled(root),
  privateRoot: filled(2),
  commitKey: filled(3),
  removals: filled(4),
  manifest: filled(5),
})

class Person {
  readonly key: SigningKey
  readonly id: NodeId
  readonly book: CheckpointBook

  constructor(name: string, of: NetworkId = network) {
    this.key = new SigningKey(new Secret(sha256(utf8(name))))
    this.id = nodeIdOfKey(this.key.publicKey)
    const sign = (message: Uint8Array): Uint8Array => this.key.sign(message)
    this.book = new CheckpointBook({ sign }, { self: this.id, network: of })
  }

  says(second: number, root = 1): Uint8Array {
    return this.book.make(claimAt(second, root), second * 1000 + 2100).bytes
  }

  /** A checkpoint that this person signs outside of its chain. */
  forges(content: Partial<Checkpoint>, claim = claimAt(1)): Uint8Array {
    const place = { node: this.key.publicKey, sequence: 1, previous: filled(0), groupClock: 3100 }
    const placed = { ...place, claim: claimCodec.encode(claim), ...content }
    const signature = content.signature ?? this.key.sign(checkpointMessage(placed))
    return checkpointCodec.encode({ ...placed, signature })
  }
}

const [alice, names] = ['alice', ['bob', 'carol', 'dave', 'erin']] as const
const people = (): { readonly me: Person; readonly others: readonly Person[] } => ({
  me: new Person(alice),
  others: names.map(name => new Person(name)),
})
/** Each on an instance of its own, unless said. */
const onInstances =
  (instances: Readonly<Record<string, string>> = {}) =>
  (node: NodeId): Signatory => ({
    instance: instances[node] ?? node,
    evidence: sha256(utf8(node)),
  })
const signersOf = (served: ServedCheckpoint | undefined): readonly NodeId[] =>
  (served?.cosignatures ?? []).map(({ node }) => nodeIdOfKey(node))
const secondOf = (served: ServedCheckpoint | undefined): number | undefined => {
  if (served === undefined) return undefined
  return claimCodec.decode(checkpointCodec.decode(served.checkpoint).claim).cut / 1000
}

test('each checkpoint follows the one before, and the last ten are kept', () => {
  const { me } = people()
  let previous = filled(0)
  for (let second = 1; second <= 25; second++) {
    const checkpoint = checkpointCodec.decode(me.says(second))
    expect(verifyCheckpoint(checkpoint)).toBe(true)
    expect(checkpoint.sequence).toBe(second)
    expect(checkpoint.previous).toEqual(previous)
    previous = bytesOfDigest(checkpointDigest(checkpoint))
  }
  expect(me.book.newest?.sequence).toBe(25)
  expect(me.book.own(25 - ownKept + 1)?.cut).toBe((25 - ownKept + 1) * 1000)
  expect(me.book.own(25 - ownKept)).toBeUndefined()
})

test('a checkpoint of another over the same claim is a co-signature, whichever came first', () => {
  const { me, others } = people()
  const [bob, carol, dave] = others as [Person, Person, Person]
  me.book.heard(bob.id, bob.says(1))
  me.says(1)
  me.book.heard(carol.id, carol.says(1))
  me.book.heard(dave.id, dave.says(1, 9))
  const served = me.book.served(3, onInstances())
  expect([...signersOf(served)].sort()).toEqual([bob.id, carol.id].sort())
  const { claim } = checkpointCodec.decode(served?.checkpoint ?? new Uint8Array())
  for (const short of served?.cosignatures ?? []) {
    expect(verifyCheckpoint({ ...short, claim })).toBe(true)
  }
})

test('the newest that enough share is served, and else the one that most share', () => {
  const { me, others } = people()
  me.says(1)
  for (const other of others) me.book.heard(other.id, other.says(1))
  me.says(2)
  for (const other of others.slice(0, 2)) me.book.heard(other.id, other.says(2))
  me.says(3)
  expect(secondOf(me.book.served(0, onInstances()))).toBe(3)
  expect(secondOf(me.book.served(2, onInstances()))).toBe(2)
  expect(secondOf(me.book.served(4, onInstances()))).toBe(1)
  expect(secondOf(me.book.served(32, onInstances()))).toBe(1)
  expect(signersOf(me.book.served(1, onInstances()))).toHaveLength(1)
})

test('alone a node serves its newest, without anybody', () => {
  const { me } = people()
  expect(me.book.served(3, onInstances())).toBeUndefined()
  me.says(1)
  me.says(2)
  const served = me.book.served(3, onInstances())
  expect(secondOf(served)).toBe(2)
  expect(served?.cosignatures).toEqual([])
})

test('instances are counted and not nodes, the own one least of all', () => {
  const { me, others } = people()
  const [bob, carol, dave] = others as [Person, Person, Person]
  me.says(1)
  for (const other of others) me.book.heard(other.id, other.says(1))
  const instances = { [bob.id]: 'one', [carol.id]: 'one', [dave.id]: 'mine', [me.id]: 'mine' }
  const signers = signersOf(me.book.served(4, onInstances(instances)))
  expect(signers).toHaveLength(2)
  expect(signers).not.toContain(dave.id)
  expect(signers.includes(bob.id) && signers.includes(carol.id)).toBe(false)
})

test('who is no member any more co-signs nothing, nor whoever is not known', () => {
  const { me, others } = people()
  const [bob, carol] = others as [Person, Person]
  me.says(1)
  for (const other of [bob, carol]) me.book.heard(other.id, other.says(1))
  const unknown = (node: NodeId): Signatory | undefined =>
    node === bob.id ? undefined : onInstances()(node)
  expect(signersOf(me.book.served(2, unknown))).toEqual([carol.id])
  me.book.forget(carol.id)
  expect(signersOf(me.book.served(2, onInstances()))).toEqual([bob.id])
})

test('a claim under a wrong signature is nobody’s co-signature', () => {
  const { me, others } = people()
  const [bob] = others as [Person]
  me.says(1)
  expect(me.book.heard(bob.id, bob.forges({ signature: new Uint8Array(64).fill(1) }))).toEqual({
    kind: 'noted',
  })
  expect(signersOf(me.book.served(1, onInstances()))).toEqual([])
})

test('two signed checkpoints at one place of a chain are a contradiction, and both are handed out', () => {
  const { me, others } = people()
  const [bob] = others as [Person]
  const [first, second] = [bob.forges({}), bob.forges({}, claimAt(1, 9))]
  expect(me.book.heard(bob.id, first)).toEqual({ kind: 'noted' })
  expect(me.book.heard(bob.id, first)).toEqual({ kind: 'noted' })
  const heard = me.book.heard(bob.id, second)
  expect(heard).toEqual({ kind: 'contradiction', first, second })
  expect(contradicts(checkpointCodec.decode(first), checkpointCodec.decode(second))).toBe(true)
})

test('a contradiction that the author did not sign is none, and does not hide the genuine one', () => {
  const { me, others } = people()
  const [bob] = others as [Person]
  const genuine = bob.forges({})
  const forged = bob.forges({ signature: new Uint8Array(64).fill(1) }, claimAt(1, 9))
  me.book.heard(bob.id, genuine)
  expect(me.book.heard(bob.id, forged)).toEqual({ kind: 'noted' })
  const { me: other } = people()
  other.says(1)
  other.book.heard(bob.id, forged)
  expect(other.book.heard(bob.id, genuine)).toEqual({ kind: 'noted' })
  expect(signersOf(other.book.served(1, onInstances()))).toEqual([bob.id])
  expect(other.book.heard(bob.id, bob.forges({}, claimAt(1, 7)))).toMatchObject({
    kind: 'contradiction',
  })
})

test('what no honest node puts into its beat is its fault', () => {
  const { me, others } = people()
  const [bob, carol] = others as [Person, Person]
  const foreign = new Person('bob', 'cd'.repeat(32) as NetworkId)
  const elsewhere = { ...claimAt(1), network: filled(0xcd) }
  const code = (heard: ReturnType<CheckpointBook['heard']>): string =>
    heard.kind === 'fault' ? heard.code : heard.kind
  expect(code(me.book.heard(bob.id, new Uint8Array(9)))).toBe('CHECKPOINT_MALFORMED')
  expect(code(me.book.heard(bob.id, bob.forges({ claim: Uint8Array.of(1) })))).toBe(
    'CHECKPOINT_MALFORMED',
  )
  expect(code(me.book.heard(bob.id, carol.says(1)))).toBe('CHECKPOINT_OF_ANOTHER')
  expect(code(me.book.heard(bob.id, foreign.forges({}, elsewhere)))).toBe(
    'CHECKPOINT_WRONG_NETWORK',
  )
})
