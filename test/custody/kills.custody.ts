/** One real SIGKILL in each ceremony of the quorum key, and two ceremonies at once: it goes on or ends cleanly, with one key for a name. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NodeSlot } from '../../testnet/network.ts'
import { ask, Circle, phaseOf } from '../fixtures/circle.ts'
import { until } from '../fixtures/patience.ts'

let circle: Circle

beforeAll(async () => {
  circle = await Circle.open(3)
})
afterAll(() => circle.close())

/** A fresh process in this place, with keys of its own and no part in any ceremony. */
async function reborn(slot: NodeSlot): Promise<void> {
  if (circle.network.testnet.isRunning(slot)) await circle.network.testnet.killNode(slot)
  await circle.network.testnet.startNode(slot)
  const isActive = async () => (await slot.api.status()).phase === 'active'
  await until(() => isActive().catch(() => false))
  expect(await phaseOf(slot)).toBe('WaitingForBootInstruction')
}

test('a node killed in its genesis leaves nothing that counts, and the next genesis of that name is the one', async () => {
  const { testnet } = circle.network
  const slot = testnet.slot(0)
  const request = circle.requestFor('killed-genesis')
  const asked = ask(slot, '/enclave/genesis-boot', request).catch(() => undefined)
  // The request is on its way; how far the node comes is up to the machine.
  await new Promise(resolve => setImmediate(resolve))
  await testnet.killNode(slot)
  const lost = await asked
  await reborn(slot)
  const { status, json } = await ask(slot, '/enclave/genesis-boot', request)
  expect(status).toBe(200)
  const file = circle.save('genesis.json', json)
  const shares = [await circle.share(1, file), await circle.share(2, file)]
  // If the answer of the dead node did come, nobody approves its key any more.
  if (lost?.status === 200) {
    const dead = circle.save('dead.json', lost.json)
    expect(await circle.share(1, dead)).toBe('SECOND_QUORUM_KEY')
  }
  const done = await circle.inject(slot, 'killed-genesis', shares)
  expect(done.json).toMatchObject({ reconstructed_quorum_key: json.quorum_public_key, refused: [] })
})

test('a node killed between two shares has nothing of the first; the holders bring the same key to the next one', async () => {
  const { testnet } = circle.network
  const slot = testnet.slot(0)
  await reborn(slot)
  const name = 'killed-injection'
  const genesis = await ask(slot, '/enclave/genesis-boot', circle.requestFor(name))
  const file = circle.save('genesis.json', genesis.json)
  const first = await circle.share(1, file)
  const { json } = await circle.inject(slot, name, [first])
  expect(json).toEqual({ reconstructed_quorum_key: null, success: true, refused: [] })
  await reborn(slot)
  expect((await circle.inject(slot, name, [first])).json.code).toBe('WRONG_PHASE')
  const manifest_envelope = await circle.envelope(file)
  const booted = await ask(slot, '/enclave/boot-standard', { manifest_envelope })
  expect(booted.status).toBe(200)
  const late = await circle.inject(slot, name, [first, await circle.share(2, file)])
  expect(late.json.refused.map(({ code }: { code: string }) => code)).toEqual([
    'SHARE_FOR_ANOTHER_NODE',
    'SHARE_FOR_ANOTHER_NODE',
  ])
  const target = await circle.target(slot)
  const shares = [await circle.share(1, file, target), await circle.share(2, file, target)]
  const done = await circle.inject(slot, name, shares)
  expect(done.json).toMatchObject({
    reconstructed_quorum_key: genesis.json.quorum_public_key,
    refused: [],
  })
  const again = await ask(slot, '/enclave/genesis-boot', circle.requestFor(name))
  expect(again.json.code).toBe('WRONG_PHASE')
})

test('receiver and sender killed while a key goes on: who lives has the whole key or waits for it, and gets it', async () => {
  const { testnet } = circle.network
  const [first, second, third] = [testnet.slot(0), testnet.slot(1), testnet.slot(2)]
  const { json: info } = await ask(first, '/enclave/info')
  expect(info.phase).toBe('ApplicationReady')
  const manifest_envelope = await circle.envelope(circle.path('genesis.json'))
  // The receiver dies right after it was told what to ask for.
  await ask(second, '/enclave/share-manifest', { manifest_envelope })
  await reborn(second)
  await ask(second, '/enclave/share-manifest', { manifest_envelope })
  await until(async () => (await phaseOf(second)) === 'ApplicationReady')
  // The sender dies while another asks; whoever else holds the key hands it on.
  const told = ask(third, '/enclave/share-manifest', { manifest_envelope })
  await testnet.killNode(first)
  await told
  await until(async () => (await phaseOf(third)) === 'ApplicationReady')
  for (const slot of [second, third]) {
    const { json } = await ask(slot, '/enclave/info')
    expect(json.quorum_public_key).toEqual(info.quorum_public_key)
  }
  await reborn(first)
})

test('of two geneses at once under one name and nonce, the tools of holders bring one key to life', async () => {
  const { testnet } = circle.network
  const [one, two] = [testnet.slot(0), testnet.slot(1)]
  for (const slot of [one, two]) await reborn(slot)
  const name = 'two-at-once'
  const made = await Promise.all(
    [one, two].map(slot => ask(slot, '/enclave/genesis-boot', circle.requestFor(name))),
  )
  expect(made.map(({ status }) => status)).toEqual([200, 200])
  const [a = '', b = ''] = made.map(({ json }, i) => circle.save(`genesis-${i}.json`, json))
  // Each host has its own first holder; the third sees both.
  const ofOne = [await circle.share(1, a), await circle.share(3, a)]
  const ofTwo = [await circle.share(2, b), await circle.share(1, b), await circle.share(3, b)]
  expect(ofTwo.slice(1)).toEqual(['SECOND_QUORUM_KEY', 'SECOND_QUORUM_KEY'])
  expect(await circle.approve(2, a)).toBe('SECOND_QUORUM_KEY')
  expect(await circle.approve(3, b)).toBe('SECOND_QUORUM_KEY')
  const living = await circle.inject(one, name, ofOne)
  expect(living.json.reconstructed_quorum_key).toEqual(made[0]?.json.quorum_public_key)
  const waiting = await circle.inject(two, name, ofTwo.slice(0, 1))
  expect(waiting.json.reconstructed_quorum_key).toBeNull()
  expect(await phaseOf(two)).toBe('WaitingForQuorumShards')
})
