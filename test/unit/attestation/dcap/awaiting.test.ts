import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { VerificationRequest } from '../../../../src/attestation/claims.ts'
import { AwaitingQuotes } from '../../../../src/attestation/dcap/awaiting.ts'
import { noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { answerOf, ask, authority, elsewhere } from '../../../fixtures/dcap.ts'
import { dcapQuote } from '../../../forge/dcap.ts'

const quote = Uint8Array.from({ length: 600 }, (_, i) => i % 251)

test('a quote is known once after each time that it was found genuine', () => {
  const awaiting = new AwaitingQuotes()
  expect(awaiting.take(quote)).toBe(false)
  awaiting.add(quote)
  awaiting.add(quote)
  expect([awaiting.take(quote.slice()), awaiting.take(quote)]).toEqual([true, false])
})

test('whatever was changed, cut off or added is another quote', () => {
  const awaiting = new AwaitingQuotes()
  awaiting.add(quote)
  const place = fc.nat({ max: quote.length - 1 })
  const change = fc.tuple(place, fc.integer({ min: 1, max: 255 }))
  const property = fc.property(change, fc.nat({ max: 3 }), ([at, mask], more) => {
    expect(awaiting.take(quote.with(at, (quote[at] ?? 0) ^ mask))).toBe(false)
    expect(awaiting.take(quote.subarray(0, at))).toBe(false)
    expect(awaiting.take(Uint8Array.of(...quote, ...new Uint8Array(more + 1)))).toBe(false)
  })
  fc.assert(property)
  expect(awaiting.take(quote)).toBe(true)
})

test('bytes that change after they were noted are not known for that', () => {
  const awaiting = new AwaitingQuotes()
  const shown = quote.slice()
  awaiting.add(shown)
  shown.fill(0)
  expect([awaiting.take(shown), awaiting.take(quote)]).toEqual([false, true])
})

test('however many wait, few are remembered, the last ones', () => {
  const awaiting = new AwaitingQuotes()
  const quotes = Array.from({ length: 1_000 }, (_, i) => Uint8Array.of(i >> 8, i))
  for (const each of quotes) awaiting.add(each)
  const known = quotes.filter(each => awaiting.take(each))
  expect(known).toEqual(quotes.slice(-64))
})

describe.each(['sgx', 'tdx'] as const)('a quote of %s that waited for documents', tee => {
  const body = dcapQuote(authority, { form: tee === 'sgx' ? 'v3' : 'v4' })
  const look = (change: Partial<VerificationRequest>) => ask(tee, { request: { body, ...change } })
  const waiting = () => look({ endorsements: noEndorsements }).verification.kind

  test('is told as it is at first sight with them, check by check', () => {
    const direct = look({})
    expect([waiting(), waiting()]).toEqual(['undetermined', 'undetermined'])
    expect(look({})).toEqual(direct)
  })

  test('vouches for no other quote, nor under another root', () => {
    expect(waiting()).toBe('undetermined')
    const forged = body.with(100, (body[100] ?? 0) ^ 1)
    expect(answerOf(look({ body: forged }))).toBe('SIGNATURE_INVALID')
    expect(answerOf(look({ anchors: [elsewhere.rootKey] }))).toBe('UNKNOWN_ANCHOR')
  })

  test('was genuine: one that is not never waits', () => {
    const forged = body.with(100, (body[100] ?? 0) ^ 1)
    for (let i = 0; i < 2; i++) {
      const asked = { body: forged, endorsements: noEndorsements }
      expect(answerOf(look(asked))).toBe('SIGNATURE_INVALID')
    }
    expect(answerOf(look({ body: forged }))).toBe('SIGNATURE_INVALID')
  })
})
