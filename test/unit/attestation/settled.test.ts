/**
 * Appraisal in passes, by WebCrypto of Node and the portable twins. What a guess said of a signature is nowhere kept: a certificate, list
 * or document whose signature is wrong is as wrong in the next pass, and for whoever asks after that.
 */
import { expect, test } from 'vitest'
import { changedCases } from '../../browser/evidence-cases.ts'
import { answerEvidence } from '../../browser/page/evidence.ts'
import { cryptoOn } from '../crypto/twins.ts'

/** With all endorsements, and without: what waits for those is kept apart. */
const suites = (await changedCases()).map(([platform, changed]) => {
  const questions = changed.flatMap(question => [{ ...question, files: [] }, question])
  return [platform, questions.map(each => [each, answerEvidence(each)] as const)] as const
})

await cryptoOn('web')
// After the twins were chosen: they use whatever is chosen when they are loaded.
const there = await import('../../browser/page/evidence.ts')
const { appraiseWith } = await import('../../../src/attestation/appraisal.ts')
const { inspectWith } = await import('../../../src/attestation/inspection.ts')
const { appraiserOf } = await import('../../../src/attestation/verifiers.ts')
const { settled } = await import('../../../src/crypto/settled.ts')

/** Without the arithmetic that the doors bring: that of the run answers. */
const doors = {
  appraise: (asked: Parameters<typeof appraiseWith>[1]) => appraiseWith(appraiserOf, asked),
  inspect: (asked: Parameters<typeof inspectWith>[1]) => inspectWith(appraiserOf, asked),
}

test.each(suites)(
  '%s: whatever is changed, settled it is judged as at once',
  async (_name, suite) => {
    for (const [question, due] of suite) {
      expect(await settled(() => there.answerEvidence(question, doors))).toEqual(due)
      // What was kept meanwhile changes nothing for others.
      expect(there.answerEvidence(question)).toEqual(due)
    }
  },
)
