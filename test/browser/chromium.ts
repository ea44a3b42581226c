/** A real browser: headless Chromium, as the system installs it, on a page that a server on loopback gives it. */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { patience } from '../fixtures/patience.ts'
import { bundle } from './bundle.ts'
import type { Answers, Questions } from './page/main.ts'

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not there, or not ours to start: the next folder of PATH may have it.
    return false
  }
}

export const program = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map(folder => join(folder, 'chromium'))
  .find(isProgram)

export const isBrowserAbsent = program === undefined
/** Set where a run without a browser must not pass: nothing is skipped there. */
export const isBrowserRequired = process.env['COTERIE_BROWSER'] === 'required'
export const isSkipped = isBrowserAbsent && !isBrowserRequired
/** Goes into the name of what is skipped, so that nobody takes it for passed. */
export const absence = isSkipped ? ' (skipped: no chromium on PATH)' : ''

/** Of this machine's own, and of a name that stands for any site without TLS: the browser withholds WebCrypto from the second. */
export type Origin = 'secure' | 'insecure'
const hosts: Readonly<Record<Origin, string>> = {
  secure: 'localhost',
  insecure: 'page.test',
}

/** No sandbox: a container's root has no namespaces to make one of, and the page is our own. No host but this one is asked for anything. */
export const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--enable-logging=stderr'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ...['--disable-quic', '--remote-debugging-pipe'],
  `--host-resolver-rules=MAP ${hosts.insecure} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1`,
]

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

/** Answers to `questions`, found by the bundle in a page of `origin`. @throws {Error} with what the browser said, if none come. */
export async function askBrowser(questions: Questions, origin: Origin): Promise<Answers> {
  const { code } = await bundle("import 'test/browser/page/main.ts'")
  const site = await serve(code, questions)
  const profile = await mkdtemp(join(tmpdir(), 'coterie-browser-'))
  const browser = open(`http://${hosts[origin]}:${site.port}/`, profile)
  try {
    return await Promise.race([site.answers, browser.failed])
  } finally {
    await browser.close()
    site.server.closeAllConnections()
    site.server.close()
    // The last of its processes may still write to its end.
    await rm(profile, { recursive: true, force: true, maxRetries: 20 })
  }
}

interface OpenBrowser {
  /** Ends only by throwing: the browser ended, or the page never answered. */
  readonly failed: Promise<never>
  readonly close: () => Promise<void>
}

function open(url: string, profile: string): OpenBrowser {
  // A group of its own, because a browser is many processes.
  const child = spawn(program ?? 'chromium', [...flags, `--user-data-dir=${profile}`, url], {
    detached: true,
    // With two pipes for a debugger that never speaks: the browser ends when they do, and so with this process, however that ends.
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    said = (said + text).slice(-4_000)
  })
  const ended = new Promise<void>(resolve => {
    child.once('close', () => resolve())
    child.once('error', () => resolve())
  })
  const { promise: failed, reject } = Promise.withResolvers<never>()
  const fail = (what: string) => reject(new Error(`${what}: ${said}`))
  child.once('error', ({ message }) => fail(message))
  child.once('exit', code => fail(`the browser ended with ${code}`))
  patience().addEventListener('abort', () => fail('the page never answered'))
  // After the answers nobody asks any more how it ended.
  failed.catch(() => {})
  const close = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await ended
  }
  return { failed, close }
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
