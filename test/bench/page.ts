/**
 * How long a person waits for a verdict once the last byte is there, in a real browser whose processor is four times slower: the first
 * look of a page, which compiles as it goes, and those after it. Where the page has WebCrypto (a file) and where it has not.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { timestamp } from '../../src/base/time.ts'
import { formatLink } from '../../src/light/link.ts'
import { insecureHost } from '../browser/chromium.ts'
import { openPage } from '../browser/open-page.ts'
import { checkAs } from '../browser/verify-view.ts'
import { lightSite } from '../fixtures/light-site.ts'
import { verifySource } from '../tools/built-page.ts'
import { singlePage } from '../tools/single-page.ts'
import type { RatioLine } from './ratio-line.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
const looksOfOne = 4
const slowdown = 4
const boundMs = 500

export async function run(): Promise<readonly RatioLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'coterie-bench-page-'))
  const file = join(folder, 'verify.html')
  await writeFile(file, await singlePage(verifySource))
  const html = await readFile(file)
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(html)
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const lines: RatioLine[] = []
  for (const [name, url] of [
    ['WebCrypto', pathToFileURL(file).href],
    ['noble', `http://${insecureHost}:${port}/`],
  ] as const) {
    const [first, later] = await waits(url)
    lines.push(lineOf(`${name}, first look`, first), lineOf(`${name}, later looks`, later))
  }
  server.close()
  await rm(folder, { recursive: true })
  return lines
}

/** Medians of first and of later looks, in milliseconds. */
async function waits(url: string): Promise<readonly [number, number]> {
  const [first, later]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    const { page, close } = await openPage(url, { width: 1000, height: 900 })
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: slowdown })
    const site = await lightSite({ at: timestamp(Date.now()) })
    const { network } = site
    const pin = formatLink({ ...network.pin, nodes: network.origins })
    for (let look = 0; look < looksOfOne; look++) {
      await network.catchUp(timestamp(Date.now()))
      await page.evaluate(watchForAnswer)
      const seen = await checkAs(page, {
        pin,
        nodes: network.origins.join('\n'),
        key: 'public/motd',
      })
      if (seen.value !== 'hello') throw new Error(`the page shows ${seen.text}`)
      const took = (await page.evaluate('globalThis.waited')) as number
      ;(look === 0 ? first : later).push(took)
    }
    await site.close()
    await close()
  }
  return [median(first), median(later)]
}

/** From the last byte of the last answer to the frame that shows what came of it. */
const watchForAnswer = `{
  performance.clearResourceTimings()
  const isOpen = () => document.querySelector('.waiting') !== null
  let began = false
  const observer = new MutationObserver(() => {
    began ||= isOpen()
    if (!began || isOpen() || document.querySelector('.answer') === null) return
    observer.disconnect()
    requestAnimationFrame(shown => {
      const ends = performance.getEntriesByType('resource').map(({ responseEnd }) => responseEnd)
      globalThis.waited = shown - Math.max(...ends)
    })
  })
  observer.observe(document.body, { subtree: true, childList: true, attributes: true })
}`

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function lineOf(name: string, took: number): RatioLine {
  const met = took <= boundMs
  return {
    ...{ goal: 'G10', name: `verdict after the last byte, ms, CPU ${slowdown}x slower, ${name}` },
    ...{ nodes: 3, ours: took, plain: boundMs, ratio: took / boundMs, bound: '<= 500 ms', met },
  }
}
