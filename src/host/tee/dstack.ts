/**
 * Quotes of TDX guests that run under dstack, whose guest agent answers on a Unix socket (dstack, `guest-agent/rpc`): used where
 * the kernel's own interface is not handed into the container.
 */
import { request } from 'node:http'
import { z } from 'zod'
import { fromHex, toHex } from '../../base/bytes.ts'
import { CoterieError, HostError } from '../../base/errors.ts'
import type { Evidence } from '../../wire/evidence.ts'
import { deviceFault } from './device-faults.ts'
import { type DeviceFiles, errnoError, errnoOf } from './device-files.ts'
import type { Attester } from './port.ts'
import { exactQuote, quoteBytesMax } from './quote-shape.ts'
import { quoteInAttestation } from './scale.ts'
import { ownReportData, Turns } from './turns.ts'

/** Where images of dstack put the socket, the usual place first. */
export const dstackSockets: readonly string[] = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
]

/**
 * The agent before dstack 0.5. It quotes a hash with a prefix of its own over what it is given, so that no verifier finds the
 * 64 bytes of a binder again: it is told from the others by its place and never asked.
 */
export const tappdSocket = '/var/run/tappd.sock'

/** The event log beside a quote grows with the boot; nobody writes a megabyte of it. */
const answerBytesMax = 1024 * 1024
/** A guest's driver asks its host once a second, and hosts take some seconds. */
const patience = 60_000

const hexText = z.string().max(2 * answerBytesMax)
const quoteAnswer = z.object({ quote: hexText })
const attestAnswer = z.object({ attestation: hexText })
const errorAnswer = z.object({ error: z.string() })

/** The first socket of dstack that is there. @throws {HostError} `TEE_LEGACY_TAPPD`, `TEE_FORBIDDEN`, `TEE_NOT_OFFERED`. */
export async function dstackSocket(
  files: DeviceFiles,
  sockets: readonly string[] = dstackSockets,
  tappd = tappdSocket,
): Promise<string> {
  for (const socket of sockets) {
    const use = await files.probe(socket, 'write')
    if (use === 'usable') return socket
    if (use === 'forbidden') throw deviceFault(errnoError('EACCES', socket))
  }
  if ((await files.probe(tappd, 'write')) === 'absent') {
    throw deviceFault(errnoError('ENOENT', 'no socket of dstack'))
  }
  throw new HostError('TEE_LEGACY_TAPPD', 'This dstack quotes a hash of what it is asked for.', {
    next: 'Run an image with dstack 0.5 or later, and hand /var/run/dstack.sock into the container.',
  })
}

/** Asks the guest agent behind `socket`. */
export class DstackAttester implements Attester {
  readonly platform = 'tdx'
  readonly #socket: string
  readonly #turns = new Turns()

  constructor(socket: string) {
    this.#socket = socket
  }

  async quote(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence> {
    const asked = ownReportData(reportData)
    return await this.#turns.take(() => this.#ask(asked), signal)
  }

  async #ask(reportData: Uint8Array): Promise<Evidence> {
    const quote = (await this.#getQuote(reportData)) ?? (await this.#attest(reportData))
    // Agents have come that hash, pad or cut what they are given: none of it passes here.
    return { platform: this.platform, body: exactQuote(this.platform, quote, reportData) }
  }

  /** `undefined` if the agent does not know the question. */
  async #getQuote(reportData: Uint8Array): Promise<Uint8Array | undefined> {
    const answer = await this.#post('/GetQuote', reportData)
    if (answer.status === 404) return undefined
    return bytesOf(shaped(quoteAnswer, answer).quote)
  }

  /** Later agents answer in an envelope for several platforms. */
  async #attest(reportData: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#post('/Attest', reportData)
    return quoteInAttestation(bytesOf(shaped(attestAnswer, answer).attestation), quoteBytesMax)
  }

  async #post(path: string, reportData: Uint8Array): Promise<Answer> {
    try {
      return await post(this.#socket, path, JSON.stringify({ report_data: toHex(reportData) }))
    } catch (cause) {
      if (cause instanceof CoterieError) throw cause
      if (errnoOf(cause) === 'EACCES') throw deviceFault(cause)
      throw new HostError('TEE_UNREACHABLE', `The agent of dstack at ${this.#socket} is silent.`, {
        next: 'See whether its socket is handed into this container and the agent runs.',
        cause,
      })
    }
  }
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** One request and its whole answer; a redirect is an answer like others, and followed nowhere. */
function post(socketPath: string, path: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    // `agent: false`: a kept connection would outlive the quote by nobody's wish.
    const asked = request({ socketPath, path, method: 'POST', headers, agent: false }, response => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes <= answerBytesMax) return void parts.push(part)
        asked.destroy(new HostError('TEE_BAD_ANSWER', 'The answer of dstack has no end.'))
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.complete) {
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() })
        }
      })
    })
    const alarm = setTimeout(() => {
      asked.destroy(new HostError('TEE_TIMEOUT', 'The agent of dstack did not quote in time.'))
    }, patience)
    asked.on('close', () => {
      clearTimeout(alarm)
      reject(new Error('the connection ended before its answer'))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** The answer in its shape. @throws {HostError} `TEE_BROKEN` with the agent's words, `TEE_BAD_ANSWER`. */
function shaped<T>(shape: z.ZodType<T>, { status, text }: Answer): T {
  const value = jsonOf(text)
  const error = errorAnswer.safeParse(value).data?.error ?? ''
  if (status !== 200 || error !== '') {
    const cause = new Error(`${status}: ${error.slice(0, 200)}`)
    throw new HostError('TEE_BROKEN', 'The agent of dstack made no quote.', { cause })
  }
  const answer = shape.safeParse(value)
  if (answer.success) return answer.data
  throw new HostError('TEE_BAD_ANSWER', 'The answer of dstack does not have its shape.')
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // SyntaxError: what is no JSON has no shape either.
    return undefined
  }
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex.replace(/^0x/, ''))
  if (bytes !== undefined) return bytes
  throw new HostError('TEE_BAD_ANSWER', 'The answer of dstack is not hexadecimal.')
}
