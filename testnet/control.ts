/** How other commands reach a running testnet: a Unix socket of its owner, one JSON line each way. */
import { createHash } from 'node:crypto'
import { chmod, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { CoterieError, HostError, UsageError } from '../src/base/errors.ts'
import { type FaultRequest, faultRequestShape } from './fault-request.ts'
import { type Folder, makeFolder } from './folder.ts'

/** What a running testnet can be asked. */
const requestShape = z.discriminatedUnion('command', [
  z.strictObject({ command: z.literal('status') }),
  z.strictObject({ command: z.literal('down') }),
  z.strictObject({ command: z.literal('fault'), fault: faultRequestShape }),
])
export type ControlRequest = z.infer<typeof requestShape>

export interface ControlHandlers {
  status(): Promise<unknown>
  down(): Promise<unknown>
  fault(request: FaultRequest): Promise<unknown>
}

const answerShape = z.union([
  z.strictObject({ ok: z.literal(true), answer: z.unknown() }),
  z.strictObject({
    ok: z.literal(false),
    code: z.string(),
    message: z.string(),
    next: z.string(),
  }),
])

/** Linux takes 107 bytes of path and macOS 103; a deep folder needs a short way in. */
const socketPathMax = 100
/** A request names nodes at most: whoever sends more is not ours. */
const requestBytesMax = 16_384

/** Where the control socket of a testnet is. */
export function controlSocketOf(folder: Folder): string {
  const direct = join(folder.path, 'control.sock')
  if (Buffer.byteLength(direct) <= socketPathMax) return direct
  const name = createHash('sha256').update(folder.path).digest('hex').slice(0, 16)
  return join(tmpdir(), `coterie-testnet-${name}`, 'control.sock')
}

/** The answering end. */
export class ControlServer {
  readonly #path: string
  readonly #server: Server
  readonly #handlers: ControlHandlers
  readonly #sockets = new Set<Socket>()
  readonly #answering = new Set<Promise<void>>()

  constructor(path: string, handlers: ControlHandlers) {
    this.#path = path
    this.#handlers = handlers
    this.#server = createServer(socket => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      void this.#serve(socket)
    })
  }

  /** The caller holds the lock of the folder: a socket that is there already is a leftover. */
  async listen(): Promise<void> {
    await makeFolder(dirname(this.#path))
    await unlink(this.#path).catch(ignoreMissing)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', cause => {
        reject(new HostError('CONTROL_SOCKET_FAILED', `cannot listen on ${this.#path}`, { cause }))
      })
      this.#server.listen(this.#path, resolve)
    })
    await chmod(this.#path, 0o600)
  }

  /** Answers under way are finished first; who has not asked yet is not waited for. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    await Promise.all(this.#answering)
    for (const socket of this.#sockets) socket.destroySoon()
    await closed
  }

  async #serve(socket: Socket): Promise<void> {
    const line = await firstLine(socket)
    if (line === undefined) return
    const answering = answer(line, this.#handlers).then(text => {
      socket.end(`${JSON.stringify(text)}\n`)
    })
    this.#answering.add(answering)
    await answering
    this.#answering.delete(answering)
  }
}

/**
 * Asks the testnet behind a control socket.
 *
 * @throws {HostError} `TESTNET_GONE` if it does not answer; its own errors as `UsageError`.
 */
export async function askControl(path: string, request: ControlRequest): Promise<unknown> {
  const socket = connect(path)
  const text = await exchange(socket, `${JSON.stringify(request)}\n`)
  const answer = answerShape.safeParse(parseJson(text)).data
  if (answer === undefined) throw gone()
  if (answer.ok) return answer.answer
  throw new UsageError(answer.code, answer.message, { next: answer.next })
}

async function exchange(socket: Socket, request: string): Promise<string> {
  try {
    socket.write(request)
    let answer = ''
    for await (const chunk of socket.setEncoding('utf8')) answer += chunk
    return answer
  } catch (cause) {
    throw gone(cause)
  }
}

function gone(cause?: unknown): HostError {
  return new HostError('TESTNET_GONE', 'the testnet does not answer', {
    next: 'Start it with: coterie testnet up.',
    cause,
  })
}

async function firstLine(socket: Socket): Promise<string | undefined> {
  let text = ''
  try {
    for await (const chunk of socket.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      text += chunk
      if (text.includes('\n')) return text.slice(0, text.indexOf('\n'))
      if (text.length > requestBytesMax) break
    }
  } catch {
    // The asker went away before it asked.
  }
  socket.destroy()
  return undefined
}

async function answer(line: string, handlers: ControlHandlers): Promise<unknown> {
  const request = requestShape.safeParse(parseJson(line)).data
  if (request === undefined) {
    const next = 'Ask with the command line of the version that runs it.'
    const message = 'the testnet knows no such command'
    return { ok: false, code: 'UNKNOWN_COMMAND', message, next }
  }
  try {
    return { ok: true, answer: (await handled(request, handlers)) ?? null }
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error
    return { ok: false, code: error.code, message: error.message, next: error.next }
  }
}

function handled(request: ControlRequest, handlers: ControlHandlers): Promise<unknown> {
  return request.command === 'fault' ? handlers.fault(request.fault) : handlers[request.command]()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse throws SyntaxError alone; the caller refuses `undefined` by shape.
    return undefined
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}
