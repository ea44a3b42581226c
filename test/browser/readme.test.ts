/**
 * The README as somebody follows it who has just cloned the project: its own commands, in its own order, up to a verified value in the browser. What
 * comes before, `npm ci`, whoever runs this test has done. Only ports and the folder are others, so that nothing that runs here is in the way.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findFreeBase } from '../../testnet/ports.ts'
import { until } from '../fixtures/patience.ts'
import { top } from '../law/tree.ts'
import { absence, isSkipped } from './chromium.ts'
import { openPage, visibleText } from './open-page.ts'
import { checkAgain, read } from './verify-view.ts'

if (isSkipped) process.stdout.write(`the README as it is followed${absence}\n`)

const readme = readFileSync(`${top}README.md`, 'utf8')
const blocks = [...readme.matchAll(/^```\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
const nodes = 5
/** What the README promises of itself, all of it. */
const promised = 300_000

/** What of the README fits, or the README is not what this test follows. */
function found(what: RegExp, text: string = readme): string {
  const [, part] = what.exec(text) ?? []
  if (part === undefined) throw new Error(`the README says nothing like ${what}`)
  return part
}

function environment(): NodeJS.ProcessEnv {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME }
}

async function shell(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command], {
    cwd: top,
    env: environment(),
  })
  return stdout
}

/** Starts what the README starts; what it prints. Ctrl-C in its terminal ends it. */
function terminal(command: string): { readonly said: () => string } {
  const child = spawn('sh', ['-c', command], {
    cwd: top,
    env: environment(),
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', text => {
    said += text
  })
  const ended = new Promise(resolve => child.once('close', resolve))
  onTestFinished(async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGINT')
    await ended
  })
  return {
    said() {
      if (child.exitCode !== null) throw new Error(`it ended: ${said}`)
      return said
    },
  }
}

describe.skipIf(isSkipped)(`the README${absence}`, () => {
  test(
    'leads who follows it from the clone to a value that the browser verified',
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'coterie-readme-'))
      onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
      const base = await findFreeBase(nodes + 1)
      const moved = (text: string): string =>
        text.replaceAll(/127\.0\.0\.1:90(\d\d)/g, (_, i) => `127.0.0.1:${base + Number(i)}`)

      const began = performance.now()
      const start = found(/^npm ci && (npm start)$/m)
      const { said } = terminal(`${start} -- --plain --dir ${dir} --base-port ${base}`)
      await until(() => said().includes('mutually attested and converged'))

      const address = moved(found(/as a page at\s+(http:\S+)/))
      const { page, troubles, close } = await openPage(address, { width: 1000, height: 900 })
      onTestFinished(close)
      const attested = page.locator('[data-attested]')
      await until(async () => (await attested.count()) === nodes)
      expect(await visibleText(page.locator('.banner'))).toContain('SIMULATED TEE')

      const commands = blocks
        .find(block => block.includes('policy link'))
        ?.trim()
        .split('\n')
      const [write = '', print = '', ask = ''] = commands?.map(moved) ?? []
      await shell(write)
      const link = (await shell(print)).trim()
      expect(link).toMatch(/^coterie:/)

      await page.goto(moved(found(/open (http:\S+\/verify)/)))
      await page.getByLabel('Whom to believe').click()
      await page.evaluate(text => navigator.clipboard.writeText(text), link)
      await page.keyboard.press('ControlOrMeta+V')
      const key = found(/with the\s+key `([^`]+)`/)
      const name = page.getByLabel('A key to read')
      for (const isThere = () => name.evaluate(field => field === document.activeElement); ; ) {
        if (await isThere()) break
        await page.keyboard.press('Tab')
      }
      await page.keyboard.type(key)
      await page.keyboard.press('Enter')
      let seen = await read(page)
      const value = found(new RegExp(`${key} (\\S+)$`, 'm'), write)
      await until(async () => {
        // What is proven was so two seconds ago, and a network that has just begun has signed nothing of late.
        if (seen.value === value && seen.facts['State'] === 'fresh') return true
        seen = await checkAgain(page)
        return false
      })
      const seconds = ((performance.now() - began) / 1_000).toFixed(1)
      process.stdout.write(`from npm start to a verified value: ${seconds} s\n`)
      expect(seen).toMatchObject({
        word: 'Simulated, not protected',
        facts: { State: 'fresh' },
      })
      expect(troubles).toEqual([])

      expect(await shell(ask.replace('<the link>', link))).toContain(`= ${value}`)
    },
    promised,
  )
})
