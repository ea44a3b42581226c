/**
 * The desk of a testnet: where the page of a node, in a browser on this machine, sees the whole testnet and asks for faults.
 *
 * It stands in the process of `testnet up`, beside the control socket, because nodes know no faults. A browser carries requests of any
 * page that is open in it, so a caller must come from a page of one of this testnet's nodes: by its `Origin`, which no page can choose, behind a
 * `Host` of loopback, which no rebound name has, and with JSON, which no form can send.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { CoterieError, HostError, UsageError } from '../src/base/errors.ts'
import type { DeskLook, DeskNode } from '../src/web/dashboard/desk.ts'
import { type FaultRequest, parseFault } from './fault-request.ts'
import type { Faults } from './faults.ts'
import type { NodeSlot } from './network.ts'
import { deskPort, loopback } from './ports.ts'
import type { NodeSnapshot } from './snapshot.ts'

/** Pages that watch at a time. */
const readersMax = 16
/** Bytes on their way to a page that reads slowly: a few looks of a large testnet. Beyond them it is cut off. */
const unreadMax = 4 * 1024 * 1024
/** Identities whose place is kept: each restart makes another. */
const namesMax = 256
/** As on the control socket. */
const requestBytesMax = 16_384
/** Milliseconds until headers, and the whole request, are there. */
const requestPatience = 10_000
const connectionsMax = 64

export const deskOrigin = (basePort: number): string => `http://${loopback}:${deskPort(basePort)}`

export interface DeskPorts {
  readonly testnet: { slots(): readonly Pick<NodeSlot, 'httpPort'>[] }
  readonly faults: Pick<Faults, 'apply' | 'active'>
}

export class Desk {
  readonly #ports: DeskPorts
  readonly #port: number
  readonly #server: Server
  readonly #readers = new Set<ServerResponse>()
  readonly #names = new Map<string, string>()
  #nodes: readonly NodeSnapshot[] = []

  constructor(ports: DeskPorts, options: { readonly basePort: number }) {
    this.#ports = ports
    this.#port = deskPort(options.basePort)
    const limits = { headersTimeout: requestPatience, requestTimeout: requestPatience }
    this.#server = createServer(limits, (request, response) => void this.#serve(request, response))
    this.#server.maxConnections = connectionsMax
  }

  /** @throws {HostError} `PORT_IN_USE`. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', cause => {
        reject(new HostError('PORT_IN_USE', `port ${this.#port} (the desk) is taken`, { cause }))
      })
      this.#server.listen(this.#port, loopback, resolve)
    })
  }

  /** Tells every page that watches; one that has not taken what it was told before gets the next look instead. */
  look(nodes: readonly NodeSnapshot[]): void {
    this.#nodes = nodes
    for (const { name, status } of nodes) if (status !== null) this.#name(status.node, name)
    // Of a large testnet a look is long, and most of the time nobody watches.
    const text = this.#readers.size === 0 ? '' : this.#text()
    for (const reader of this.#readers) {
      if (reader.writableLength > unreadMax) reader.destroy()
      else if (!reader.writableNeedDrain) reader.write(text)
    }
  }

  #name(node: string, name: string): void {
    this.#names.set(node, name)
    const [oldest] = this.#names.keys()
    if (this.#names.size > namesMax && oldest !== undefined) this.#names.delete(oldest)
  }

  #text(): string {
    const faults = this.#ports.faults.active()
    const look: DeskLook = { nodes: this.#nodes.map(placeOf), names: [...this.#names], faults }
    return `data: ${JSON.stringify(look)}\n\n`
  }

  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => response.destroy())
    try {
      const origin = this.#admitted(request)
      response.setHeader('access-control-allow-origin', origin)
      response.setHeader('vary', 'origin')
      const asked = `${request.method} ${request.url}`
      if (asked === 'GET /looks') return this.#addReader(response)
      if (asked === 'OPTIONS /faults') return allowJson(response)
      if (asked !== 'POST /faults') throw new UsageError('NOT_FOUND', 'The desk has no such route.')
      answer(response, 200, await this.#ports.faults.apply(await faultOf(request)))
    } catch (error) {
      if (!(error instanceof CoterieError)) throw error
      const { code, message, next } = error
      answer(response, statuses[code] ?? 400, { error: { code, message, next } })
    }
  }

  /** The origin of the page that asks. @throws {UsageError} `HOST_REFUSED`, `ORIGIN_REFUSED`. */
  #admitted({ headers }: IncomingMessage): string {
    const names = [loopback, 'localhost']
    if (!names.some(name => headers.host === `${name}:${this.#port}`)) {
      throw new UsageError('HOST_REFUSED', 'The request names a host that the desk does not go by.')
    }
    const ports = this.#ports.testnet.slots().map(({ httpPort }) => httpPort)
    const known = ports.flatMap(port => names.map(name => `http://${name}:${port}`))
    const { origin } = headers
    if (origin === undefined || !known.includes(origin)) {
      throw new UsageError('ORIGIN_REFUSED', 'Pages of the nodes of this testnet alone may ask.', {
        next: 'From a terminal use: coterie testnet fault.',
      })
    }
    return origin
  }

  #addReader(response: ServerResponse): void {
    if (this.#readers.size >= readersMax) {
      throw new UsageError('TOO_MANY_STREAMS', `More than ${readersMax} pages watch already.`)
    }
    this.#readers.add(response)
    response.once('close', () => this.#readers.delete(response))
    response.writeHead(200, { ...plainHeaders, 'content-type': 'text/event-stream' })
    response.write(this.#text())
  }
}

const statuses: Readonly<Record<string, number>> = {
  HOST_REFUSED: 421,
  ORIGIN_REFUSED: 403,
  NOT_FOUND: 404,
  JSON_REQUIRED: 415,
  BODY_TOO_LARGE: 413,
  TOO_MANY_STREAMS: 503,
}

const plainHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { ...plainHeaders, 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** What a browser asks before it sends JSON to another origin. */
function allowJson(response: ServerResponse): void {
  response.setHeader('access-control-allow-methods', 'POST')
  response.setHeader('access-control-allow-headers', 'content-type')
  response.writeHead(204, plainHeaders).end()
}

async function faultOf(request: IncomingMessage): Promise<FaultRequest> {
  if (request.headers['content-type'] !== 'application/json') {
    throw new UsageError('JSON_REQUIRED', 'The body is not application/json.')
  }
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of request) {
      length += part.length
      if (length > requestBytesMax) {
        throw new UsageError('BODY_TOO_LARGE', `A request has at most ${requestBytesMax} bytes.`)
      }
      parts.push(part)
    }
  } catch (cause) {
    if (cause instanceof CoterieError) throw cause
    throw new HostError('REQUEST_BROKEN', 'The request broke off.', { cause })
  }
  try {
    return parseFault(JSON.parse(Buffer.concat(parts).toString('utf8')))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new UsageError('BAD_FAULT', 'The body is not JSON.')
  }
}

function placeOf({ name, isExtra, pid, http, status, members }: NodeSnapshot): DeskNode {
  return {
    ...{ name, isExtra, http, isRunning: pid !== null },
    node: status?.node ?? null,
    phase: status?.phase ?? null,
    root: status?.state.root ?? null,
    members: members.map(({ node, phase, state, connected, self, vouchedBy }) => ({
      ...{ node, phase, state, connected, self, vouchedBy },
    })),
  }
}
