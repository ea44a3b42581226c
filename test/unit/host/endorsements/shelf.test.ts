import { expect, test } from 'vitest'
import type { Endorsement } from '../../../../src/attestation/endorsements.ts'
import { after, days, hours, milliseconds, minutes } from '../../../../src/base/time.ts'
import { failing } from '../../../fakes/vendor-server.ts'
import { virtualEpoch } from '../../../fakes/virtual-time.ts'
import {
  amd,
  epoch,
  intel,
  names,
  openShelf,
  paths,
  sayInfo,
  server,
  stranger,
  untilAsked,
} from '../../../fixtures/endorsement-shelf.ts'
import { eventually } from '../../../fixtures/patience.ts'
import { intelDocument } from '../../../forge/intel-answers.ts'

const far = after(epoch, days(40))

test.each<[string, () => string]>([
  ['in seconds', () => '3600'],
  ['as a date', () => new Date(virtualEpoch + 3_600_000).toUTCString()],
])('a service that says %s when to come back is not asked before', async (_, text) => {
  server.replies.set(paths.info, failing(429, { 'retry-after': text() }))
  const { time, settled } = openShelf()
  await settled(names.info, 1)
  await time.advance(hours(1))
  expect(server.asked).toHaveLength(1)
  server.replies.set(paths.info, sayInfo())
  await time.advance(minutes(1))
  expect(await settled(names.info, 2)).toHaveLength(2)
})

test('a service that asks for a year of patience is asked again within two days', async () => {
  server.replies.set(paths.info, failing(503, { 'retry-after': '31536000' }))
  const { time, settled } = openShelf({ idleSpan: days(9) })
  await settled(names.info, 1)
  server.replies.set(paths.info, sayInfo())
  await untilAsked(time, 2)
  expect(time.now).toBeGreaterThanOrEqual(hours(24))
  expect(time.now).toBeLessThan(days(2))
  expect(await settled(names.info, 2)).toHaveLength(2)
})

test('failures in a row come ever more seldom, down to one in an hour', async () => {
  server.replies.set(paths.info, failing(500))
  const { time, codes, settled } = openShelf({ idleSpan: days(9) })
  await settled(names.info, 1)
  const gaps: number[] = []
  for (let count = 2; count <= 14; count++) {
    const last = time.now
    await untilAsked(time, count, milliseconds(1_000))
    gaps.push(time.now - last)
    await eventually(() => expect(codes).toHaveLength(count))
  }
  for (const [i, gap] of gaps.entries()) {
    const span = Math.min(hours(1), 5_000 * 2 ** i)
    expect(gap, `gap ${i}`).toBeGreaterThanOrEqual(span / 2)
    expect(gap, `gap ${i}`).toBeLessThanOrEqual(span + 2_000)
  }
})

test('a document is renewed within a day, and the younger one takes its place', async () => {
  const { shelf, time, settled } = openShelf()
  await settled(names.info, 1)
  const before = shelf.take([names.info])
  const younger = intelDocument(intel, { issueDate: epoch, nextUpdate: far })
  server.replies.set(paths.info, sayInfo(younger))
  await untilAsked(time, 2)
  expect(time.now).toBeLessThanOrEqual(hours(24))
  const items = await settled(names.info, 2)
  expect(Buffer.from(items[0]!.bytes)).toEqual(Buffer.from(younger))
  expect(shelf.take([names.info])).not.toBe(before)
})

test('a document that ends soon is renewed before', async () => {
  const nextUpdate = after(epoch, hours(2))
  server.replies.set(paths.info, sayInfo(intelDocument(intel, { nextUpdate })))
  const { time, settled } = openShelf()
  await settled(names.info, 1)
  server.replies.set(paths.info, sayInfo())
  await time.advance(minutes(97))
  expect(server.asked).toHaveLength(2)
  await settled(names.info, 2)
})

test.each<[string, Parameters<typeof intelDocument>[1]]>([
  [
    'of a lower evaluation number, however young',
    { evaluationNumber: 17, issueDate: epoch, nextUpdate: far },
  ],
  ['of the same number and older', { issueDate: after(epoch, days(-2)), nextUpdate: far }],
])('a document %s never takes the place of what is held', async (_, request) => {
  const { shelf, time, codes, settled } = openShelf()
  await settled(names.info, 1)
  const held = shelf.take([names.info])
  server.replies.set(paths.info, sayInfo(intelDocument(intel, request)))
  await untilAsked(time, 2)
  await settled(names.info, 2)
  expect(codes).toEqual(['SOURCE_GOES_BACK'])
  expect(shelf.take([names.info])).toBe(held)
})

test('a document with a huge evaluation number that nobody signed closes the door on nothing', async () => {
  const request = { evaluationNumber: 4_000_000_000, key: stranger.signer.privateKey }
  server.replies.set(paths.info, sayInfo(intelDocument(intel, request)))
  const { time, codes, settled } = openShelf()
  await settled(names.info, 1)
  server.replies.set(paths.info, sayInfo())
  await time.advance(minutes(10))
  expect(await settled(names.info, 2)).toHaveLength(2)
  expect(codes).toEqual(['BAD_ENDORSEMENT'])
})

test('what nobody asks for any more is not renewed for ever', async () => {
  const { shelf, time, settled } = openShelf({ idleSpan: hours(30) })
  await settled(names.info, 1)
  await time.advance(days(5))
  await eventually(() => expect(time.pending).toBe(0))
  expect(server.asked.length).toBeLessThanOrEqual(3)
  expect(shelf.take([names.info]).items).toEqual([])
})

