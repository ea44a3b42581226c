/** The verification page of a running testnet, as a person finds it: the address that was printed, in a real browser. */
import { writeFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../fixtures/patience.ts'
import { type ShownTestnet, shownTestnet } from '../fixtures/shown-testnet.ts'
import { absence, isSkipped } from './chromium.ts'
import { type OpenPage, openPage, picture } from './open-page.ts'
import { checkAgain, checkAs, read } from './verify-view.ts'

const nodes = 3
/** Where the picture goes; beside the README where that is asked for, else nowhere that lasts. */
const picturePath = process.env['COTERIE_VERIFY_PICTURE'] ?? ''

describe.skipIf(isSkipped)(`the verification page of a running testnet${absence}`, () => {
  let opened: OpenPage
  let page: Page
  let address = ''
  let origin = ''
  let testnet: ShownTestnet

  beforeAll(async () => {
    testnet = await shownTestnet(nodes, /To verify it there: \S+\n/)
    address = /To verify it there: (\S+)/.exec(testnet.said)?.[1] ?? ''
    origin = new URL(address).origin
    const answer = await fetch(`${origin}/v1/state/public%2Fgreeting`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'hello, whoever reads this' }),
    })
    expect(answer.status).toBe(200)
    opened = await openPage(`${address}&key=${encodeURIComponent('public/greeting')}`, {
      width: 1000,
      height: 900,
    })
    page = opened.page
  })

  afterAll(async () => {
    await opened?.close()
    await testnet?.stop()
  })

  test('comes to a fresh state and a proven value with no more than the address that was printed', async () => {
    // What is served was so two seconds ago: until then it is proven that the key holds nothing.
    let seen = await read(page)
    await until(async () => {
      if (seen.facts['State'] === 'fresh' && seen.value === 'hello, whoever reads this') return true
      seen = await checkAgain(page)
      return false
    })
    expect(seen.word).toBe('Simulated, not protected')
    expect(seen.text).toMatch(/[23] machines signed it/)
    // As a visitor finds it, with what is folded folded.
    await page.reload()
    await page.locator('.answer').waitFor()
    const taken = await picture(page, 1280)
    expect(taken.length).toBeLessThan(150 * 1024)
    if (picturePath !== '') writeFileSync(picturePath, taken)
    expect(opened.troubles).toEqual([])
  })

  test('under the pin of another network believes none of these nodes', async () => {
    const pin = decodeURIComponent(new URL(address).hash.slice('#pin='.length))
    const other = pin.replace(/^coterie:[0-9a-f]{8}/, 'coterie:00000000')
    expect(await checkAs(page, { pin: other })).toMatchObject({ word: 'Refused', value: null })
    expect(opened.troubles).toEqual([])
  })
})
