/**
 * Evidence and endorsements with a byte changed here and there, or cut short: libraries of arithmetic differ most about what is
 * wrong, one throws where the other says no. A page and Node must give one answer to all of it.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { askBrowser } from './ask-browser.ts'
import { absence, isSkipped } from './chromium.ts'
import { changedCases } from './evidence-cases.ts'
import { answerEvidence, type EvidenceAnswer, type EvidenceQuestion } from './page/evidence.ts'

if (isSkipped) process.stdout.write(`changed evidence in a browser${absence}\n`)

const suites = isSkipped ? [] : await changedCases()

describe.skipIf(isSkipped)(`changed evidence in a browser${absence}`, () => {
  const answers = new Map<EvidenceQuestion, EvidenceAnswer>()

  beforeAll(async () => {
    const questions = suites.flatMap(([, suite]) => suite)
    const { evidence } = await askBrowser(
      { evidence: questions, arithmetic: [], light: [] },
      'insecure',
    )
    for (const [i, question] of questions.entries()) {
      const answer = evidence[i]
      if (answer !== undefined) answers.set(question, answer)
    }
  })

  test.each(suites)('%s: whatever is changed, the same bytes as in Node', (platform, suite) => {
    const kinds = { trusted: 0, refused: 0, undetermined: 0 }
    for (const question of suite) {
      const here = answerEvidence(question)
      expect(answers.get(question)).toEqual(here)
      kinds[JSON.parse(here.appraised).kind as keyof typeof kinds]++
    }
    process.stdout.write(`changed ${platform} in Chromium: ${JSON.stringify(kinds)}\n`)
    expect(kinds.refused).toBeGreaterThan(kinds.trusted * 8)
  })
})
