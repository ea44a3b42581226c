/** A served fake node and a raw way to ask it, for the tests of the API. */
import { type IncomingMessage, request } from 'node:http'
import { onTestFinished } from 'vitest'
import { ApiClient } from '../../../src/api/client.ts'
import { type ServerOptions, serveApi } from '../../../src/api/server.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { Telemetry } from '../../../src/host/telemetry/port.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { FakeNode } from '../../fakes/node.ts'

export const token = 'T0ken'.repeat(9).slice(0, 43)

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape.
  readonly json: any
}

/** Asks with exactly these headers and this target: no client library in between that makes it nice. */
export function raw(
  url: string,
  method: string,
  path: string,
  options: { headers?: Record<string, string | string[]>; body?: string | Uint8Array } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, path, headers: options.headers ?? {}, agent: false })
    sent.once('error', reject)
    sent.once('response', async response => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      const text = Buffer.concat(chunks).toString('utf8')
      const { statusCode = 0, headers } = response
      resolve({
        status: statusCode,
        headers,
        text,
        get json() {
          return JSON.parse(text)
        },
      })
    })
    sent.end(options.body)
  })
}

/** Writes names alone: what prom-client makes of them is its own test. */
export const fakeTelemetry: Telemetry = {
  exposition: async families => `${families.map(({ name }) => name).join('\n')}\n`,
  loopLag: () => 0,
}

/** Serves a fake node on a free port until the test ends. */
export async function served(
  options: { opensToHost?: boolean } & Partial<ServerOptions> = {},
): Promise<Served & { node: FakeNode }> {
  const node = new FakeNode(options)
  return { node, ...(await servedOver(node, options)) }
}

interface Served {
  readonly url: string
  readonly client: ApiClient
  readonly stop: () => Promise<void>
}

/** Serves any node on a free port until the test ends. */
export async function servedOver(
  node: CoterieNode,
  options: Partial<ServerOptions> = {},
): Promise<Served> {
  const server = await serveApi(node, {
    httpHost: '127.0.0.1',
    httpPort: 0,
    httpSocket: '',
    httpHosts: [],
    httpOrigins: [],
    token,
    log: silentLogger,
    telemetry: fakeTelemetry,
    loudness: { level: 'info' },
    desk: '',
    page: new Map(),
    ...options,
  })
  const client = new ApiClient({ url: server.url, token })
  onTestFinished(async () => {
    client.close()
    await server.stop()
  })
  return { url: server.url, client, stop: () => server.stop() }
}
