/** A page without a driver's hand in it, on a server on loopback: it fetches questions, answers them, and posts what it found and what went wrong. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { patience } from '../fixtures/patience.ts'
import { bundle } from './bundle.ts'
import { insecureHost, startBrowser } from './chromium.ts'
import type { Answers, Questions } from './page/main.ts'

/** Of this machine's own, and of a name that stands for any site without TLS. */
export type Origin = 'secure' | 'insecure'
const hosts: Readonly<Record<Origin, string>> = {
  secure: 'localhost',
  insecure: insecureHost,
}

/** Nothing but the page's own script and its own server; no code from text. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const html = `<!doctype html><meta charset="utf-8">
<script src="/watch.js"></script><script type="module" src="/page.js"></script>`

/** Runs before the page's own script, and tells what goes wrong there, loading it included. */
const watch = `
const tell = what => fetch('/trouble', { method: 'POST', body: String(what) })
addEventListener('error', ({ message, target }) => tell(message ?? target.outerHTML + ' does not load'), true)
addEventListener('unhandledrejection', ({ reason }) => tell(reason?.stack ?? reason))`

/** Answers to `questions`, found by the bundle in a page of `origin`. @throws {Error} with what the page said, if none come. */
export async function askBrowser(questions: Questions, origin: Origin): Promise<Answers> {
  const { code } = await bundle("import 'test/browser/page/main.ts'")
  const site = await serve(code, questions)
  const browser = await startBrowser()
  try {
    return await Promise.race([site.answers, failureOf(browser, site.port, origin)])
  } finally {
    await browser.close()
    site.server.closeAllConnections()
    site.server.close()
  }
}

/** Opens the page and ends only by throwing: the page did not load, the browser ended, or the page never answered. */
async function failureOf(browser: Browser, port: number, origin: Origin): Promise<never> {
  const { promise: failed, reject } = Promise.withResolvers<never>()
  browser.once('disconnected', () => reject(new Error('the browser ended')))
  patience().addEventListener('abort', () => reject(new Error('the page never answered')))
  // After the answers nobody asks any more how it ended.
  failed.catch(() => {})
  const page = await browser.newPage()
  page.once('crash', () => reject(new Error('the page crashed')))
  await page.goto(`http://${hosts[origin]}:${port}/`)
  return await failed
}

interface Site {
  readonly server: Server
  readonly port: number
  readonly answers: Promise<Answers>
}

async function serve(code: string, questions: Questions): Promise<Site> {
  const { promise: answers, resolve, reject } = Promise.withResolvers<Answers>()
  const documents: Readonly<Record<string, readonly [type: string, text: string]>> = {
    '/': ['text/html; charset=utf-8', html],
    '/watch.js': ['text/javascript; charset=utf-8', watch],
    '/page.js': ['text/javascript; charset=utf-8', code],
    '/questions': ['application/json', JSON.stringify(questions)],
  }
  const server = createServer((request, response) => {
    response.setHeader('content-security-policy', policy)
    response.setHeader('x-content-type-options', 'nosniff')
    if (request.method === 'POST') {
      readText(request).then(text => {
        response.writeHead(204).end()
        if (request.url === '/answers') resolve(JSON.parse(text))
        else reject(new Error(`in the page: ${text}`))
      }, reject)
      return
    }
    const [type, text] = documents[request.url ?? ''] ?? ['text/plain', undefined]
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': type }).end(text)
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return { server, port, answers }
}

async function readText(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}
