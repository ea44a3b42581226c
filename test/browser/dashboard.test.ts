/** The page for people in a real browser, on a real testnet: what it shows, that its buttons work, and that everybody can use it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { pageDir, readPage } from '../../src/api/page-files.ts'
import { until } from '../fixtures/patience.ts'
import { type ShownTestnet, shownTestnet } from '../fixtures/shown-testnet.ts'
import { buildPage } from '../tools/built-page.ts'
import { served, token } from '../unit/api/served.ts'
import { absence, isSkipped } from './chromium.ts'
import { type OpenPage, openPage } from './devtools.ts'

if (isSkipped) process.stdout.write(`the page for people in a browser${absence}\n`)

const nodes = 5
const wide = { width: 1360, height: 900 }
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Where the picture goes; beside the README where that is asked for, else nowhere that lasts. */
const picturePath = process.env['COTERIE_PICTURE'] ?? ''

/** What the rules of WCAG 2.2 AA, and good practice beside them, find wrong with the page. */
async function violations(page: OpenPage): Promise<unknown> {
  await page.evaluate(axe)
  return await page.evaluate(`axe.run(document, { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join(' | ')))`)
}

async function dress(page: OpenPage, scheme: 'dark' | 'light'): Promise<void> {
  const features = [
    { name: 'prefers-color-scheme', value: scheme },
    // What fades is half faded at the moment of a look.
    { name: 'prefers-reduced-motion', value: 'reduce' },
  ]
  await page.send('Emulation.setEmulatedMedia', { features })
}

const press = async (page: OpenPage, key: string): Promise<void> => {
  const code = { key, code: key, windowsVirtualKeyCode: key === 'Tab' ? 9 : 13 }
  const text = key === 'Enter' ? { text: '\r' } : {}
  await page.send('Input.dispatchKeyEvent', { type: 'keyDown', ...code, ...text })
  await page.send('Input.dispatchKeyEvent', { type: 'keyUp', ...code })
}

