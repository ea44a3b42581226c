/** One GET that nobody at the other end can draw out: in time, in size, in kind, and to nowhere else. */
import { concatBytes } from '../../base/bytes.ts'
import { type Duration, milliseconds, seconds, type Timestamp } from '../../base/time.ts'
import type { DocumentRequest, EndorserAnswer } from './endorser.ts'

/** What came of it. Codes begin with `SOURCE_`; `later` is worth another try soon, `not-so` is not. */
export type GetOutcome =
  | { readonly kind: 'answer'; readonly answer: EndorserAnswer }
  | { readonly kind: 'later'; readonly code: string; readonly retryAfter: Duration | undefined }
  | { readonly kind: 'not-so'; readonly code: string }

export interface GetLimits {
  readonly bytesMax: number
  /** From the first byte out to the last byte in. */
  readonly patience: Duration
}

/**
 * Codes: `SOURCE_UNREACHABLE`, `SOURCE_TIMEOUT`, `SOURCE_BUSY` (429), `SOURCE_BROKEN` (5xx) are `later`; `SOURCE_REDIRECTS`,
 * `SOURCE_HAS_NONE` (other statuses), `SOURCE_WRONG_TYPE`, `SOURCE_TOO_LARGE` are `not-so`.
 *
 * @throws the reason of `signal`.
 */
export async function boundedGet(
  { url, contentTypes }: Pick<DocumentRequest, 'url' | 'contentTypes'>,
  { bytesMax, patience, now }: GetLimits & { readonly now: Timestamp },
  signal: AbortSignal,
): Promise<GetOutcome> {
  const expired = AbortSignal.timeout(patience)
  try {
    const response = await fetch(url, {
      // A redirect would let whoever answers choose whom this node talks to.
      redirect: 'manual',
      signal: AbortSignal.any([signal, expired]),
      headers: { accept: contentTypes.join(', ') },
    })
    const refused = refusalOf(response, contentTypes, now)
    const bytes = refused === undefined ? await bytesOf(response, bytesMax) : undefined
    // Whatever is left of the answer is not worth waiting for.
    if (bytes === undefined) await response.body?.cancel()
    if (refused !== undefined) return refused
    if (bytes === undefined) return { kind: 'not-so', code: 'SOURCE_TOO_LARGE' }
    const header = (name: string): string | undefined => response.headers.get(name) ?? undefined
    return { kind: 'answer', answer: { bytes, header } }
  } catch {
    // fetch throws for all that keeps an answer from being whole: names, connections, TLS, broken transfers, and time.
    signal.throwIfAborted()
    const code = expired.aborted ? 'SOURCE_TIMEOUT' : 'SOURCE_UNREACHABLE'
    return { kind: 'later', code, retryAfter: undefined }
  }
}

function refusalOf(
  { status, headers }: Response,
  contentTypes: readonly string[],
  now: Timestamp,
): Exclude<GetOutcome, { readonly kind: 'answer' }> | undefined {
  if (status === 429 || status >= 500) {
    const code = status === 429 ? 'SOURCE_BUSY' : 'SOURCE_BROKEN'
    return { kind: 'later', code, retryAfter: retryAfterOf(headers.get('retry-after'), now) }
  }
  if (status >= 300 && status < 400) return { kind: 'not-so', code: 'SOURCE_REDIRECTS' }
  if (status !== 200) return { kind: 'not-so', code: 'SOURCE_HAS_NONE' }
  const type = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  return contentTypes.includes(type) ? undefined : { kind: 'not-so', code: 'SOURCE_WRONG_TYPE' }
}

/** Counted as they come: a length that is announced is only that, and a compressed answer is longer than its length. */
async function bytesOf(response: Response, bytesMax: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    length += part.length
    if (length > bytesMax) return undefined
    parts.push(part)
  }
  return concatBytes(...parts)
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterOf(text: string | null, now: Timestamp): Duration | undefined {
  if (text === null) return undefined
  if (/^\d{1,9}$/.test(text.trim())) return seconds(Number(text))
  const at = Date.parse(text)
  return Number.isFinite(at) ? milliseconds(Math.max(0, at - now)) : undefined
}
