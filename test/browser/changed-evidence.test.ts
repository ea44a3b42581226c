/**
 * Evidence and endorsements with a byte changed here and there, or cut short: libraries of arithmetic differ most about what is
 * wrong, one throws where the other says no. A page and Node must give one answer to all of it.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { askBrowser } from './ask-browser.ts'
import { absence, isSkipped } from './chromium.ts'
import { forgedCases } from './evidence-cases.ts'
import { answerEvidence, type EvidenceAnswer, type EvidenceQuestion } from './page/evidence.ts'

if (isSkipped) process.stdout.write(`changed evidence in a browser${absence}\n`)

/** Places that are changed in each document; a prime number of bytes apart, so that no field is always passed over. */
const apart = 61

/** The document changed at one place after the other, never to what it was, and cut short at some of them. */
function changed(document: string): readonly string[] {
  const bytes = Buffer.from(document, 'hex')
  const places = Array.from({ length: Math.ceil(bytes.length / apart) }, (_, i) => i * apart)
  return places.flatMap((place, i) => {
    const copy = Buffer.from(bytes)
    copy.writeUInt8(copy.readUInt8(place) ^ (1 + ((i * 151) % 255)), place)
    const cut = bytes.subarray(0, place).toString('hex')
    return i % 8 === 0 ? [copy.toString('hex'), cut] : [copy.toString('hex')]
  })
}

function changesTo(question: EvidenceQuestion): readonly EvidenceQuestion[] {
  const { body, files } = question
  return [
    ...changed(body).map(other => ({ ...question, body: other })),
    ...files.flatMap(({ path, bytes }, at) =>
      changed(bytes).map(other => ({ ...question, files: files.with(at, { path, bytes: other }) })),
    ),
  ]
}

const whole = isSkipped
  ? []
  : (await forgedCases()).filter(({ due }) => due.appraised === 'trusted')
const suites = [...Map.groupBy(whole, ({ question }) => question.platform)].map(
  ([platform, [first]]) =>
    [platform, first === undefined ? [] : changesTo(first.question)] as const,
)

describe.skipIf(isSkipped)(`changed evidence in a browser${absence}`, () => {
  const answers = new Map<EvidenceQuestion, EvidenceAnswer>()

  beforeAll(async () => {
    const questions = suites.flatMap(([, suite]) => suite)
    const { evidence } = await askBrowser({ evidence: questions, arithmetic: [] }, 'insecure')
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
