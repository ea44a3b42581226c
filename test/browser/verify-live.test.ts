/** The verification page of a running testnet, as a person finds it: the address that was printed, in a real browser. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../fixtures/patience.ts'
import { type ShownTestnet, shownTestnet } from '../fixtures/shown-testnet.ts'
import { absence, isSkipped } from './chromium.ts'
import { type OpenPage, openPage } from './devtools.ts'

const nodes = 3
/** Where the picture goes; beside the README where that is asked for, else nowhere that lasts. */
const picturePath = process.env['COTERIE_VERIFY_PICTURE'] ?? ''

describe.skipIf(isSkipped)(`the verification page of a running testnet${absence}`, () => {
  let page: OpenPage
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
    page = await openPage(`${address}&key=${encodeURIComponent('public/greeting')}`, {
      width: 1000,
      height: 900,
    })
  })

  afterAll(async () => {
    await page?.close()
    await testnet?.stop()
  })

  const seen = (selector: string): Promise<unknown> =>
    page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? null`)

  const check = async (): Promise<void> => {
    await page.evaluate(`document.querySelector('form').requestSubmit()`)
    await until(async () => (await seen('.waiting')) === null && (await seen('.answer')) !== null)
  }

  test('comes to a fresh state and a proven value with no more than the address that was printed', async () => {
    // What is served was so two seconds ago: until then it is proven that the key holds nothing.
    await until(async () => {
      const [answer, value] = [await seen('.answer'), await seen('.value')]
      if (/State\s+fresh/.test(String(answer)) && value === 'hello, whoever reads this') return true
      if (answer !== null) await check()
      return false
    })
    expect(await seen('.answer h2')).toContain('Simulated, not protected')
    expect(String(await seen('main'))).toMatch(/[23] machines signed it/)
    const picture = await page.picture(1280, 0.75)
    expect(picture.length).toBeLessThan(150 * 1024)
    if (picturePath !== '') writeFileSync(picturePath, picture)
    expect(page.troubles).toEqual([])
  })

  test('under the pin of another network believes none of these nodes', async () => {
    const pin = decodeURIComponent(new URL(address).hash.slice('#pin='.length))
    const other = pin.replace(/^coterie:[0-9a-f]{8}/, 'coterie:00000000')
    await page.evaluate(`{
      const field = document.getElementById('pin')
      field.value = ${JSON.stringify(other)}
      field.dispatchEvent(new Event('input', { bubbles: true }))
    }`)
    await page.evaluate('new Promise(requestAnimationFrame)')
    await check()
    expect(await seen('.answer h2')).toContain('Refused')
    expect(await seen('.value')).toBeNull()
  })
})
