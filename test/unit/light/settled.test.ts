/**
 * The judgement of a light client in passes, where no browser is: by WebCrypto of Node and the portable twins. What a guess said of a
 * signature is nowhere kept: a certificate, list or document whose signature is wrong is as wrong in the next pass, and for ever after.
 */
import { expect, test } from 'vitest'
import { lightCases } from '../../browser/light-cases.ts'
import { answerLight } from '../../browser/page/light.ts'
import { cryptoOn } from '../crypto/twins.ts'

const questions = Object.entries(await lightCases())
const here = await Promise.all(questions.map(([, question]) => answerLight(question)))

await cryptoOn('web')
// After the twins were chosen: it uses whatever is chosen when it is loaded.
const there = await import('../../browser/page/light.ts')

test.each(questions.map(([name, question], i) => ({ name, question, due: here[i] })))(
  '$name: whole and changed, the same reports as at once',
  async ({ question, due }) => {
    expect(there.answerLight).not.toBe(answerLight)
    expect(await there.answerLight(question)).toEqual(due)
  },
)
