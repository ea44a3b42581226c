import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { appraise } from '../../../src/attestation/appraise.ts'
import type { Endorsement, Endorsements } from '../../../src/attestation/endorsements.ts'
import type { Verdict } from '../../../src/attestation/verdict.ts'
import { nodeIdOfKey } from '../../../src/base/ids.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { amdEndorser } from '../../../src/host/endorsements/amd.ts'
import { RenewedShelf } from '../../../src/host/endorsements/shelf.ts'
import { Endorsed } from '../../../src/node/endorsed.ts'
import { seededRandom } from '../../fakes/beat-network.ts'
import { saying, startVendorServer } from '../../fakes/vendor-server.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'
import { epoch } from '../../fixtures/network.ts'
import { eventually } from '../../fixtures/patience.ts'
import { snpPolicy } from '../../fixtures/sev-snp.ts'
import { makeSnpAuthority, snpCrl, snpEvidence } from '../../forge/sev-snp.ts'

const node = nodeIdOfKey(new Uint8Array(32).fill(1))
const other = nodeIdOfKey(new Uint8Array(32).fill(2))
const authority = makeSnpAuthority(epoch)
const reportData = new Uint8Array(64).fill(7)
const { report, certificate } = snpEvidence(authority, { reportData })
const policy = snpPolicy(authority)
const judgeReport = (endorsements: Endorsements): Verdict =>
  appraise({
    evidence: { platform: 'sev-snp', body: report },
    expectedReportData: reportData,
    ...{ endorsements, policy, now: epoch },
  })

const server = await startVendorServer()
afterAll(() => server.stop())

test('a report without a single certificate is trusted once the vendor has given what it needs', async () => {
  server.replies.set('/vcek/v1/Milan/crl', saying('application/pkix-crl', snpCrl(authority)))
  server.replies.set('/vcek/v1/Milan/cert_chain', saying('text/plain', asPem(authority.ask)))
  const time = new VirtualTime()
  const shelf = new RenewedShelf({
    endorsers: [amdEndorser({ base: server.base, anchors: [authority.rootKey] })],
    ...{ standing: [], disk: null, clock: time.clock, timers: time.timers },
    ...{ random: seededRandom(3), log: silentLogger },
  })
  onTestFinished(() => shelf.stop())
  const endorsed = new Endorsed(shelf)
  expect(endorsed.judge(node, judgeReport).kind).toBe('undetermined')
  await eventually(() => expect(server.asked).toHaveLength(1))
  const [key = ''] = server.asked
  expect(key).toMatch(/^\/vcek\/v1\/Milan\/[0-9a-f]{128}\?blSPL=/)
  expect(endorsed.judge(node, judgeReport).kind).toBe('undetermined')
  server.replies.set(key, saying('application/octet-stream', certificate))
  await eventually(async () => {
    await time.advance(60_000)
    expect(endorsed.judge(node, judgeReport).kind).toBe('trusted')
  })
  const asked = server.asked.length
  // What this node's evidence needs is known from now on: one appraisal, and no further question.
  const judge = vi.fn(judgeReport)
  expect(endorsed.judge(node, judge).kind).toBe('trusted')
  expect(judge).toHaveBeenCalledTimes(1)
  expect(server.asked).toHaveLength(asked)
})

const asPem = (der: Uint8Array): string => {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

const document = (name: string): Endorsement => ({ kind: 'crl', bytes: Buffer.from(name) })
const trusted = { kind: 'trusted' } as Verdict
const undetermined = (...missing: string[]): Verdict => ({ kind: 'undetermined', missing })

/** A shelf that has everything but what it lacks. */
function shelfWith(lacks: readonly string[] = []) {
  const taken: (readonly string[])[] = []
  const take = (names: readonly string[]): Endorsements => {
    taken.push(names)
    return { items: names.filter(name => !lacks.includes(name)).map(document) }
  }
  const vouched: (readonly string[])[] = []
  const vouch = (names: readonly string[]): void => void vouched.push(names)
  const [held, onArrival, stop] = [() => undefined, () => () => undefined, () => undefined]
  const shelf = { take, vouch, held, lacks: () => false, offer: () => false, onArrival, stop }
  return { taken, vouched, shelf }
}

const needing =
  (...names: string[]) =>
  ({ items }: Endorsements): Verdict => {
    const has = new Set(items.map(({ bytes }) => Buffer.from(bytes).toString()))
    const missing = names.find(name => !has.has(name))
    return missing === undefined ? trusted : undetermined(`${missing}: absent`)
  }

test('needs that show one after the other are met in one judgement, and remembered for this node alone', () => {
  const { shelf, taken, vouched } = shelfWith()
  const endorsed = new Endorsed(shelf)
  expect(endorsed.judge(node, needing('a', 'b', 'c'))).toBe(trusted)
  expect(vouched).toEqual([['a', 'b', 'c']])
  expect(taken).toEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']])
  expect(endorsed.judge(node, needing('c'))).toBe(trusted)
  expect(taken.at(-1)).toEqual(['a', 'b', 'c'])
  expect(taken).toHaveLength(5)
  endorsed.judge(other, () => trusted)
  expect(taken.at(-1)).toEqual([])
})

test('what nobody has leaves the verdict undetermined, and ends', () => {
  const { shelf, taken, vouched } = shelfWith(['b'])
  expect(new Endorsed(shelf).judge(node, needing('a', 'b'))).toEqual(undetermined('b: absent'))
  expect(vouched).toEqual([])
  expect(taken).toHaveLength(3)
})

test('a verdict that never has enough ends at a bound', () => {
  const { shelf, taken } = shelfWith()
  let count = 0
  const verdict = new Endorsed(shelf).judge(node, () => undetermined(`${count++}`))
  expect(verdict.kind).toBe('undetermined')
  expect(taken).toHaveLength(13)
})

test('a refusal is not argued with', () => {
  const { shelf, taken } = shelfWith()
  const refused: Verdict = { kind: 'refused', code: 'X', facts: {} }
  expect(new Endorsed(shelf).judge(node, () => refused)).toBe(refused)
  expect(taken).toHaveLength(1)
})

test('without a shelf, evidence is judged once and with nothing', () => {
  const judge = vi.fn(needing('a'))
  expect(new Endorsed(undefined).judge(node, judge).kind).toBe('undetermined')
  expect(judge).toHaveBeenCalledTimes(1)
})