const textOf = (page: OpenPage, selector: string): Promise<unknown> =>
  page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent`)

const clickButton = (page: OpenPage, text: string): Promise<unknown> =>
  page.evaluate(
    `[...document.querySelectorAll('button')].find(b => b.textContent === '${text}').click()`,
  )

const pick = (page: OpenPage, node: string): Promise<unknown> =>
  page.evaluate(`{
    const select = document.querySelector('#fault-node')
    select.value = '${node}'
    select.dispatchEvent(new Event('change', { bubbles: true }))
  }`)

describe.skipIf(isSkipped)(`the page of a testnet${absence}`, () => {
  let page: OpenPage
  let address = ''
  let testnet: ShownTestnet

  beforeAll(async () => {
    testnet = await shownTestnet(nodes, /In a browser: \S+\n/)
    // As people find it.
    address = /In a browser: (\S+)/.exec(testnet.said)?.[1] ?? ''
    page = await openPage(address, wide)
  })

  afterAll(async () => {
    await page?.close()
    await testnet?.stop()
  })

  test('says that the TEE is simulated, and shows every node attested by all others', async () => {
    const rows = `[...document.querySelectorAll('[data-attested] td:last-child')].map(cell => cell.textContent)`
    const all = Array.from({ length: nodes }, () => `all ${nodes - 1} others`)
    await until(async () => JSON.stringify(await page.evaluate(rows)) === JSON.stringify(all))
    const platforms = `[...document.querySelectorAll('[data-attested] td:nth-child(3)')].map(cell => cell.textContent)`
    expect(await page.evaluate(platforms)).toEqual(all.map(() => 'simulated'))
    expect(await textOf(page, '.banner')).toContain('SIMULATED TEE')
    // The drawing comes last, and is drawn.
    await until(async () =>
      Boolean(await page.evaluate(`document.querySelector('.topology canvas')`)),
    )
  })

  test('shows beats as they come, and replicas that agree', async () => {
    await until(async () => /4 beats|[5-9] beats/.test(String(await labelOf(page))))
    await until(async () => String(await textOf(page, '.tiles')).includes(`all ${nodes} agree`))
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
    const counted = `[...document.querySelectorAll('.card-latency .bar-count')].reduce((sum, cell) => sum + parseInt(cell.textContent), 0)`
    await until(async () => (await page.evaluate(counted)) === writes.length)
    expect(await page.evaluate('document.documentElement.outerHTML')).not.toContain('canary')
  })

  test('an intruder that is sent appears as a refusal with its code, the register and the next step', async () => {
    await clickButton(page, 'Send an intruder')
    const refusal = '[data-code="MEASUREMENT_MISMATCH"]'
    await until(async () => (await textOf(page, refusal)) !== undefined)
    expect(await textOf(page, `${refusal} .next`)).toContain(
      'Run the software that the manifest admits',
    )
    expect(await textOf(page, `${refusal} .facts`)).toMatch(/register \w+/)
    await until(async () => String(await textOf(page, '.answer')).includes('Watch:'))
    expect(await textOf(page, '.broken')).toContain('intruder-1')
  })

  test('a node that is killed turns dead, in the table and in the words of the drawing', async () => {
    await pick(page, 'node-2')
    await clickButton(page, 'Kill')
    const state = `[...document.querySelectorAll('[data-node]')].find(row => row.querySelector('th').textContent === 'node-2')?.dataset.state`
    await until(async () => (await page.evaluate(state)) === 'dead')
    await until(async () => String(await textOf(page, '[data-attested="node-2"]')).includes('dead'))
    expect(await textOf(page, '#fault-node')).toContain('node-2 (down)')
  })

  test('a page whose node stands still says so, and goes on with it', async () => {
    await pick(page, 'node-0')
    await clickButton(page, 'Pause')
    await until(async () => String(await textOf(page, '.connection')).includes('no answer'))
    await clickButton(page, 'Resume')
    await until(async () => (await textOf(page, '.connection')) === 'live')
    await pick(page, 'node-2')
  })

  test.each(['light', 'dark'] as const)(
    'nobody is kept out: axe finds nothing in %s',
    async scheme => {
      await dress(page, scheme)
      await page.evaluate(`document.querySelector('details').open = true`)
      expect(await violations(page)).toEqual([])
      await page.evaluate(`document.querySelector('details').open = false`)
    },
  )

  test('everything is reached by the keyboard, the content first', async () => {
    await page.evaluate(
      `document.activeElement.blur(); document.body.tabIndex = -1; document.body.focus()`,
    )
    const focused = `document.activeElement.textContent.trim() || document.activeElement.id`
    await press(page, 'Tab')
    expect(await page.evaluate(focused)).toBe('Skip to the content')
    await press(page, 'Enter')
    const seen: unknown[] = []
    for (let i = 0; i < 30; i++) {
      await press(page, 'Tab')
      seen.push(await page.evaluate(focused))
    }
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
    await page.send('Emulation.setDeviceMetricsOverride', {
      width: 360,
      height: 700,
      deviceScaleFactor: 1,
      mobile: true,
    })
    const overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`
    await until(async () => (await page.evaluate(overflow)) === 0)
    await page.send('Emulation.setDeviceMetricsOverride', {
      ...wide,
      deviceScaleFactor: 1,
      mobile: false,
    })
  })

  test('its policy had to stop nothing, and nothing was thrown', async () => {
    await dress(page, 'light')
    await page.evaluate('document.activeElement.blur()')
    const picture = await page.picture(1044, 0.75)
    expect(picture.length).toBeGreaterThan(20_000)
    // A README that loads at once.
    expect(picture.length).toBeLessThan(150 * 1024)
    if (picturePath !== '') writeFileSync(picturePath, picture)
    expect(page.troubles).toEqual([])
  })
})

describe.skipIf(isSkipped)(`the page of a node that is no testnet's${absence}`, () => {
  test("asks for the host's token, says when it is another one, and shows the node with it and no faults", async () => {
    await buildPage(pageDir.replace(/\/$/, ''))
    const { url, node } = await served({ opensToHost: false, page: readPage(pageDir) })
    const page = await openPage(`${url}/`, wide)
    onTestFinished(() => page.close())
    const type = (given: string) =>
      page.evaluate(`{
        const input = document.querySelector('#token')
        input.value = '${given}'
        input.dispatchEvent(new Event('input', { bubbles: true }))
        setTimeout(() => document.querySelector('form').requestSubmit())
      }`)
    await until(async () =>
      Boolean(await page.evaluate(`document.querySelector('#token') !== null`)),
    )
    await dress(page, 'dark')
    expect(await violations(page)).toEqual([])
    expect(await textOf(page, 'body')).not.toContain(node.id.slice(-6))
    await type('guess')
    await until(async () => String(await textOf(page, '[role=alert]')).includes('TOKEN_REFUSED'))
    await type(token)
    await until(async () => (await textOf(page, '[data-node]')) !== undefined)
    expect(await textOf(page, '.who')).toContain(node.id.slice(-6))
    expect(await textOf(page, '.card-faults')).toBeUndefined()
    expect(
      await page.evaluate(
        `JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])`,
      ),
    ).toBe('[{},{},""]')
    expect(page.troubles).toEqual([])
  })
})

function labelOf(page: OpenPage): Promise<unknown> {
  return page.evaluate(
    `document.querySelector('.card-heartbeats canvas')?.getAttribute('aria-label')`,
  )
}
