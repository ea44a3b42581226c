/**
 * The API's client: how the CLI and the testnet speak to a running node, over a loopback port or a Unix
 * socket. Answers are parsed by the shapes of the contract.
 */
import { Agent, type IncomingMessage, request } from 'node:http'
import { base64 } from '@scure/base'
import { z } from 'zod'
import { utf8 } from '../base/bytes.ts'
import { CoterieError, HostError, UsageError } from '../base/errors.ts'
import { type Answer, type Route, routes } from './contract.ts'
import { readEvents } from './event-reader.ts'
import type { MakeBody, ReshareBody, SignBody } from './signing-contract.ts'
import type { JsonEntry, JsonValue } from './values.ts'

/** Where a node's API is. */
export interface ApiAddress {
  /** `http://127.0.0.1:9000`, or `unix:/run/coterie/api.sock`. */
  readonly url: string
  /** The host's token, if it is at hand; sent as a header, never in a URL. */
  readonly token?: string
}

/** How a write is asked for. */
export interface WriteQuery {
  /** 1 unless said. */
  readonly ack?: 'local' | 'majority' | number
  readonly signal?: AbortSignal
}

/** An error that the node answered with: its own code, sentence and next step. */
export class ApiError extends CoterieError {
  /** HTTP status. */
  readonly status: number
  constructor(status: number, error: { code: string; message: string; next: string }) {
    super(error.code, error.message, { next: error.next })
    this.status = status
  }
}

/** Largest answer that is read, in bytes: a page of the state with its largest entry, and room to spare. */
const answerBytesMax = 64 * 1024 * 1024

const errorShape = z.object({
  error: z.object({ code: z.string(), message: z.string(), next: z.string() }),
})

type RouteTo<Out> = Pick<Route<unknown, unknown, Out>, 'method' | 'path' | 'answer'>

