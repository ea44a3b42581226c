/** The arithmetic below attestation in a real browser, where the portable twins are all there is. */
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type ArithmeticCase,
  ecdsaCases,
  ed25519Cases,
  hashCases,
  rsaCases,
} from './arithmetic-cases.ts'
import { askBrowser } from './ask-browser.ts'
import { absence, isSkipped } from './chromium.ts'
import { answerArithmetic } from './page/arithmetic.ts'
import { isWycheproofAbsent, wycheproofAbsence, wycheproofCases } from './wycheproof-cases.ts'

if (isSkipped) process.stdout.write(`arithmetic in a browser${absence}\n`)

const forged = { hashes: hashCases, ecdsa: ecdsaCases(), rsa: rsaCases(), ed25519: ed25519Cases }
const published = isWycheproofAbsent
  ? []
  : Object.entries(wycheproofCases).map(([name, read]) => [`wycheproof ${name}`, read()] as const)
const suites = isSkipped ? [] : [...Object.entries(forged), ...published]

describe.skipIf(isSkipped)(`arithmetic in a browser${absence}`, () => {
  const answers = new Map<ArithmeticCase, string>()

  beforeAll(async () => {
    const cases = suites.flatMap(([, suite]) => suite)
    const arithmetic = cases.map(([, question]) => question)
    // Where the browser keeps WebCrypto to itself.
    const answered = await askBrowser({ evidence: [], arithmetic }, 'insecure')
    expect(answered.isSecure).toBe(false)
    for (const [i, each] of cases.entries()) answers.set(each, answered.arithmetic[i] ?? '')
  })

  test.skipIf(isWycheproofAbsent)(`wycheproof was asked${wycheproofAbsence}`, () => {
    expect(published.length).toBeGreaterThan(5)
  })

  test.each(suites)('%s: every answer is the one that is due, there and here', (name, suite) => {
    const wrong = suite.flatMap(each => {
      const [due, question] = each
      const found = { there: answers.get(each), here: answerArithmetic(question) }
      return found.there === due && found.here === due ? [] : [{ due, ...found, question }]
    })
    process.stdout.write(`${name} in Chromium: ${suite.length} asked\n`)
    expect(wrong).toEqual([])
    expect(suite.length).toBeGreaterThan(10)
  })
})
