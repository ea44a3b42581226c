/** Keys held by threshold on real nodes: made, used and handed on while signers are killed. */
import { createPublicKey, verify } from 'node:crypto'
import { schnorr } from '@noble/curves/secp256k1.js'
import { base58 } from '@scure/base'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient } from '../../src/api/client.ts'
import type { Answer } from '../../src/api/contract.ts'
import { concatBytes, fromHex, utf8 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/crypto/hash.ts'
import { coterie } from '../fixtures/command-line.ts'
import { openTestnet } from '../fixtures/testnet.ts'

type Group = Answer<'makeGroup'>
type Signed = Answer<'signByGroup'>

let net: Awaited<ReturnType<typeof openTestnet>>
beforeAll(async () => {
  net = await openTestnet(5)
})
afterAll(() => net.close())

const slot = (place: number) => {
  const found = net.testnet.slots()[place - 1]
  if (found === undefined) throw new Error(`node ${place} was started`)
  return found
}
const urlOf = (place: number): string => `http://127.0.0.1:${slot(place).httpPort}`
const at = (place: number): ApiClient => new ApiClient({ url: urlOf(place) })
const idOf = async (place: number): Promise<string> => (await at(place).status()).node
const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array()

/** As somebody else verifies it: SPKI of an Ed25519 key is 12 bytes and the key. */
function holds({ signature, publicKey }: Signed, message: Uint8Array): boolean {
  const der = Buffer.from(concatBytes(bytes('302a300506032b6570032100'), bytes(publicKey)))
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return verify(null, message, key, bytes(signature))
}

async function run<T>(...args: readonly string[]): Promise<T> {
  const { code, out, err } = await coterie([...args, '--json'])
  expect([code, err]).toEqual([0, expect.any(String)])
  return JSON.parse(out)
}

/** Kills a node at once when it takes part in a ceremony. */
async function killInCeremony(place: number): Promise<void> {
  const watching = new AbortController()
  const began = new Date().toISOString()
  for await (const { kind, at: when } of at(place).events(watching.signal)) {
    if (kind === 'signing-ceremony' && when >= began) break
  }
  await net.testnet.killNode(slot(place))
}

/** A transfer of lamports as a legacy Solana message: header, accounts, blockhash, one instruction of the system program. */
function transfer(from: Uint8Array, to: Uint8Array, lamports: bigint): Uint8Array {
  const amount = new DataView(new ArrayBuffer(12))
  amount.setUint32(0, 2, true)
  amount.setBigUint64(4, lamports, true)
  const header = Uint8Array.of(1, 0, 1)
  const accounts = concatBytes(Uint8Array.of(3), from, to, new Uint8Array(32))
  const blockhash = sha256(utf8('a recent block'))
  const instruction = concatBytes(
    Uint8Array.of(1, 2, 2, 0, 1, amount.byteLength),
    new Uint8Array(amount.buffer),
  )
  return concatBytes(header, accounts, blockhash, instruction)
}

let group: Group

test('three of five sign for any node, by commands and over HTTP, and others verify it', async () => {
  const create = ['signing', 'create', '--threshold', '3', '--locks', '--purpose', 'payouts']
  group = await run<Group>(...create, '--url', urlOf(1))
  expect([group.threshold, group.signers.length]).toEqual([3, 5])
  for (const place of [1, 2, 3, 4, 5]) {
    const message = `payment ${place}`
    const args = ['sign', group.group, message, '--lock', message, '--key', group.publicKey]
    const made = await run<Signed>(...args, '--url', urlOf(place))
    expect([holds(made, utf8(message)), made.publicKey]).toEqual([true, group.publicKey])
  }
  const other = await coterie(['sign', group.group, 'x', '--lock', 'payment 1', '--url', urlOf(2)])
  expect([other.code, other.err]).toEqual([2, expect.stringContaining('LOCKED_OTHERWISE')])
  const key = bytes(group.publicKey)
  const message = transfer(key, sha256(utf8('somebody')), 5_000n)
  const base64 = Buffer.from(message).toString('base64')
  const lock = { text: `spend from ${base58.encode(key)}, block 1` }
  const made = await at(3).signByGroup(group.group, { message: { base64 }, lock })
  expect(holds(made, message)).toBe(true)
})

test('a key of Taproot signs as BIP-340 has it', async () => {
  const signers = await Promise.all([1, 2, 3].map(idOf))
  const terms = { suite: 'secp256k1-taproot', threshold: 2, locks: false, signers } as const
  const made = await at(1).makeGroup(terms)
  const { signature } = await at(5).signByGroup(made.group, { message: { text: 'spend' } })
  expect(schnorr.verify(bytes(signature), utf8('spend'), bytes(made.publicKey).slice(1))).toBe(true)
})

test('a signer is killed among requests, all are answered, and the living go on under the same key', async () => {
  const asked = Array.from({ length: 24 }, async (_, i) => {
    const lock = { text: `request ${i}` }
    // One after another by sets of eight, so that some are under way at every moment.
    const made = await at(1 + (i % 4)).signByGroup(group.group, { message: lock, lock })
    return holds(made, utf8(lock.text))
  })
  await Promise.race(asked)
  await net.testnet.killNode(slot(5))
  expect(new Set(await Promise.all(asked))).toEqual(new Set([true]))
  const late = { text: 'after the death' }
  const made = await at(2).signByGroup(group.group, { message: late, lock: late })
  expect(holds(made, utf8(late.text))).toBe(true)

  const living = (await Promise.all([1, 2, 3, 4].map(idOf))).join(',')
  const args = ['signing', 'reshare', group.group, '--signers', living, '--url', urlOf(1)]
  const next = await run<Group>(...args)
  expect(next).toMatchObject({ epoch: 2, threshold: 3, publicKey: group.publicKey })
  for (const place of [1, 4]) {
    const lock = { text: `epoch 2, node ${place}` }
    const later = await at(place).signByGroup(group.group, { message: lock, lock })
    expect([holds(later, utf8(lock.text)), later.epoch]).toEqual([true, 2])
  }
  const taken = at(4).signByGroup(next.group, {
    message: { text: 'y' },
    lock: { text: 'request 1' },
  })
  await expect(taken).rejects.toMatchObject({ code: 'LOCKED_OTHERWISE' })
})

test('a node that is killed while a key is made is named, and the next try makes one', async () => {
  const signers = await Promise.all([1, 2, 3, 4].map(idOf))
  // Without this one nothing is made, however long the other takes to die.
  net.testnet.freezeNode(slot(3), true)
  const killed = killInCeremony(4)
  const terms = { suite: 'ed25519', threshold: 2, locks: false } as const
  const making = at(1).makeGroup({ ...terms, signers })
  const failed = expect(making).rejects.toMatchObject({
    code: expect.stringMatching(/^(SILENT|PARTICIPANT_UNREACHABLE)$/),
    message: expect.stringContaining(signers[3] ?? ''),
  })
  await killed
  net.testnet.freezeNode(slot(3), false)
  await failed
  group = await at(1).makeGroup({ ...terms, signers: signers.slice(0, 3) })
  const made = await at(2).signByGroup(group.group, { message: { text: 'again' } })
  expect(holds(made, utf8('again'))).toBe(true)
})

test('a node that is killed while a key is handed on takes it from nobody: the old epoch signs, or the new', async () => {
  const signers = await Promise.all([1, 2, 3].map(idOf))
  const killed = killInCeremony(3)
  const handed = at(1)
    .reshareGroup(group.group, { signers, threshold: 2 })
    .then(
      ({ epoch }) => epoch,
      () => 1,
    )
  await killed
  const epoch = await handed
  const made = await at(2).signByGroup(group.group, { message: { text: 'still here' } })
  expect([holds(made, utf8('still here')), made.publicKey]).toEqual([true, group.publicKey])
  expect(made.epoch).toBeGreaterThanOrEqual(epoch)
})
