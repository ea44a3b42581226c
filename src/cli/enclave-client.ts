/** Asks the routes of custody of a node, wherever it is: what goes there is sealed to the node, and what comes back is believed for nothing. */
import type { z } from 'zod'
import {
  bootAnswerShape,
  bootAttestationShape,
  type CustodyInfo,
  custodyErrorShape,
  custodyInfoShape,
  type InjectRequest,
  injectAnswerShape,
  type RecoverRequest,
  recoveredShape,
  recoveryOfferShape,
} from '../api/custody-shapes.ts'
import { concatBytes, fromUtf8 } from '../base/bytes.ts'
import { HostError, PeerFault, UsageError } from '../base/errors.ts'

/** An answer names 510 holders at most. */
const answerBytesMax = 256 * 1024
/** Milliseconds. */
const usualPatience = 30_000
/** A whole state is read, opened and merged. */
const recoveryPatience = 15 * 60_000

/** What the node says of its custody. @throws {UsageError} `BAD_URL`. @throws {HostError} `NOT_RUNNING`. @throws {PeerFault}. */
export async function askInfo(url: string): Promise<CustodyInfo> {
  return await ask(url, { path: '/enclave/info', shape: custodyInfoShape })
}

/** Hands carried shares to the node. @throws as `askInfo`, with the node's own code if it refuses all of them. */
export async function injectShares(
  url: string,
  body: InjectRequest,
): Promise<z.output<typeof injectAnswerShape>> {
  return await ask(url, { path: '/enclave/inject-shares', shape: injectAnswerShape, body })
}

/** Has the node wait for shares under this envelope, as JSON; the hash of the manifest that it took. @throws as `askInfo`, with the node's own code. */
export async function bootStandard(url: string, envelope: unknown): Promise<string> {
  const body = { manifest_envelope: envelope }
  const answer = await ask(url, { path: '/enclave/boot-standard', shape: bootAnswerShape, body })
  return answer.result.BootStandardResponse.manifest_hash
}

/** What the node would bring back. @throws as `askInfo`, with the node's own code. */
export async function askRecovery(url: string): Promise<z.output<typeof recoveryOfferShape>> {
  return await ask(url, { path: '/enclave/recovery', shape: recoveryOfferShape })
}

/** Has the node bring the state back. @throws as `askInfo`, with the node's own code. */
export async function recover(
  url: string,
  body: RecoverRequest,
): Promise<z.output<typeof recoveredShape>> {
  const more = { patience: recoveryPatience }
  return await ask(url, { path: '/enclave/recover', shape: recoveredShape, body, ...more })
}

/** Evidence of the node under the manifest that it holds; not judged. @throws as `askInfo`, with the node's own code if it gives none. */
export async function askAttestation(url: string): Promise<Uint8Array> {
  const path = '/enclave/generate-attestation'
  return await ask(url, { path, shape: bootAttestationShape, body: {} })
}

interface Question<Shape extends z.ZodType> {
  readonly path: string
  readonly shape: Shape
  readonly body?:
    | InjectRequest
    | RecoverRequest
    | { readonly manifest_envelope: unknown }
    | Record<string, never>
  /** Milliseconds; 30 seconds unless said. */
  readonly patience?: number
}

async function ask<Shape extends z.ZodType>(
  url: string,
  { path, shape, body, patience = usualPatience }: Question<Shape>,
): Promise<z.output<Shape>> {
  const { ok, value } = await exchange(new URL(path, originOf(url)), body, patience)
  if (!ok) throw refusalIn(value)
  const answer = shape.safeParse(value)
  if (answer.success) return answer.data
  throw new PeerFault('BAD_ANSWER', 'What answers there does not speak of custody.', {
    next: 'Compare the version of the node with that of this program: coterie version.',
  })
}

async function exchange(
  url: URL,
  body: Question<z.ZodType>['body'],
  patience: number,
): Promise<{ readonly ok: boolean; readonly value: unknown }> {
  try {
    const response = await fetch(url, {
      ...(body === undefined
        ? {}
        : {
            method: 'POST',
            body: JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
          }),
      // Whoever answers does not choose whom this program talks to.
      redirect: 'manual',
      signal: AbortSignal.timeout(patience),
    })
    return { ok: response.ok, value: jsonOf(await boundedBody(response)) }
  } catch (cause) {
    // fetch throws for all that keeps an answer from being whole: names, connections, TLS, broken transfers, and time.
    throw new HostError('NOT_RUNNING', `Nobody answers at ${url.origin}.`, {
      cause,
      next: 'Start the node, or name the address of its API.',
    })
  }
}

/** `undefined` for an answer that is too long. */
async function boundedBody(response: Response): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    length += part.length
    if (length > answerBytesMax) return undefined
    parts.push(part)
  }
  return concatBytes(...parts)
}

function jsonOf(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(fromUtf8(bytes ?? new Uint8Array(0)) ?? '')
  } catch {
    // JSON.parse throws SyntaxError: what is no JSON has no shape that anybody asks for.
    return undefined
  }
}

function refusalIn(value: unknown): PeerFault {
  const found = custodyErrorShape.safeParse(value).data
  const code = `${found?.code ?? ''}`
  const isOurs = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(code)
  const next = 'See in which phase the node is: coterie keys status --of <url>.'
  if (found !== undefined && isOurs) return new PeerFault(code, found.error, { next })
  return new PeerFault('ENCLAVE_REFUSED', found?.error ?? 'The node refused.', { next })
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.username === '' && url.password === '' && url.search === ''
  if (url !== undefined && isPlain && /^https?:$/.test(url.protocol)) return url.origin
  throw new UsageError('BAD_URL', `${text} is not the address of a node.`, {
    next: 'Write http://127.0.0.1:9000 or https://<name>.',
  })
}
