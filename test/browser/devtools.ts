/** A real browser that a test looks into and works: by the DevTools protocol, over two pipes that no other program can reach. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { flags, program } from './chromium.ts'

type Facts = Readonly<Record<string, unknown>>

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Facts
  readonly result?: Facts
  readonly error?: { readonly message: string }
}

interface Pending {
  readonly method: string
  readonly resolve: (result: Facts) => void
  readonly reject: (error: Error) => void
}

/** One page in one browser. */
export interface OpenPage {
  /** The value of an expression in the page; a promise is awaited. @throws {Error} with what it threw. */
  evaluate(expression: string): Promise<unknown>
  send(method: string, params?: Facts): Promise<Facts>
  /** What went wrong in the page: errors, rejections, what its policy had to stop. */
  readonly troubles: readonly string[]
  /** A picture of the page from its top down to `height` CSS pixels, made smaller by `scale`. */
  picture(height: number, scale: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Opens `url` in a window of so many CSS pixels. The caller closes it. */
export async function openPage(
  url: string,
  size: { readonly width: number; readonly height: number },
): Promise<OpenPage> {
  const profile = await mkdtemp(join(tmpdir(), 'coterie-browser-'))
  const child = spawn(program ?? 'chromium', [...flags, `--user-data-dir=${profile}`], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const close = async (): Promise<void> => {
    const ended = new Promise(resolve => child.once('close', resolve))
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await ended
    await rm(profile, { recursive: true, force: true, maxRetries: 20 })
  }
  try {
    const pipe = new Pipe(child)
    const { targetId } = await pipe.send('Target.createTarget', { url: 'about:blank' })
    const attached = await pipe.send('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page(pipe, String(attached['sessionId']), close)
    await page.open(url, size)
    return page
  } catch (error) {
    await close()
    throw error
  }
}

/** Messages end with a zero byte in both directions. */
class Pipe {
  readonly #out: Writable
  readonly #pending = new Map<number, Pending>()
  #heard: (message: Message) => void = () => undefined
  #last = 0
  #rest = ''

  constructor(child: ChildProcess) {
    const [, , , out, incoming] = child.stdio
    this.#out = out as Writable
    this.#out.on('error', () => undefined)
    const source = incoming as Readable
    source.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    child.once('exit', code => {
      for (const { method, reject } of this.#pending.values()) {
        reject(new Error(`the browser ended with ${code} before ${method} was answered`))
      }
    })
  }

  onEvent(heard: (message: Message) => void): void {
    this.#heard = heard
  }

  send(method: string, params: Facts = {}, sessionId?: string): Promise<Facts> {
    const id = ++this.#last
    const answered = new Promise<Facts>((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject })
    })
    this.#out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    return answered
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\0')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) {
      const message: Message = JSON.parse(part)
      const pending = this.#pending.get(message.id ?? 0)
      this.#pending.delete(message.id ?? 0)
      if (pending === undefined) this.#heard(message)
      else if (message.error !== undefined) {
        pending.reject(new Error(`${pending.method}: ${message.error.message}`))
      } else pending.resolve(message.result ?? {})
    }
  }
}

class Page implements OpenPage {
  readonly troubles: string[] = []
  readonly close: () => Promise<void>
  readonly #pipe: Pipe
  readonly #session: string

  constructor(pipe: Pipe, session: string, close: () => Promise<void>) {
    this.#pipe = pipe
    this.#session = session
    this.close = close
    pipe.onEvent(message => this.#heard(message))
  }

  async open(
    url: string,
    size: { readonly width: number; readonly height: number },
  ): Promise<void> {
    for (const room of ['Page', 'Runtime', 'Log', 'Network']) await this.send(`${room}.enable`)
    const metrics = { ...size, deviceScaleFactor: 1, mobile: false }
    await this.send('Emulation.setDeviceMetricsOverride', metrics)
    await this.send('Emulation.setScrollbarsHidden', { hidden: true })
    await this.send('Page.navigate', { url })
  }

  send(method: string, params?: Facts): Promise<Facts> {
    return this.#pipe.send(method, params, this.#session)
  }

  async evaluate(expression: string): Promise<unknown> {
    const options = { expression, awaitPromise: true, returnByValue: true }
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', options)) as {
      readonly result: { readonly value?: unknown }
      readonly exceptionDetails?: { readonly text: string; readonly exception?: Facts }
    }
    if (exceptionDetails === undefined) return result.value
    throw new Error(String(exceptionDetails.exception?.['description'] ?? exceptionDetails.text))
  }

  async picture(height: number, scale: number): Promise<Uint8Array> {
    const width = await this.evaluate('document.documentElement.clientWidth')
    const clip = { x: 0, y: 0, width, height, scale }
    const options = { captureBeyondViewport: true, clip }
    const { data } = await this.send('Page.captureScreenshot', options)
    return Buffer.from(String(data), 'base64')
  }

  #heard({ method, params = {} }: Message): void {
    const { entry, exceptionDetails } = params as { entry?: Facts; exceptionDetails?: Facts }
    if (method === 'Runtime.exceptionThrown') this.troubles.push(JSON.stringify(exceptionDetails))
    // What a server refused is the page's to show; a policy that was broken is the page's fault.
    if (method === 'Log.entryAdded' && entry?.['source'] !== 'network') {
      this.troubles.push(`${entry?.['source']}: ${entry?.['text']}`)
    }
  }
}
