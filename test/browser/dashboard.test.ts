/** The page for people in a real browser, on a real testnet: what it shows, that its buttons work, and that everybody can use it. */
import { writeFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { pageDir, readPage } from '../../src/api/page-files.ts'
import { until } from '../fixtures/patience.ts'
import { type ShownTestnet, shownTestnet } from '../fixtures/shown-testnet.ts'
import { buildPage } from '../tools/built-page.ts'
import { served, token } from '../unit/api/served.ts'
import { absence, isSkipped } from './chromium.ts'
import { dress, type OpenPage, openPage, picture, violations, visibleText } from './open-page.ts'

if (isSkipped) process.stdout.write(`the page for people in a browser${absence}\n`)

const nodes = 5
const wide = { width: 1360, height: 900 }
/** Where the picture goes; beside the README where that is asked for, else nowhere that lasts. */
const picturePath = process.env['COTERIE_PICTURE'] ?? ''

/** Beats that the drawing tells of to whoever does not see it. */
const beatsOf = (page: Page): Promise<string | null> =>
  page.locator('.card-heartbeats canvas').getAttribute('aria-label')

const textOf = (page: Page, selector: string): Promise<string> =>
  visibleText(page.locator(selector))

const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click()

const pick = async (page: Page, node: string): Promise<void> => {
  await page.getByLabel('Node', { exact: true }).selectOption(node)
}

/** What has the focus, as it is named on the page. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement } = document
    return activeElement?.textContent?.trim() || activeElement?.id || ''
  })

describe.skipIf(isSkipped)(`the page of a testnet${absence}`, () => {
  let opened: OpenPage
  let page: Page
  let address = ''
  let testnet: ShownTestnet

  beforeAll(async () => {
    testnet = await shownTestnet(nodes, /In a browser: \S+\n/)
    // As people find it.
    address = /In a browser: (\S+)/.exec(testnet.said)?.[1] ?? ''
    opened = await openPage(address, wide)
    page = opened.page
  })

  afterAll(async () => {
    await opened?.close()
    await testnet?.stop()
  })

  test('says that the TEE is simulated, and shows every node attested by all others', async () => {
    const all = Array.from({ length: nodes }, () => `all ${nodes - 1} others`)
    const column = (which: string) => page.locator(`[data-attested] td:${which}`).allTextContents()
    await until(async () => JSON.stringify(await column('last-child')) === JSON.stringify(all))
    expect(await column('nth-child(3)')).toEqual(all.map(() => 'simulated'))
    expect(await textOf(page, '.banner')).toContain('SIMULATED TEE')
    // The drawing comes last, and is drawn.
    await page.locator('.topology canvas').first().waitFor()
  })

  test('shows beats as they come, and replicas that agree', async () => {
    await until(async () => /4 beats|[5-9] beats/.test(String(await beatsOf(page))))
    await until(async () => (await textOf(page, '.tiles')).includes(`all ${nodes} agree`))
  })

  test('writes are counted by how long they took, and no key or value of them is shown', async () => {
    const writes = Array.from({ length: 30 }, (_, i) =>
      fetch(`${address}v1/state/canary-key-${i}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text: 'canary-value' }),
      }),
    )
    for (const { status } of await Promise.all(writes)) expect(status).toBe(200)
    const counts = page.locator('.card-latency .bar-count')
    await until(async () => {
      const counted = (await counts.allTextContents()).map(text => Number.parseInt(text, 10))
      return counted.reduce((sum, count) => sum + count, 0) === writes.length
    })
    expect(await page.content()).not.toContain('canary')
  })

  test('an intruder that is sent appears as a refusal with its code, the register and the next step', async () => {
    await press(page, 'Send an intruder')
    const refusal = page.locator('[data-code="MEASUREMENT_MISMATCH"]').first()
    await refusal.waitFor()
    expect(await visibleText(refusal.locator('.next'))).toContain(
      'Run the software that the manifest admits',
    )
    expect(await visibleText(refusal.locator('.facts'))).toMatch(/register \w+/)
    await until(async () => (await textOf(page, '.answer')).includes('Watch:'))
    expect(await textOf(page, '.broken')).toContain('intruder-1')
  })

  test('a node that is killed turns dead, in the table and in the words of the drawing', async () => {
    await pick(page, 'node-2')
    await press(page, 'Kill')
    const row = page.locator('[data-node]', {
      has: page.getByRole('rowheader', { name: 'node-2', exact: true }),
    })
    await until(async () => (await row.getAttribute('data-state')) === 'dead')
    const told = page.locator('[data-attested="node-2"]')
    await until(async () => (await told.textContent())?.includes('dead') === true)
    expect(await textOf(page, '#fault-node')).toContain('node-2 (down)')
  })

  test('a page whose node stands still says so, and goes on with it', async () => {
    await pick(page, 'node-0')
    await press(page, 'Pause')
    await until(async () => (await textOf(page, '.connection')).includes('no answer'))
    await press(page, 'Resume')
    await until(async () => (await textOf(page, '.connection')) === 'live')
    await pick(page, 'node-2')
  })

  test.each(['light', 'dark'] as const)(
    'nobody is kept out: axe finds nothing in %s',
    async scheme => {
      await dress(page, scheme)
      const table = page.getByText('The same as a table')
      await table.click()
      expect(await violations(page)).toEqual([])
      await table.click()
    },
  )

  test('everything is reached by the keyboard, the content first', async () => {
    // As it is opened, with nothing clicked yet; and who came too late to see a node alive knows its name.
    const late = await page.context().newPage()
    await late.goto(address)
    await late.getByRole('button', { name: 'Kill', exact: true }).waitFor()
    await late.getByRole('rowheader', { name: 'node-2', exact: true }).first().waitFor()
    await late.keyboard.press('Tab')
    expect(await focused(late)).toBe('Skip to the content')
    await late.keyboard.press('Enter')
    const seen: string[] = []
    for (let i = 0; i < 30; i++) {
      await late.keyboard.press('Tab')
      seen.push(await focused(late))
    }
    await late.close()
    for (const button of [
      'Kill',
      'Pause',
      'Resume',
      'Restart',
      'Heal all links',
      'Send an intruder',
    ]) {
      expect(seen, button).toContain(button)
    }
    expect(seen).toContain('The same as a table')
    expect(seen).toContain('Verify it')
  })

  test('is readable on a phone without scrolling sideways', async () => {
    await page.setViewportSize({ width: 360, height: 700 })
    await until(() =>
      page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement
        return scrollWidth === clientWidth
      }),
    )
    await page.setViewportSize(wide)
  })

  test('its policy had to stop nothing, and nothing was thrown', async () => {
    await dress(page, 'light')
    await page.evaluate(() => (document.activeElement as HTMLElement).blur())
    const taken = await picture(page, 1044)
    expect(taken.length).toBeGreaterThan(20_000)
    // A README that loads at once.
    expect(taken.length).toBeLessThan(150 * 1024)
    if (picturePath !== '') writeFileSync(picturePath, taken)
    expect(opened.troubles).toEqual([])
  })
})

describe.skipIf(isSkipped)(`the page of a node that is no testnet's${absence}`, () => {
  test("asks for the host's token, says when it is another one, and shows the node with it and no faults", async () => {
    await buildPage(pageDir.replace(/\/$/, ''))
    const { url, node } = await served({ opensToHost: false, page: readPage(pageDir) })
    node.warnings = [{ code: 'CHECKPOINTS_WITHHELD', text: 'No member has told this node.' }]
    const { page, troubles, close } = await openPage(`${url}/`, wide)
    onTestFinished(close)
    const input = page.locator('#token')
    await input.waitFor()
    await dress(page, 'dark')
    expect(await violations(page)).toEqual([])
    expect(await textOf(page, 'body')).not.toContain(node.id.slice(-6))
    await input.click()
    await page.keyboard.type('guess')
    await page.keyboard.press('Enter')
    await until(async () => (await textOf(page, '[role=alert]')).includes('TOKEN_REFUSED'))
    await input.fill('')
    await input.click()
    await page.keyboard.type(token)
    await page.keyboard.press('Enter')
    await page.locator('[data-node]').first().waitFor()
    expect(await textOf(page, '.who')).toContain(node.id.slice(-6))
    expect(await textOf(page, '.warned')).toContain('CHECKPOINTS_WITHHELD No member has told')
    expect(await page.locator('.card-faults').count()).toBe(0)
    const kept = await page.evaluate(() => [
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
    ])
    expect(kept).toEqual([{}, {}, ''])
    expect(troubles).toEqual([])
  })
})
