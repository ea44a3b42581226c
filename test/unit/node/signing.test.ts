/** Threshold signing in whole nodes over a fake network: keys are made together, used by any member and handed on. */
import { createPublicKey, verify } from 'node:crypto'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { concatBytes, fromHex, toHex, utf8 } from '../../../src/base/bytes.ts'
import type { Digest } from '../../../src/base/ids.ts'
import type { Secret } from '../../../src/base/secret.ts'
import { milliseconds, seconds } from '../../../src/base/time.ts'
import { sha256 } from '../../../src/crypto/hash.ts'
import type { CoterieNode, NodeEvent } from '../../../src/node/handle.ts'
import type { GroupRequest, GroupSignature, GroupView } from '../../../src/node/signing-api.ts'
import { KeyShare } from '../../../src/protocol/custody/signing/key-share.ts'
import { NonceStore } from '../../../src/protocol/custody/signing/nonce-store.ts'
import { lockId, messageHash } from '../../../src/wire/threshold-signing.ts'
import { type SimulatedNode, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const code = (error: { code: string }): string => error.code
const terms: GroupRequest = { suite: 'ed25519', threshold: 2, locks: true, purpose: 'a test' }
const message = utf8('pay nobody')
const lock = utf8('round 1')

/** As somebody else verifies it: SPKI of an Ed25519 key is 12 bytes and the key. */
function holds({ signature, publicKey }: GroupSignature, signed = message): boolean {
  const prefix = fromHex('302a300506032b6570032100') ?? new Uint8Array()
  const key = createPublicKey({
    key: Buffer.from(concatBytes(prefix, publicKey)),
    format: 'der',
    type: 'spki',
  })
  return verify(null, signed, key, signature)
}

/** A network of `count` nodes. */
async function started(seed: number, count: number): Promise<readonly SimulatedNode[]> {
  simulation = new Simulation(seed)
  return await simulation.startNetwork(count)
}

const made = (node: CoterieNode, request: Partial<GroupRequest> = {}) =>
  simulation.settle(node.signing.makeGroup({ ...terms, ...request }))
const signed = (node: CoterieNode, group: Digest, given = {}) =>
  simulation.settle(node.sign({ group, message, lock, ...given }))

/** What a node noted so far of these kinds. */
async function noted({ node }: SimulatedNode, kind: string): Promise<readonly NodeEvent[]> {
  const found: NodeEvent[] = []
  const ended = new AbortController()
  const events = node.events(ended.signal)
  setImmediate(() => ended.abort())
  for await (const event of events) if (event.kind === kind) found.push(event)
  return found
}

test('a key is made by all and used by two of three, for whoever of the members asks', async () => {
  const [a, b, c, d] = await started(1, 4)
  if (!a || !b || !c || !d) throw new Error('four nodes were started')
  const signers = [a, b, c].map(({ node }) => node.id)
  const group = await made(a.node, { signers })
  expect(group).toMatchObject({ epoch: 1, threshold: 2, locks: true, isSigner: true })
  expect(group.signers.map(({ node }) => node)).toEqual(signers)
  const first = await signed(a.node, group.group)
  expect(holds(first)).toBe(true)
  expect(d.node.signing.groups()).toEqual([])
  const { publicKey } = group
  const second = await signed(d.node, group.group, {
    lock: utf8('round 2'),
    publicKey,
    caller: 'wallet',
  })
  expect([holds(second), second.publicKey]).toEqual([true, publicKey])
  expect(d.node.signing.groups()).toMatchObject([{ isSigner: false, purpose: null }])
  const other = { publicKey: publicKey.map(byte => byte ^ 1) }
  expect(await signed(d.node, group.group, other).catch(code)).toBe('KEY_DIFFERS')
  const facts = { group: group.group, suite: 'ed25519', epoch: 1 }
  expect(await noted(b, 'signing-group')).toMatchObject([
    { facts: { ...facts, purpose: 'a test' } },
  ])
  const signatures = await noted(d, 'signing-made')
  expect(signatures).toMatchObject([
    { facts: { caller: 'wallet', signature: toHex(sha256(second.signature)) } },
  ])
  const locked = await noted(c, 'signing-locked')
  expect(locked).toMatchObject([{ facts: { ...facts, given: 1 } }, { facts: { given: 2 } }])
  // Hosts read events: no hash of what was signed, nor of its lock, which they could try guesses on.
  const told = JSON.stringify([...signatures, ...locked, ...(await noted(c, 'signing-made'))])
  expect(told).toContain(group.group)
  const network = fromHex(a.node.network) ?? new Uint8Array()
  const guesses = [
    sha256(message),
    messageHash(message),
    sha256(lock),
    lockId({ network, publicKey }, lock),
  ]
  for (const guess of guesses) expect(told).not.toContain(toHex(guess))
})

test('of two messages under one lock the second is refused, and both are told why', async () => {
  const [a, , c] = await started(2, 3)
  if (!a || !c) throw new Error('three nodes were started')
  const { group } = await made(a.node)
  expect(holds(await signed(a.node, group))).toBe(true)
  const other = c.node.sign({ group, message: utf8('pay me'), lock, caller: 'wallet' })
  await expect(simulation.settle(other)).rejects.toMatchObject({
    code: 'LOCKED_OTHERWISE',
    next: expect.stringContaining('never moves'),
  })
  expect(await noted(c, 'signing-failed')).toMatchObject([
    { facts: { group, caller: 'wallet', code: 'LOCKED_OTHERWISE' } },
  ])
  expect(holds(await signed(c.node, group))).toBe(true)
  const bare = a.node.sign({ group, message })
  expect(await simulation.settle(bare.catch(code))).toBe('LOCK_WANTED')
})

test('a key outlives a signer, and goes to others under the same public key', async () => {
  const [a, b, c, d, e] = await started(3, 5)
  if (!a || !b || !c || !d || !e) throw new Error('five nodes were started')
  const signers = [a, b, c].map(({ node }) => node.id)
  const old = await made(a.node, { signers })
  await signed(e.node, old.group)
  await c.crash()
  expect(holds(await signed(e.node, old.group))).toBe(true)
  const after = [a, b, d].map(({ node }) => node.id)
  const handed = a.node.signing.reshare(old.group, { signers: after, threshold: 2 })
  const group = await simulation.settle(handed)
  expect(group).toMatchObject({ epoch: 2, publicKey: old.publicKey })
  expect(group.group).not.toBe(old.group)
  // By its old name, at a node that nobody told.
  const later = await signed(e.node, old.group)
  expect([holds(later), later.group, later.epoch]).toEqual([true, group.group, 2])
  const moved = e.node.sign({ group: group.group, message: utf8('pay me'), lock })
  expect(await simulation.settle(moved.catch(code))).toBe('LOCKED_OTHERWISE')
  expect(e.node.signing.groups().map(({ epoch }) => epoch)).toEqual([2])
})

test('whoever is silent in a ceremony is named, nothing is kept, and the next try makes a key', async () => {
  const [a, b, c] = await started(4, 3)
  if (!a || !b || !c) throw new Error('three nodes were started')
  let hasJoined = false
  const joins = (): boolean => {
    hasJoined = true
    return true
  }
  c.node.signing.setPolicy({ signs: () => true, joins })
  const making = a.node.signing.makeGroup(terms)
  const failed = expect(making).rejects.toMatchObject({
    code: 'SILENT',
    message: expect.stringContaining(c.node.id),
  })
  await simulation.until(() => hasJoined)
  await simulation.time.advance(milliseconds(1))
  simulation.network.stall(c.node.id, a.node.id)
  simulation.network.stall(c.node.id, b.node.id)
  await simulation.settle(failed)
  expect(a.node.signing.groups()).toEqual([])
  expect(await noted(a, 'signing-failed')).toMatchObject([
    { facts: { code: 'SILENT', accused: c.node.id } },
  ])
  simulation.network.heal()
  await simulation.time.advance(seconds(20))
  const { group } = await made(a.node)
  expect(holds(await signed(b.node, group))).toBe(true)
})

test('what a node takes part in and signs is what its application says', async () => {
  const [a, b] = await started(5, 3)
  if (!a || !b) throw new Error('three nodes were started')
  b.node.signing.setPolicy({ signs: () => true, joins: () => false })
  await expect(simulation.settle(a.node.signing.makeGroup(terms))).rejects.toMatchObject({
    code: 'NOT_PERMITTED',
    message: expect.stringContaining(b.node.id),
  })
  b.node.signing.setPolicy({
    signs: ({ message: asked }) => asked.length < 100,
    joins: ({ purpose }) => purpose === 'a test',
  })
  const { group } = await made(a.node, { threshold: 3 })
  const long = { message: new Uint8Array(100) }
  expect(await signed(a.node, group, long).catch(code)).toBe('NOT_PERMITTED')
  expect(holds(await signed(a.node, group, { lock: utf8('round 2') }))).toBe(true)
  const throws = (): boolean => {
    throw new Error('of the application')
  }
  b.node.signing.setPolicy({ signs: throws, joins: throws })
  const unjudged = { lock: utf8('round 3') }
  expect(await signed(a.node, group, unjudged).catch(code)).toBe('NOT_PERMITTED')
  let before: GroupView | null = null
  b.node.signing.setPolicy({
    signs: () => true,
    joins: ({ predecessor }) => {
      before = predecessor
      return false
    },
  })
  const signers = [a, b].map(({ node }) => node.id)
  const handed = a.node.signing.reshare(group, { signers, threshold: 2 })
  expect(await simulation.settle(handed.catch(code))).toBe('NOT_PERMITTED')
  expect(before).toMatchObject({ group, purpose: 'a test', isSigner: true })
})

test('shares and nonces are wiped when their nodes stop, and whoever waits is told', async () => {
  const [a, b] = await started(6, 3)
  if (!a || !b) throw new Error('three nodes were started')
  const seen = new Set<Secret>()
  const { use } = KeyShare.prototype
  const { keep } = NonceStore.prototype
  onTestFinished(() => {
    KeyShare.prototype.use = use
    NonceStore.prototype.keep = keep
  })
  KeyShare.prototype.use = function <T>(this: KeyShare, action: (share: Secret) => T): T {
    return use.call(this, share => {
      seen.add(share)
      return action(share)
    }) as T
  }
  NonceStore.prototype.keep = function (this: NonceStore, ...given) {
    seen.add(given[1].secret)
    return keep.apply(this, given)
  }
  const { group } = await made(a.node)
  await signed(b.node, group)
  const stalled = [...seen].filter(({ isWiped }) => !isWiped)
  // Three shares, and all pairs of nonces but those two that signed.
  expect(stalled.length).toBeGreaterThan(3)
  const making = a.node.signing.makeGroup(terms).catch(code)
  const signing = b.node.sign({ group, message: utf8('never'), lock: utf8('late') }).catch(code)
  await simulation.settle(Promise.all([a.node.stop(), b.node.stop()]))
  await simulation.stop()
  expect([await making, await signing]).toEqual(['STOPPING', 'STOPPING'])
  expect([...seen].filter(({ isWiped }) => !isWiped)).toEqual([])
  expect(() => a.node.signing).toThrow(expect.objectContaining({ code: 'STOPPING' }))
})
