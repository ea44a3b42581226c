/** The verification page of a running testnet, as a person finds it: the address that was printed, in a real browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pageDir } from '../../src/api/page-files.ts'
import { findFreeBase } from '../../testnet/ports.ts'
import { startCoterie } from '../fixtures/command-line.ts'
import { until } from '../fixtures/patience.ts'
import { buildPage } from '../tools/built-page.ts'
import { absence, isSkipped } from './chromium.ts'
import { type OpenPage, openPage } from './devtools.ts'

const nodes = 3
/** Where the picture goes; beside the README where that is asked for, else nowhere that lasts. */
const picturePath = process.env['COTERIE_VERIFY_PICTURE'] ?? ''

describe.skipIf(isSkipped)(`the verification page of a running testnet${absence}`, () => {
  const dir = mkdtempSync(join(tmpdir(), 'coterie-verify-'))
  let page: OpenPage
  let address = ''
  let origin = ''
  let stopTestnet: () => Promise<unknown>

  beforeAll(async () => {
    await buildPage(pageDir.replace(/\/$/, ''))
    const basePort = await findFreeBase(nodes)
    const up = ['testnet', 'up', '--plain', '--dir', dir, '--base-port', String(basePort)]
    const { child, ended } = startCoterie([...up, '--nodes', String(nodes)])
    stopTestnet = () => {
      child.kill('SIGINT')
      return ended
    }
    let said = ''
    child.stdout.on('data', text => {
      said += text
    })
    await until(() => {
      if (child.exitCode !== null) throw new Error(`the testnet ended: ${said}`)
      return /To verify it there: \S+\n/.test(said)
    })
    address = /To verify it there: (\S+)/.exec(said)?.[1] ?? ''
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
    await stopTestnet?.()
    rmSync(dir, { recursive: true, force: true })
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
