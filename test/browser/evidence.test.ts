/**
 * Evidence of every platform in a real browser, byte for byte as in Node: there the portable arithmetic answers, here OpenSSL.
 * Published evidence is tried where it lies beside the checkout.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { realPlatforms } from '../fixtures/mixed-platforms.ts'
import { areVectorsAbsent, absence as noVectors } from '../fixtures/vectors.ts'
import { askBrowser, type Origin } from './ask-browser.ts'
import { absence, isSkipped } from './chromium.ts'
import { forgedCases, publishedCases } from './evidence-cases.ts'
import { answerEvidence } from './page/evidence.ts'
import type { Answers } from './page/main.ts'

if (isSkipped) process.stdout.write(`evidence in a browser${absence}\n`)
const cases = isSkipped ? [] : [...(await forgedCases()), ...publishedCases()]
const numbered = cases.map((each, i) => ({ ...each, i }))

describe.skipIf(isSkipped)(`evidence in a browser${absence}`, () => {
  const answers = new Map<Origin, Answers>()
  const of = (origin: Origin): Answers => {
    const found = answers.get(origin)
    if (found === undefined) throw new Error(`no answers of the ${origin} origin`)
    return found
  }

  beforeAll(async () => {
    const questions = { evidence: cases.map(({ question }) => question), arithmetic: [], light: [] }
    answers.set('secure', await askBrowser(questions, 'secure'))
    answers.set('insecure', await askBrowser(questions, 'insecure'))
  })

  test.each(numbered)('$name: the same bytes as in Node, and the verdict that is due', each => {
    const here = answerEvidence(each.question)
    expect(of('secure').evidence[each.i]).toEqual(here)
    const { appraised, inspected } = each.due
    if (appraised !== undefined) expect(JSON.parse(here.appraised).kind).toBe(appraised)
    if (inspected !== undefined) expect(JSON.parse(here.inspected).verdict).toBe(inspected)
  })

  test('Node answers with its own arithmetic, not with that of the page', async () => {
    const { verifyPoint } = await import('#crypto/ecdsa')
    const twins = await Promise.all([
      import('../../src/crypto/ecdsa.node.ts'),
      import('../../src/crypto/ecdsa.web.ts'),
    ])
    expect(twins.map(twin => twin.verifyPoint === verifyPoint)).toEqual([true, false])
  })

  test('an origin without TLS, to which the browser gives no WebCrypto, hears the same', () => {
    expect([of('secure').isSecure, of('insecure').isSecure]).toEqual([true, false])
    expect(of('insecure').evidence).toEqual(of('secure').evidence)
  })

  test('nothing is asked that a strict content security policy forbids', () => {
    for (const origin of ['secure', 'insecure'] as const) {
      expect(of(origin)).toMatchObject({ violations: ['script-src eval'] })
    }
  })

  test.skipIf(areVectorsAbsent)(
    `published evidence of every platform was asked${noVectors}`,
    () => {
      const trusted = cases.filter(({ due }) => due.inspected === 'trusted')
      expect(new Set(trusted.map(({ question }) => question.platform))).toEqual(
        new Set(realPlatforms),
      )
    },
  )

  test('milliseconds for each piece of evidence, at first sight, are told', () => {
    const { spans } = of('secure')
    const rows = numbered.map(({ name, i }) => `${spans[i]?.toFixed(1).padStart(8)} ms  ${name}`)
    process.stdout.write(
      `in Chromium, one inspection and two under a manifest:\n${rows.join('\n')}\n`,
    )
    expect(spans).toHaveLength(cases.length)
  })
})
