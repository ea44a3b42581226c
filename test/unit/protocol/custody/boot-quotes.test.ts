import { beforeEach, expect, test } from 'vitest'
import { bootAttestationCodec } from '../../../../src/wire/custody.ts'
import { attestationOf, genesisAt } from '../../../fakes/custody-stages.ts'
import { CustodyWorld, type WorldNode } from '../../../fakes/custody-world.ts'

let world: CustodyWorld
let node: WorldNode

beforeEach(async () => {
  world = new CustodyWorld()
  node = world.boot('one')
  await genesisAt(world, node)
})

const quotes = (): number => node.log.filter(({ kind }) => kind === 'quote').length
const attest = { kind: 'attestBoot' } as const

test('one quote serves all who ask for ten minutes, and then there is a new one', async () => {
  const made = quotes()
  const requests = [1, 2, 3].map(() => world.begin(node, attest))
  await world.run()
  const [first, ...others] = requests.map(request => world.outcome(request))
  expect(first).toMatchObject({ kind: 'attestation' })
  for (const other of others) expect(other).toEqual(first)
  await attestationOf(world, node)
  expect(quotes()).toBe(made + 1)
  await world.pass(10 * 60_000)
  await attestationOf(world, node)
  expect(quotes()).toBe(made + 2)
})

test('whoever waits for a quote hears in time, and the TEE is left alone for a moment', async () => {
  world.fate = (_, { kind }) => (kind === 'quote' ? 'lose' : 'pass')
  const request = world.begin(node, attest)
  await world.run()
  expect(world.outcome(request)).toBeUndefined()
  await world.pass(30_000)
  expect(world.outcome(request)).toMatchObject({
    code: 'QUOTE_FAILED',
    facts: { cause: 'TIMEOUT' },
  })
  const made = quotes()
  expect(await world.call(node, attest)).toMatchObject({
    code: 'QUOTE_FAILED',
    facts: { cause: 'RESTING' },
  })
  expect(quotes()).toBe(made)
  world.fate = () => 'pass'
  await world.pass(6000)
  expect(await world.call(node, attest)).toMatchObject({ kind: 'attestation' })
})

test('it shows the keys and the evidence that this node has now', async () => {
  const shown = bootAttestationCodec.decode(await attestationOf(world, node))
  expect(shown.record).toEqual(node.record)
})

test('more requests at once than there may be are refused, and the others are answered', async () => {
  world.fate = (_, { kind }) => (kind === 'quote' ? 'lose' : 'pass')
  const requests = Array.from({ length: 40 }, () => world.begin(node, attest))
  await world.run()
  const refused = requests.filter(request => world.outcome(request) !== undefined)
  expect(refused).toHaveLength(8)
  for (const request of refused) expect(world.outcome(request)).toMatchObject({ code: 'BUSY' })
  await world.pass(31_000)
  expect(requests.every(request => world.outcome(request) !== undefined)).toBe(true)
})
