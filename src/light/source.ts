/**
 * Whom a light client asks, and how over HTTP. Bytes are believed and never the one who sends them: any server may stand there, so what
 * it can cost is bounded here, in bytes, in time and in places that it can send us to.
 */
import { concatBytes } from '../base/bytes.ts'
import { type Duration, seconds } from '../base/time.ts'

/** What of the platform's `fetch` is used; that of a browser and of Node fit. */
export type Fetch = (url: string, options: FetchOptions) => Promise<FetchAnswer>

interface FetchOptions {
  readonly signal: AbortSignal
  readonly redirect: 'manual'
  readonly credentials: 'omit'
  readonly referrerPolicy: 'no-referrer'
  readonly cache: 'no-store'
  readonly headers: Readonly<Record<string, string>>
  /** Absent, the method is GET. */
  readonly method?: 'POST'
  readonly body?: Uint8Array<ArrayBuffer>
}

interface FetchAnswer {
  readonly status: number
  readonly type: string
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | null
}

/** A node that can be asked, whichever way leads to it. */
export interface LightSource {
  /** How reports and bundles name it: 1 to `sourceAddressMax` UTF-16 units, another for each node. */
  readonly address: string
  /** Asks once; whoever answers is not believed. Never throws but the reason of `signal`. */
  ask(question: Question, signal?: AbortSignal): Promise<Answer>
}

/** Longest address of a source, in UTF-16 units. */
export const sourceAddressMax = 512

/** Whether a bundle can hold this as the address of a source. */
export function isSourceAddress(text: string): boolean {
  return text.length >= 1 && text.length <= sourceAddressMax && text.isWellFormed()
}

/** Ports of an HTTP source. */
export interface SourcePorts {
  readonly fetch: Fetch
  /** A signal that aborts after so long: `span => AbortSignal.timeout(span)` outside of tests. */
  readonly deadline: (span: Duration) => AbortSignal
}

/** What is asked for. */
export interface Question {
  /** Below the origin, with its query. */
  readonly path: string
  /** The one media type that an answer may have. */
  readonly type: 'application/cbor' | 'application/json' | 'text/html'
  /** What is sent along, as CBOR; most questions are their path. */
  readonly body?: Uint8Array
  /** How long from the first byte out to the last byte in; `patience` unless said. */
  readonly patience?: Duration
  /** An answer of more bytes is dropped at the byte that is too much. */
  readonly bytesMax: number
}

/** Bytes, or why there are none. Codes: see `SourceCode`. */
export type Answer =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly code: SourceCode; readonly facts: SourceFacts }

type SourceFacts = Readonly<Record<string, string | number>>

/** Why a source gave no bytes: one code of each kind, whichever way leads to it. */
export type SourceCode =
  /** No connection, or it broke. */
  | 'SOURCE_UNREACHABLE'
  | 'SOURCE_TIMEOUT'
  | 'SOURCE_REDIRECTS'
  /** 403: not public. */
  | 'SOURCE_REFUSES'
  /** 404: no such thing. */
  | 'SOURCE_HAS_NONE'
  /** 429 and 503. */
  | 'SOURCE_BUSY'
  /** Another status. */
  | 'SOURCE_BROKEN'
  | 'SOURCE_WRONG_TYPE'
  | 'SOURCE_TOO_LARGE'

/** From the first byte out to the last byte in. */
export const patience = seconds(10)

/** The node whose HTTP API stands at `origin`, which is one already: see `originOf`. */
export function httpSource(origin: string, ports: SourcePorts): LightSource {
  return { address: origin, ask: (question, signal) => fetched(ports, origin, question, signal) }
}

async function fetched(
  ports: SourcePorts,
  origin: string,
  question: Question,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const span = question.patience ?? patience
  const expired = ports.deadline(span)
  const ends = signal === undefined ? expired : AbortSignal.any([signal, expired])
  try {
    const response = await ports.fetch(`${origin}${question.path}`, {
      signal: ends,
      // A redirect would let whoever answers choose whom this client talks to.
      redirect: 'manual',
      // Nothing that tells one reader from another.
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
      ...sentOf(question),
    })
    const refused = refusalOf(response, question)
    const read = refused === undefined ? await bytesOf(response, question.bytesMax) : undefined
    // What is left of the answer is not worth waiting for; a server that never ends is not waited for either.
    if (read === undefined) response.body?.cancel().catch(() => undefined)
    if (refused !== undefined) return refused
    if (read === undefined) return failed('SOURCE_TOO_LARGE', { bytesMax: question.bytesMax })
    return { kind: 'bytes', bytes: read }
  } catch {
    // fetch throws for all that keeps an answer from being whole: names, connections, TLS, broken transfers, and time.
    signal?.throwIfAborted()
    if (expired.aborted) return failed('SOURCE_TIMEOUT', { seconds: span / 1000 })
    return failed('SOURCE_UNREACHABLE', {})
  }
}

function sentOf({ type, body }: Question): Pick<FetchOptions, 'headers' | 'method' | 'body'> {
  if (body === undefined) return { headers: { accept: type } }
  const headers = { accept: type, 'content-type': 'application/cbor' }
  return { headers, method: 'POST', body: body.slice() }
}

function refusalOf(
  { status, type, headers }: FetchAnswer,
  question: Question,
): Extract<Answer, { kind: 'failed' }> | undefined {
  // Browsers hide where a redirect leads, and with it the status.
  const isRedirect = type === 'opaqueredirect' || (status >= 300 && status < 400)
  if (isRedirect) return failed('SOURCE_REDIRECTS', {})
  if (status !== 200) return failed(statusCodes[status] ?? 'SOURCE_BROKEN', { status })
  const found = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  return found === question.type
    ? undefined
    : failed('SOURCE_WRONG_TYPE', { wanted: question.type })
}

const statusCodes: Readonly<Record<number, SourceCode>> = {
  403: 'SOURCE_REFUSES',
  404: 'SOURCE_HAS_NONE',
  429: 'SOURCE_BUSY',
  503: 'SOURCE_BUSY',
}

function failed(code: SourceCode, facts: SourceFacts): Extract<Answer, { kind: 'failed' }> {
  return { kind: 'failed', code, facts }
}

/** Counted as they come: a length that is announced is only that, and a compressed answer is longer than its length. */
async function bytesOf({ body }: FetchAnswer, bytesMax: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  const reader = body?.getReader()
  for (;;) {
    const next = await reader?.read()
    if (next === undefined || next.done) return concatBytes(...parts)
    length += next.value.length
    if (length > bytesMax) {
      reader?.releaseLock()
      return undefined
    }
    parts.push(next.value)
  }
}
