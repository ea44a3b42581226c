/** Requests as handlers see them: bounded, then parsed, then believed. */
import type { Context } from 'hono'
import type { z } from 'zod'
import { concatBytes } from '../base/bytes.ts'
import type { Route } from './contract.ts'
import { isCustodyPath } from './custody-contract.ts'
import { apiError } from './errors.ts'
import type { Caller } from './guard.ts'

/** A parsed request, as handlers see it. */
export interface Request<Query, Body> {
  /** The decoded state key; empty for routes without one. */
  readonly key: string
  readonly query: Query
  readonly body: Body
  readonly header: (name: string) => string | undefined
  /** Aborts when the caller goes away. */
  readonly signal: AbortSignal
}

/** The largest body that is read, in bytes: a value in base64 with room to spare. */
const jsonBytesMax = 1024 * 1024

/** What the door looks at. */
export function callerOf(context: Context): Caller {
  return {
    host: context.req.header('host'),
    origin: context.req.header('origin'),
    authorization: context.req.header('authorization'),
    target: new URL(context.req.url),
  }
}

/**
 * The request of a route.
 *
 * @throws {UsageError} `BAD_REQUEST`, `BAD_KEY`, `JSON_REQUIRED`, `CBOR_REQUIRED`, `BODY_TOO_LARGE`, `BAD_BODY`.
 */
export async function parsedRequest<Query, Body>(
  context: Context,
  route: Route<Query, Body>,
): Promise<Request<Query, Body>> {
  const url = new URL(context.req.url)
  const query = route.query.safeParse(Object.fromEntries(url.searchParams))
  if (!query.success) {
    const issue = query.error.issues[0]
    throw apiError(
      'BAD_REQUEST',
      `The query does not fit: ${issue?.path.join('.')} ${issue?.message}.`,
    )
  }
  return {
    key: keyOf(url, route),
    query: query.data,
    body: await bodyOf(context, route),
    header: name => context.req.header(name),
    signal: context.req.raw.signal,
  }
}

/** The key, empty for routes without one; decoded once and strictly: routers that forgive bad escapes would let two spellings name one key. */
function keyOf(url: URL, { path }: Pick<Route, 'path'>): string {
  const place = path.split('/').indexOf(':key')
  if (place < 0) return ''
  const segment = url.pathname.split('/')[place] ?? ''
  try {
    return decodeURIComponent(segment)
  } catch {
    // decodeURIComponent throws URIError for a broken escape or broken UTF-8.
    throw apiError('BAD_KEY', 'The key is not percent-encoded UTF-8.', 'Encode it as one segment.')
  }
}

async function bodyOf<Body>(
  context: Context,
  {
    path,
    body: shape,
    takes,
    bodyBytesMax,
  }: Pick<Route<unknown, Body>, 'path' | 'body' | 'takes' | 'bodyBytesMax'>,
): Promise<Body> {
  // Routes without a body have `null`, and their handlers do not look.
  if (shape === null) return undefined as Body
  if (takes !== undefined) return shape.parse(await bytesOf(context, takes))
  const type = context.req.header('content-type') ?? ''
  if (!/^application\/json(;\s*charset=utf-8)?$/i.test(type)) {
    throw apiError(
      'JSON_REQUIRED',
      'The body is not application/json.',
      'Set Content-Type: application/json.',
    )
  }
  const parsed = shape.safeParse(jsonOf(await boundedText(context, bodyBytesMax ?? jsonBytesMax)))
  if (parsed.success) return parsed.data
  throw apiError(
    'BAD_BODY',
    'The body does not have the shape of this route.',
    isCustodyPath(path)
      ? `See ${placesOf(parsed.error)}: bytes are lists of numbers.`
      : `See ${placesOf(parsed.error)}: values are {"text": "…"} or {"base64": "…"}.`,
  )
}

/** Where it does not fit, never what stands there. */
function placesOf({ issues }: z.ZodError): string {
  const places = issues.map(({ path }) => path.join('.') || 'the body')
  return places.slice(0, 4).join(', ')
}

async function bytesOf(
  context: Context,
  { type, bytesMax }: NonNullable<Route['takes']>,
): Promise<Uint8Array> {
  if ((context.req.header('content-type') ?? '').toLowerCase() !== type) {
    throw apiError('CBOR_REQUIRED', `The body is not ${type}.`, `Set Content-Type: ${type}.`)
  }
  return concatBytes(...(await Array.fromAsync(boundedChunks(context, bytesMax))))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse throws SyntaxError, whose message would repeat the body.
    throw apiError('BAD_BODY', 'The body is not JSON.')
  }
}

/** @throws {UsageError} `BODY_TOO_LARGE`, at the byte that is too much. */
async function* boundedChunks(context: Context, bytesMax: number): AsyncGenerator<Uint8Array> {
  const tooLarge = (): Error =>
    apiError('BODY_TOO_LARGE', `A body has at most ${bytesMax} bytes here.`)
  if (Number(context.req.header('content-length') ?? 0) > bytesMax) throw tooLarge()
  let length = 0
  for await (const chunk of context.req.raw.body ?? []) {
    length += chunk.length
    if (length > bytesMax) throw tooLarge()
    yield chunk
  }
}

async function boundedText(context: Context, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  try {
    for await (const chunk of boundedChunks(context, bytesMax)) {
      text += decoder.decode(chunk, { stream: true })
    }
    return text + decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) throw apiError('BAD_BODY', 'The body is not UTF-8.')
    throw error
  }
}
