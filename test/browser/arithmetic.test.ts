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
  const answers = new Map<ArithmeticCase, Readonly<Record<string, string | undefined>>>()

  beforeAll(async () => {
    const cases = suites.flatMap(([, suite]) => suite)
    const arithmetic = cases.map(([, question]) => question)
    const questions = { evidence: [], arithmetic, light: [] }
    // Where the browser keeps WebCrypto to itself, and where it does not.
    const insecure = await askBrowser(questions, 'insecure')
    const secure = await askBrowser(questions, 'secure')
    expect([insecure.isSecure, secure.isSecure]).toEqual([false, true])
    expect(insecure.subtleChecks).toBe(0)
    expect(secure.subtleChecks).toBeGreaterThan(cases.length / 4)
    for (const [i, each] of cases.entries()) {
      answers.set(each, {
        atOnce: insecure.arithmetic[i],
        settledByNoble: insecure.settled[i],
        settledByWebCrypto: secure.settled[i],
      })
    }
  })

  test.skipIf(isWycheproofAbsent)(`wycheproof was asked${wycheproofAbsence}`, () => {
    expect(published.length).toBeGreaterThan(5)
  })

  test.each(suites)('%s: every answer is the one that is due, there and here', (name, suite) => {
    const wrong = suite.flatMap(each => {
      const [due, question] = each
      const found = { ...answers.get(each), here: answerArithmetic(question) }
      const told = Object.values(found)
      const isRight = told.length === 4 && told.every(answer => answer === due)
      return isRight ? [] : [{ due, ...found, question }]
    })
    process.stdout.write(`${name} in Chromium: ${suite.length} asked\n`)
    expect(wrong).toEqual([])
    expect(suite.length).toBeGreaterThan(10)
  })
})
