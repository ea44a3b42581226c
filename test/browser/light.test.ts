/**
 * The judgement of a light client in a real browser, by WebCrypto where the browser gives it and by noble where it does not: the same
 * report as in Node, byte for byte, for bundles of every platform, whole and changed.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { askBrowser } from './ask-browser.ts'
import { absence, isSkipped } from './chromium.ts'
import { changesMax, lightCases } from './light-cases.ts'
import { answerLight } from './page/light.ts'
import type { Answers } from './page/main.ts'

if (isSkipped) process.stdout.write(`light client in a browser${absence}\n`)

const questions = isSkipped ? {} : await lightCases()
const names = Object.keys(questions)

describe.skipIf(isSkipped)(`light client in a browser${absence}`, () => {
  let secure: Answers
  let insecure: Answers

  beforeAll(async () => {
    const asked = { evidence: [], arithmetic: [], light: Object.values(questions) }
    secure = await askBrowser(asked, 'secure')
    insecure = await askBrowser(asked, 'insecure')
  })

  test('the one origin was judged by WebCrypto, the other by noble', () => {
    expect([secure.isSecure, insecure.isSecure]).toEqual([true, false])
    expect(secure.subtleChecks).toBeGreaterThan(names.length * changesMax)
    expect(insecure.subtleChecks).toBe(0)
  })

  test.each(names)('%s: whole and changed, the same reports as in Node', async name => {
    const i = names.indexOf(name)
    const question = questions[name]
    if (question === undefined) throw new Error(name)
    const here = await answerLight(question)
    expect(secure.light[i]).toEqual(here)
    expect(insecure.light[i]).toEqual(here)
    const counted = Map.groupBy(here.slice(1), answer => answer.split(' ')[0])
    const told = [...counted].map(([verdict, all]) => `${verdict} ${all.length}`).join(', ')
    process.stdout.write(`light client in Chromium, ${name}: ${told}\n`)
    expect(counted.get('refused')?.length).toBeGreaterThan(10)
  })
})
