/** What every test of a page rests on: that what goes wrong in a page is told, and that no browser outlives its test. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { identityOf, isRunning, type ProcessIdentity } from '../../testnet/process-identity.ts'
import { until } from '../fixtures/patience.ts'
import { absence, isSkipped } from './chromium.ts'
import { openPage, violations } from './open-page.ts'

if (isSkipped) process.stdout.write(`what tests of pages rest on${absence}\n`)

/** A program that opens a browser, says so, and goes on. */
const opener = `
import { startBrowser } from ${JSON.stringify(new URL('./chromium.ts', import.meta.url).href)}
const browser = await startBrowser()
await browser.newPage()
process.stdout.write('open')
setInterval(() => undefined, 1_000)`

/** Every process below this one. */
function descendantsOf(pid: number): readonly ProcessIdentity[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(name => [Number(name), parentOf(Number(name))]),
  )
  const isBelow = (each: number | undefined): boolean =>
    each !== undefined && (each === pid || isBelow(parents.get(each)))
  return [...parents]
    .filter(([, parent]) => isBelow(parent))
    .flatMap(([each]) => identityOf(each) ?? [])
}

/** `undefined` if it has ended meanwhile. */
function parentOf(pid: number): number | undefined {
  try {
    const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return parent === undefined ? undefined : Number(parent)
  } catch {
    return undefined
  }
}

describe.skipIf(isSkipped)(`a page in a browser${absence}`, () => {
  test('tells what it throws, what it complains of, what its policy stops, and what shuts people out', async () => {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html')
      response.setHeader('content-security-policy', "default-src 'none'; script-src 'nonce-a'")
      response.end(`<!doctype html><title>planted</title><img src="/picture">
        <script>document.title = 'run'</script>
        <script nonce="a">console.warn('careful'); throw new Error('planted')</script>`)
    })
    await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const opened = await openPage(`http://127.0.0.1:${port}`, { width: 800, height: 600 })
    onTestFinished(opened.close)
    for (const trouble of [
      /^thrown: planted$/,
      /^warning: careful$/,
      /Executing inline script violates/,
      /Loading the image .* violates/,
    ]) {
      await until(() => opened.troubles.some(text => trouble.test(text)))
    }
    expect(await opened.page.title()).toBe('planted')
    expect((await violations(opened.page)).join('\n')).toContain('image-alt')
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'a process that ends by %s leaves no process of its browser behind',
    async signal => {
      // What such an end leaves behind of the browser's files goes with the test.
      const temporary = mkdtempSync(join(tmpdir(), 'coterie-stray-'))
      onTestFinished(() => rmSync(temporary, { recursive: true, force: true, maxRetries: 20 }))
      const child = spawn(process.execPath, ['--input-type=module', '-e', opener], {
        cwd: fileURLToPath(new URL('.', import.meta.url)),
        env: { ...process.env, TMPDIR: temporary },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      onTestFinished(() => void child.kill('SIGKILL'))
      const ended = new Promise(resolve => child.once('exit', resolve))
      let said = ''
      child.stdout.on('data', text => {
        said += text
      })
      await until(() => said === 'open')
      const processes = descendantsOf(child.pid ?? 0)
      onTestFinished(() => {
        for (const each of processes) if (isRunning(each)) process.kill(each.pid, 'SIGKILL')
      })
      expect(processes.length).toBeGreaterThan(2)
      child.kill(signal)
      await ended
      await until(() => !processes.some(isRunning))
    },
  )
})
