/** A page as a person has it before them: a window of some size in a browser of its own, worked by mouse and keyboard. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Locator, Page } from 'playwright-core'
import { startBrowser } from './chromium.ts'

interface Size {
  readonly width: number
  readonly height: number
}

export interface OpenPage {
  readonly page: Page
  /** What went wrong in the page: what it threw or complained of, and what its policy had to stop. */
  readonly troubles: readonly string[]
  close(): Promise<void>
}

/** As in `patience`: what never comes ends the test all the same. */
const patienceMs = 100_000
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Opens `url` in a window of so many CSS pixels. The caller closes it. */
export async function openPage(url: string, viewport: Size): Promise<OpenPage> {
  const browser = await startBrowser()
  try {
    const context = await browser.newContext({ viewport })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    context.setDefaultTimeout(patienceMs)
    const page = await context.newPage()
    const troubles = troublesOf(page)
    await page.goto(url)
    return { page, troubles, close: () => browser.close() }
  } catch (error) {
    await browser.close()
    throw error
  }
}

/** Filled while the page lives. */
function troublesOf(page: Page): readonly string[] {
  const troubles: string[] = []
  page.on('pageerror', ({ message }) => troubles.push(`thrown: ${message}`))
  page.on('crash', () => troubles.push('the page crashed'))
  page.on('console', message => {
    const [type, text] = [message.type(), message.text()]
    // What a server refused, or did not answer, is the page's to show.
    if (text.startsWith('Failed to load resource')) return
    if (type === 'error' || type === 'warning') troubles.push(`${type}: ${text}`)
  })
  return troubles
}

/** The text that a person sees of something; empty where there is no such thing. */
export async function visibleText(of: Locator): Promise<string> {
  return (await of.allInnerTexts()).join('\n')
}

/** How a person likes pages; what fades is half faded at the moment of a look, so nothing moves. */
export function dress(page: Page, colorScheme: 'dark' | 'light'): Promise<void> {
  return page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
}

/** What the rules of WCAG 2.2 AA, and good practice beside them, find wrong with the page. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe)
  const found = await page.evaluate(`axe.run(document, {
    resultTypes: ['violations'],
    rules: { 'target-size': { enabled: true } },
  }).then(({ violations }) => violations.map(({ id, nodes }) =>
    id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join(' | ')))`)
  return found as readonly string[]
}

/** A picture of the page from its top down to `height` CSS pixels, three quarters as large: for a README that loads at once. */
export async function picture(page: Page, height: number): Promise<Uint8Array> {
  const width = await page.evaluate(() => document.documentElement.clientWidth)
  const devtools = await page.context().newCDPSession(page)
  const { data } = await devtools.send('Page.captureScreenshot', {
    captureBeyondViewport: true,
    clip: { x: 0, y: 0, width, height, scale: 0.75 },
  })
  await devtools.detach()
  return Buffer.from(data, 'base64')
}