test('strangers with made-up chips do not make this node a nuisance to a vendor', async () => {
  const { shelf, time } = openShelf({ requestsPerSecond: 1, documentsMax: 20 })
  for (let n = 0; n < 200; n++) {
    const made = n.toString(16).padStart(128, '0')
    shelf.take([`certificates vcek Milan ${made} blSPL=04 teeSPL=01 snpSPL=24 ucodeSPL=219`])
  }
  await time.advance(milliseconds(1_000))
  await eventually(() => expect(server.asked.length).toBeGreaterThan(4))
  expect(server.asked.length).toBeLessThanOrEqual(7)
  expect(time.pending).toBeLessThanOrEqual(20)
})

const madeUp = (n: number): string =>
  `certificates vcek Milan ${n.toString(16).padStart(128, '0')} blSPL=04 teeSPL=01 snpSPL=24 ucodeSPL=219`

test('made-up chips push no document out, not even one that nobody was trusted by yet', async () => {
  const { shelf, settled } = openShelf({ documentsMax: 8 })
  expect(await settled(names.info, 1)).toHaveLength(2)
  const held = shelf.take([names.info]).items
  for (let n = 0; n < 300; n++) shelf.take([madeUp(n)])
  expect(shelf.take([names.info]).items).toEqual(held)
})

test('the keys of one chip at versions that nobody runs push nothing out that evidence was trusted by', async () => {
  const { shelf, settled } = openShelf({ documentsMax: 2, requestsPerSecond: 100 })
  expect(await settled(names.info, 1)).toHaveLength(2)
  shelf.vouch([names.info])
  for (let n = 0; n < 20; n++) {
    const other = `tcb-info tdx ${n.toString(16).padStart(12, '0')}`
    server.replies.set(
      `/tdx/certification/v4/tcb?fmspc=${n.toString(16).padStart(12, '0')}`,
      sayInfo(intelDocument(intel, { fmspc: n.toString(16).padStart(12, '0') })),
    )
    expect(await settled(other, n + 2)).toHaveLength(2)
  }
  expect(shelf.take([names.info]).items).toHaveLength(2)
})

test('whoever listens hears of each document that came, until it has had enough', async () => {
  const { shelf, settled } = openShelf()
  let heard = 0
  const end = shelf.onArrival(() => heard++)
  await settled(names.info, 1)
  expect(heard).toBe(1)
  await settled(names.identity, 2)
  expect(heard).toBe(1)
  end()
  end()
})

/** A shelf whose service fails, so that only others can bring what it lacks. */
async function failingShelf() {
  server.replies.set(paths.info, failing(500))
  const opened = openShelf()
  expect(await opened.settled(names.info, 1)).toEqual([])
  expect(opened.shelf.lacks(names.info)).toBe(true)
  return opened
}

const offered = (document: Uint8Array, chain = intel.tcbChain): readonly Endorsement[] => [
  { kind: 'tcb-info', bytes: document },
  { kind: 'certificates', bytes: Buffer.from(chain) },
]

test('a document that somebody else brings is kept as its vendor’s own answer would be, and handed on', async () => {
  const { shelf } = await failingShelf()
  let heard = 0
  shelf.onArrival(() => heard++)
  expect(shelf.held(names.info)).toBeUndefined()
  expect(shelf.offer(names.info, offered(intelDocument(intel)))).toBe(true)
  expect(shelf.take([names.info]).items).toHaveLength(2)
  expect(shelf.held(names.info)).toEqual(shelf.take([names.info]).items)
  expect(heard).toBe(1)
  expect(shelf.lacks(names.info)).toBe(false)
})

const over = after(epoch, -1 as never)
test.each<[string, () => readonly Endorsement[]]>([
  ['of garbage', () => offered(Buffer.from('{}'))],
  ['of nothing', () => []],
  ['that another root signed', () => offered(intelDocument(stranger), stranger.tcbChain)],
  ['under a good chain that did not sign it', () => offered(intelDocument(stranger))],
  ['that is over', () => offered(intelDocument(intel, { nextUpdate: over }))],
  ['of another model', () => offered(intelDocument(intel, { fmspc: '000000000000' }))],
])('an offer %s is not kept, and what is lacking stays so', async (_, items) => {
  const { shelf } = await failingShelf()
  expect(shelf.offer(names.info, items())).toBe(false)
  expect(shelf.lacks(names.info)).toBe(true)
  expect(shelf.take([names.info]).items).toEqual([])
})

test('nobody brings what was not asked for, what is at hand, or the key of a chip, which does not prove itself', async () => {
  const { shelf, settled } = openShelf()
  expect(shelf.offer(names.info, offered(intelDocument(intel)))).toBe(false)
  await settled(names.info, 1)
  expect(shelf.lacks(names.info)).toBe(false)
  const younger = intelDocument(intel, { issueDate: epoch, evaluationNumber: 19 })
  expect(shelf.offer(names.info, offered(younger))).toBe(false)
  await settled(names.key, 2)
  expect(shelf.lacks(names.key)).toBe(false)
  expect(shelf.offer(names.key, [{ kind: 'certificates', bytes: amd.ask }])).toBe(false)
})

test('a stopped shelf asks nobody and keeps no timer', async () => {
  const { shelf, time, settled } = openShelf()
  await settled(names.info, 1)
  shelf.stop()
  shelf.stop()
  expect(time.pending).toBe(0)
  expect(shelf.take([names.identity]).items).toEqual([])
  await time.advance(days(2))
  expect(server.asked).toEqual([paths.info])
})
