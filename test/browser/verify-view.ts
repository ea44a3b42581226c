/** The verification page as a person works it: types into its fields, presses its buttons, opens what is folded, reads. */
import type { Page } from 'playwright-core'
import { visibleText } from './open-page.ts'

/** What a person sees after a check. */
export interface Seen {
  /** The answer, as `Refused`. */
  readonly word: string
  /** The facts below the answer, by name. */
  readonly facts: Readonly<Record<string, string>>
  /** What the key holds, if the page shows a value. */
  readonly value: string | null
  /** All text of the page. */
  readonly text: string
}

export interface Fields {
  readonly pin?: string
  readonly nodes?: string
  readonly key?: string
}

const labels = { pin: 'Whom to believe', nodes: 'Nodes to ask', key: 'A key to read' } as const

/** Fills the fields that are given, sends the form and reads what comes of it. */
export async function checkAs(page: Page, fields: Fields): Promise<Seen> {
  for (const name of ['pin', 'nodes', 'key'] as const) {
    const text = fields[name]
    if (text !== undefined) await typeOver(page, labels[name], text)
  }
  return await checkAgain(page)
}

/** Sends the form as it is. */
export async function checkAgain(page: Page): Promise<Seen> {
  await page.getByRole('button', { name: 'Check now' }).click()
  await painted(page)
  return await read(page)
}

/** Puts the text where another one was, as one does that pastes it. */
export async function typeOver(page: Page, label: string, text: string): Promise<void> {
  await page.getByLabel(label).click()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.press('Delete')
  await page.keyboard.insertText(text)
}

/** Waits for the answer, opens all that is folded below it, and reads. */
export async function read(page: Page): Promise<Seen> {
  await page.locator('.waiting').waitFor({ state: 'detached' })
  const answer = page.locator('.answer')
  await answer.waitFor()
  const folded = page.locator('details:not([open]) > summary').first()
  while ((await folded.count()) > 0) await folded.click()
  const names = await answer.locator('dt').allInnerTexts()
  const facts = await answer.locator('dd').allInnerTexts()
  const value = page.locator('.value')
  return {
    // Without the sign before it, which screen readers do not say either.
    word: (await visibleText(answer.getByRole('heading'))).replace(/^\S /, ''),
    facts: Object.fromEntries(names.map((name, i) => [name, facts[i] ?? ''])),
    value: (await value.count()) === 0 ? null : await visibleText(value),
    text: await visibleText(page.locator('body')),
  }
}

/** Until the page has drawn what it was told. */
function painted(page: Page): Promise<unknown> {
  return page.evaluate(() => new Promise(requestAnimationFrame))
}
