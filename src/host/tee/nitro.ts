/**
 * Documents of the Nitro Secure Module, through a small program of the image: the module answers to an ioctl, which Node cannot
 * make. `docs/examples/nsm-helper.c` is that program, and its head the contract.
 */
import { spawn } from 'node:child_process'
import { nitroBytesMax, readDocument, readEnvelope } from '../../attestation/nitro/document.ts'
import { isRefusal } from '../../attestation/verdict.ts'
import { equalBytes } from '../../base/bytes.ts'
import { CoterieError, HostError, PeerFault } from '../../base/errors.ts'
import { type Duration, seconds } from '../../base/time.ts'
import { type CborValue, encodeCbor } from '../../wire/cbor.ts'
import type { Evidence } from '../../wire/evidence.ts'
import { deviceFault } from './device-faults.ts'
import { type DeviceFiles, errnoError } from './device-files.ts'
import type { Attester } from './port.ts'
import { ownReportData, Turns } from './turns.ts'

/** Where an image with a Nitro enclave has its parts. */
export interface NitroPlaces {
  readonly device: string
  readonly helper: string
}

export const nitroPlaces: NitroPlaces = { device: '/dev/nsm', helper: '/usr/local/bin/coterie-nsm' }

/** The module answers in milliseconds. */
const patienceDefault = seconds(10)
/** What is kept of a helper's words for people. */
const wordsMax = 200

/** @throws {HostError} `TEE_NOT_OFFERED` outside of an enclave, `TEE_FORBIDDEN`, `TEE_NO_HELPER` without the program. */
export async function checkNitro(files: DeviceFiles, places: NitroPlaces): Promise<void> {
  const use = await files.probe(places.device, 'write')
  if (use === 'absent') throw deviceFault(errnoError('ENOENT', places.device))
  if (use === 'forbidden') throw deviceFault(errnoError('EACCES', places.device))
  if ((await files.probe(places.helper, 'read')) === 'usable') return
  throw noHelper(places.helper)
}

function noHelper(path: string, cause?: unknown): HostError {
  return new HostError(
    'TEE_NO_HELPER',
    `The program ${path} that asks the module does not start.`,
    {
      next: `Compile docs/examples/nsm-helper.c into the image as ${nitroPlaces.helper}.`,
      cause,
    },
  )
}

/** Asks the module by running `helper` once for each quote. */
export class NitroAttester implements Attester {
  readonly platform = 'nitro'
  readonly #helper: string
  readonly #patience: Duration
  readonly #turns = new Turns()

  constructor(helper: string, patience: Duration = patienceDefault) {
    this.#helper = helper
    this.#patience = patience
  }

  async quote(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence> {
    const asked = ownReportData(reportData)
    return await this.#turns.take(() => this.#ask(asked, signal), signal)
  }

  async #ask(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence> {
    const expired = AbortSignal.timeout(this.#patience)
    const body = await run(this.#helper, request(reportData), {
      signal: AbortSignal.any([signal, expired]),
      bytesMax: nitroBytesMax,
    }).catch((error: unknown) => {
      if (error instanceof CoterieError || !expired.aborted) throw error
      throw new HostError('TEE_TIMEOUT', `The program ${this.#helper} gave no document in time.`, {
        next: 'Ask again; if it stays so, the module of this enclave hangs.',
        cause: error,
      })
    })
    if (!equalBytes(userDataOf(body), reportData)) {
      throw new HostError(
        'TEE_WRONG_REPORT_DATA',
        'The device quoted something else than was asked.',
        {
          next: 'Stop what else asks this device, or what stands between it and this node.',
        },
      )
    }
    return { platform: this.platform, body }
  }
}

/** The request of aws-nitro-enclaves-nsm-api, `Request::Attestation`. The other options stay unset: the 64 bytes bind all. */
function request(reportData: Uint8Array): Uint8Array {
  const options = new Map<string, CborValue>([
    ['user_data', reportData],
    ['nonce', null],
    ['public_key', null],
  ])
  return encodeCbor(new Map([['Attestation', options]]))
}

/** @throws {HostError} `TEE_EMPTY_ANSWER`, `TEE_BAD_ANSWER`. */
function userDataOf(body: Uint8Array): Uint8Array {
  if (body.length === 0) {
    throw new HostError('TEE_EMPTY_ANSWER', 'The program that asks the module gave no document.')
  }
  try {
    const envelope = readEnvelope(body)
    const document = isRefusal(envelope) ? envelope : readDocument(envelope.payload)
    if (!isRefusal(document)) return document.userData ?? new Uint8Array()
    throw new HostError('TEE_BAD_ANSWER', `The document is malformed: ${document.facts['reason']}.`)
  } catch (cause) {
    if (!(cause instanceof PeerFault)) throw cause
    throw new HostError('TEE_BAD_ANSWER', 'What the program gave is no document.', { cause })
  }
}

interface RunOptions {
  readonly signal: AbortSignal
  readonly bytesMax: number
}

/**
 * What a program writes after it read `input`. It inherits no environment: what is secret there is none of its business.
 *
 * @throws {HostError} `TEE_NO_HELPER`, `TEE_EVIDENCE_TOO_LARGE`, `TEE_BROKEN` with the program's own words. @throws the reason of `signal`.
 */
function run(
  path: string,
  input: Uint8Array,
  { signal, bytesMax }: RunOptions,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, [], { signal, killSignal: 'SIGKILL', env: {}, stdio: 'pipe' })
    const parts: Buffer[] = []
    let bytes = 0
    let words = ''
    child.on('error', cause => {
      if (signal.aborted) return reject(signal.reason)
      reject(noHelper(path, cause))
    })
    child.stdout.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes <= bytesMax) return void parts.push(part)
      reject(new HostError('TEE_EVIDENCE_TOO_LARGE', `The program ${path} writes without end.`))
      child.kill('SIGKILL')
    })
    child.stderr.on('data', (part: Buffer) => {
      words = (words + part.toString('latin1')).slice(0, wordsMax)
    })
    child.on('close', (code, killed) => {
      if (code === 0) return resolve(new Uint8Array(Buffer.concat(parts)))
      const cause = new Error(`${killed ?? code}: ${printable(words)}`)
      reject(new HostError('TEE_BROKEN', `The program ${path} failed.`, { cause }))
    })
    // A program that ends without reading breaks the pipe; what matters is how it ended.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

const printable = (text: string): string => text.replaceAll(/[^ -~]/g, ' ').trim()
