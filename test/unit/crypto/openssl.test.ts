/** Both twins on what OpenSSL itself made, whole and spoilt: the same questions as in a browser, where no browser is. */
import { describe, expect, test } from 'vitest'
import { ecdsaCases, ed25519Cases, hashCases, rsaCases } from '../../browser/arithmetic-cases.ts'
import { cryptoOn, platforms } from './twins.ts'

const suites = Object.entries({
  hashes: hashCases,
  ecdsa: ecdsaCases(),
  rsa: rsaCases(),
  ed25519: ed25519Cases,
})

describe.each(platforms)('on %s', async platform => {
  await cryptoOn(platform)
  // After the twins were chosen: it uses whatever is chosen when it is loaded.
  const { answerArithmetic } = await import('../../browser/page/arithmetic.ts')
  const { withArithmetic } = await import('../../../src/crypto/arithmetic.ts')
  const { portable } = await import('../../../src/crypto/portable.ts')
  const { settled } = await import('../../../src/crypto/settled.ts')

  test.each(suites)('%s: every answer is the one that is due', (_name, cases) => {
    const wrong = cases.filter(
      ([due, question]) => withArithmetic(portable, () => answerArithmetic(question)) !== due,
    )
    expect(wrong).toEqual([])
    expect(cases.length).toBeGreaterThan(10)
  })

  test.each(suites)('%s: settled, it is the same', async (_name, cases) => {
    const answers = await Promise.all(
      cases.map(([, question]) => settled(() => answerArithmetic(question))),
    )
    expect(cases.filter(([due], i) => answers[i] !== due)).toEqual([])
  })
})