interface Call {
  readonly key?: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/**
 * One node's API. Every method throws `ApiError` for an error of the node, and `HostError` `NOT_RUNNING` if
 * nobody answers at the address.
 */
export class ApiClient {
  readonly #address: ApiAddress
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 })

  constructor(address: ApiAddress) {
    this.#address = address
  }

  health(signal?: AbortSignal): Promise<Answer<'health'>> {
    return this.#ask(routes.health, { signal })
  }

  /** Answers also where the node is not ready: `ok` says which. */
  async ready(signal?: AbortSignal): Promise<Answer<'ready'>> {
    const response = await this.#send(routes.ready, { query: { verbose: '' }, signal })
    const text = await textOf(response)
    const answer = routes.ready.answer.safeParse(jsonOf(text)).data
    if (answer === undefined) throw errorOf(response, text)
    return answer
  }

  logLevel(signal?: AbortSignal): Promise<Answer<'logLevel'>> {
    return this.#ask(routes.logLevel, { signal })
  }

  setLogLevel(
    level: Answer<'logLevel'>['level'],
    signal?: AbortSignal,
  ): Promise<Answer<'setLogLevel'>> {
    return this.#ask(routes.setLogLevel, { body: { level }, signal })
  }

  status(signal?: AbortSignal): Promise<Answer<'status'>> {
    return this.#ask(routes.status, { signal })
  }

  async members(signal?: AbortSignal): Promise<Answer<'members'>['members']> {
    return (await this.#ask(routes.members, { signal })).members
  }

  async peers(signal?: AbortSignal): Promise<Answer<'peers'>['peers']> {
    return (await this.#ask(routes.peers, { signal })).peers
  }

  async refusals(signal?: AbortSignal): Promise<Answer<'refusals'>['refusals']> {
    return (await this.#ask(routes.refusals, { signal })).refusals
  }

  /** Whom the node turns away, the ban that ends last first. */
  async bans(signal?: AbortSignal): Promise<Answer<'bans'>['bans']> {
    return (await this.#ask(routes.bans, { signal })).bans
  }

  /** Turns a node id or an instance digest away for `seconds`, 1 to 30 days of them. */
  ban(
    ban: { readonly subject: string; readonly seconds: number; readonly reason: string },
    signal?: AbortSignal,
  ): Promise<Answer<'ban'>> {
    return this.#ask(routes.ban, { body: ban, signal })
  }

  unban(subject: string, signal?: AbortSignal): Promise<Answer<'unban'>> {
    return this.#ask(routes.unban, { body: { subject }, signal })
  }

  /** What happened lately, oldest first. */
  async happened(signal: AbortSignal): Promise<readonly Answer<'events'>[]> {
    const query = { follow: 'false' }
    return await Array.fromAsync(this.#stream(routes.events, { query, signal }))
  }

  /** What happened lately, then what happens, until `signal` aborts or the node stops. */
  async *events(signal: AbortSignal): AsyncGenerator<Answer<'events'>> {
    yield* this.#stream(routes.events, { signal })
  }

  /** Hands over self-proving removal items; answers how many were new to the node. */
  async remove(items: readonly Uint8Array[], signal?: AbortSignal): Promise<{ added: number }> {
    const body = { items: items.map(item => base64.encode(item)) }
    return await this.#ask(routes.removals, { body, signal })
  }

  /** The manifest in force with its approvals, as a file. */
  async manifest(signal?: AbortSignal): Promise<Uint8Array> {
    return base64.decode((await this.#ask(routes.manifest, { signal })).file)
  }

  /** Hands over an approved manifest, which the node spreads if it holds. */
  applyManifest(file: Uint8Array, signal?: AbortSignal): Promise<Answer<'applyManifest'>> {
    return this.#ask(routes.applyManifest, { body: { file: base64.encode(file) }, signal })
  }

  /** The audit record as one file, not yet verified. */
  async audit(signal?: AbortSignal): Promise<Uint8Array> {
    const response = await this.#send(routes.audit, { signal })
    const bytes = await bytesOf(response)
    if (response.statusCode !== 200) throw errorOf(response, bytes.toString('utf8'))
    return bytes
  }

  /** Answers within ten seconds, when the node has left and stopped. */
  leave(signal?: AbortSignal): Promise<Answer<'leave'>> {
    return this.#ask(routes.leave, { signal })
  }

  /** One page of entries in key order; `after` of the answer asks for the next one, `null` at the end. */
  list(
    query: { readonly prefix?: string; readonly after?: string; readonly limit?: number },
    signal?: AbortSignal,
  ): Promise<Answer<'list'>> {
    return this.#ask(routes.list, { query, signal })
  }

  /** The entry under `key`, or `undefined`. */
  async get(key: string, signal?: AbortSignal): Promise<JsonEntry | undefined> {
    try {
      return await this.#ask(routes.get, { key, signal })
    } catch (error) {
      if (error instanceof ApiError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  /** The proof of what a key below a public prefix holds, or that it holds nothing; its key is the whole one. */
  prove(key: string, signal?: AbortSignal): Promise<Answer<'prove'>> {
    return this.#ask(routes.prove, { key, signal })
  }

  set(key: string, value: JsonValue, query: WriteQuery = {}): Promise<Answer<'set'>> {
    return this.#ask(routes.set, {
      key,
      body: value,
      query: { ack: query.ack },
      signal: query.signal,
    })
  }

  delete(key: string, query: WriteQuery = {}): Promise<Answer<'delete'>> {
    return this.#ask(routes.delete, { key, query: { ack: query.ack }, signal: query.signal })
  }

  add(key: string, element: JsonValue, query: WriteQuery = {}): Promise<Answer<'add'>> {
    return this.#ask(routes.add, {
      key,
      body: element,
      query: { ack: query.ack },
      signal: query.signal,
    })
  }

  removeElement(
    key: string,
    element: JsonValue,
    query: WriteQuery = {},
  ): Promise<Answer<'remove'>> {
    const options = { key, body: element, query: { ack: query.ack }, signal: query.signal }
    return this.#ask(routes.remove, options)
  }

  assign(key: string, value: JsonValue, query: WriteQuery = {}): Promise<Answer<'assign'>> {
    const options = { key, body: value, query: { ack: query.ack }, signal: query.signal }
    return this.#ask(routes.assign, options)
  }

  increment(key: string, by: number, query: WriteQuery = {}): Promise<Answer<'increment'>> {
    const options = { key, body: { by }, query: { ack: query.ack }, signal: query.signal }
    return this.#ask(routes.increment, options)
  }

  /** Groups of signers that the node knows. */
  async signingGroups(signal?: AbortSignal): Promise<Answer<'signingGroups'>['groups']> {
    return (await this.#ask(routes.signingGroups, { signal })).groups
  }

  /** Answers when all signers hold a share; a ceremony ends within two minutes. */
  makeGroup(body: MakeBody, signal?: AbortSignal): Promise<Answer<'makeGroup'>> {
    return this.#ask(routes.makeGroup, { body, signal })
  }

  /** Hands the key of a group on. */
  reshareGroup(
    key: string,
    body: ReshareBody,
    signal?: AbortSignal,
  ): Promise<Answer<'reshareGroup'>> {
    return this.#ask(routes.reshareGroup, { key, body, signal })
  }

  /** A signature of a group, in hexadecimal. */
  signByGroup(key: string, body: SignBody, signal?: AbortSignal): Promise<Answer<'signByGroup'>> {
    return this.#ask(routes.signByGroup, { key, body, signal })
  }

  /**
   * Changes from now on, or from `cursor` on, until `signal` aborts or the node stops. To resume after a broken
   * connection, give the cursor of the last event; `CURSOR_GONE` says that it is too old.
   */
  async *watch(query: {
    readonly prefix?: string
    readonly cursor?: string
    readonly signal?: AbortSignal
  }): AsyncGenerator<Answer<'watch'>> {
    const { prefix, cursor, signal } = query
    const headers = cursor === undefined ? {} : { 'last-event-id': cursor }
    yield* this.#stream(routes.watch, { query: { prefix }, headers, signal })
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy()
  }

  async #ask<Out>(route: RouteTo<Out>, call: Call): Promise<Out> {
    const response = await this.#send(route, call)
    const text = await textOf(response)
    const answer = route.answer.safeParse(jsonOf(text)).data
    if (response.statusCode !== 200 || answer === undefined) throw errorOf(response, text)
    return answer
  }

  async *#stream<Out>(route: RouteTo<Out>, call: Call): AsyncGenerator<Out> {
    let response: IncomingMessage | undefined
    try {
      response = await this.#send(route, call)
      if (response.statusCode !== 200) throw errorOf(response, await textOf(response))
      for await (const event of readEvents(response)) {
        if (event.event === 'error') throw errorOf(response, event.data)
        yield route.answer.parse(JSON.parse(event.data))
      }
    } catch (error) {
      // To stop listening is what aborting asks for, not a failure.
      if (call.signal?.aborted !== true) throw error
    } finally {
      response?.destroy()
    }
  }

  async #send(route: RouteTo<unknown>, call: Call): Promise<IncomingMessage> {
    const { token, url } = this.#address
    const socketPath = url.startsWith('unix:') ? url.slice('unix:'.length) : undefined
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const target = pathOf(route.path, call)
    return new Promise((resolve, reject) => {
      const options = {
        agent: this.#agent,
        method: route.method,
        path: target,
        ...(socketPath === undefined ? {} : { socketPath, host: 'localhost' }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
        headers: {
          ...call.headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : bodyHeaders(body)),
        },
      }
      const sent = socketPath === undefined ? request(url, options) : request(options)
      sent.once('response', resolve)
      sent.once('error', error => {
        if (call.signal?.aborted) reject(call.signal.reason)
        // The server closed a kept connection while this was on its way into it: nobody has read the question.
        else if (sent.reusedSocket && route.method === 'GET') resolve(this.#send(route, call))
        else reject(lost(url, error))
      })
      sent.end(body)
    })
  }
}

/** With its length: Node sends the body of a DELETE otherwise in no frame at all. */
function bodyHeaders(body: string): Record<string, string> {
  return { 'content-type': 'application/json', 'content-length': String(utf8(body).length) }
}

function pathOf(path: string, call: Call): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) query.set(name, String(value))
  }
  const filled =
    call.key === undefined ? path : path.replace(':key', () => segmentOf(call.key ?? ''))
  return query.size > 0 ? `${filled}?${query}` : filled
}

/** A key as one segment of a path. URLs give `.` and `..` a meaning that no encoding takes away (WHATWG URL 4.4). */
function segmentOf(key: string): string {
  if (key === '' || key === '.' || key === '..' || !key.isWellFormed()) {
    throw new UsageError('BAD_KEY', 'This key cannot be named in a URL.', {
      next: 'Keys are well-formed text other than "", "." and "..".',
    })
  }
  return encodeURIComponent(key)
}

async function textOf(response: IncomingMessage): Promise<string> {
  return (await bytesOf(response)).toString('utf8')
}

async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response) {
    length += chunk.length
    if (length > answerBytesMax) {
      response.destroy()
      throw new HostError('ANSWER_TOO_LARGE', `The answer is longer than ${answerBytesMax} bytes.`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function errorOf(response: IncomingMessage, text: string): ApiError | HostError {
  const status = response.statusCode ?? 0
  const answer = errorShape.safeParse(jsonOf(text)).data
  if (answer !== undefined) return new ApiError(status, answer.error)
  return new HostError('NOT_A_NODE', `The answer (${status}) is not one of a coterie node.`, {
    next: 'See which program listens at this address.',
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse throws SyntaxError: whoever listens there is not a node, as no shape will say.
    return undefined
  }
}

function lost(url: string, cause: Error): HostError {
  return new HostError('NOT_RUNNING', `No node answers at ${url}.`, {
    cause,
    next: 'Start it with coterie start, or name another one with --data-dir or --url.',
  })
}
