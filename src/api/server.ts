/** The API on a socket: a loopback port, or a Unix socket for the owner of a private directory. */
import { chmod, lstat, mkdir, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import { HostError, UsageError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { AppSocket } from '../node/app-sockets.ts'
import type { CoterieNode } from '../node/handle.ts'
import { createApp } from './app.ts'
import { pageDir, readPage } from './page-files.ts'
import type { NodeRouteOptions } from './routes/node.ts'
import type { PageRouteOptions } from './routes/page.ts'

/** Where to serve and whom to let in; see the option table for each. */
export interface ServerOptions extends NodeRouteOptions, Partial<Pick<PageRouteOptions, 'page'>> {
  readonly httpHost: '127.0.0.1' | '::1'
  readonly httpPort: number
  /** In place of the port; empty for none. */
  readonly httpSocket: string
  readonly httpHosts: readonly string[]
  readonly httpOrigins: readonly string[]
  /** The application that the socket is for, if it is for one. */
  readonly confinedTo?: AppSocket
  /** The host's token. */
  readonly token: string
  readonly log: Logger
  /** Instead of `serverLimits`, for who cannot wait ten seconds to see a caller cut off. */
  readonly limits?: Partial<Record<keyof typeof serverLimits, number>>
}

/** A served API. */
export interface ApiServer {
  /** `http://127.0.0.1:9000` with the port really taken, or `unix:/path`. */
  readonly url: string
  /** Ends open requests and streams; when it resolves the socket is free. Idempotent. */
  stop(): Promise<void>
}

/** What Node holds callers to. Slow senders are cut off before they are many. */
export const serverLimits = {
  /** Milliseconds until all headers are there. */
  headersTimeout: 10_000,
  /** Milliseconds until the whole request is there; answers and streams take what they need. */
  requestTimeout: 30_000,
  /** Milliseconds an idle connection is kept. */
  keepAliveTimeout: 5_000,
  /** How often slow callers are looked for, in milliseconds. */
  connectionsCheckingInterval: 2_000,
  /** Bytes of request line and headers; the longest key, percent-encoded, takes 1,536. */
  maxHeaderSize: 16_384,
} as const

/** Open connections; streams take up to 64 of them. */
const connectionsMax = 256
/**
 * How long a stopping server still reads what callers had sent before they could know, in milliseconds. Closed at
 * once, their connections would be reset, and they would not know whether a write was made.
 */
const stopDrain = 100
/** How long open requests may take to end when the server stops, in milliseconds. */
const stopGrace = 2_000

/**
 * Serves the API of `node`.
 *
 * @throws {HostError} `PORT_IN_USE`, `SOCKET_IN_USE`, `LISTEN_FAILED`.
 * @throws {UsageError} `SOCKET_EXPOSED` if others can reach the directory of the socket.
 */
export async function serveApi(node: CoterieNode, options: ServerOptions): Promise<ApiServer> {
  const stopping = new AbortController()
  const app = createApp(node, {
    token: options.token,
    opensToHost: node.opensToHost,
    hosts: options.httpHosts,
    origins: options.httpOrigins,
    log: options.log,
    telemetry: options.telemetry,
    loudness: options.loudness,
    desk: node.opensToHost ? options.desk : '',
    page: options.page ?? readPage(pageDir),
    ...(options.lookPatience === undefined ? {} : { lookPatience: options.lookPatience }),
    confinedTo: options.confinedTo,
    signal: stopping.signal,
  })
  const server = createAdaptorServer({
    fetch: app.fetch,
    // The platform's own Request and Response stay what they are for the rest of the process.
    overrideGlobalObjects: false,
    serverOptions: { ...serverLimits, ...options.limits },
  }) as Server
  server.maxConnections = connectionsMax
  const url =
    options.httpSocket === '' ? await onPort(server, options) : await onSocket(server, options)
  // After listening: before, the error is the answer of this function.
  server.on('error', error => options.log.warn('api socket failed', { reason: error.message }))
  let stopped: Promise<void> | undefined
  return {
    url,
    stop() {
      stopped ??= closed(server, stopping)
      return stopped
    },
  }
}

async function onPort(server: Server, { httpHost, httpPort }: ServerOptions): Promise<string> {
  await listening(server, { host: httpHost, port: httpPort }).catch(cause => {
    if (cause.code !== 'EADDRINUSE') throw failedToListen(cause)
    throw new HostError(
      'PORT_IN_USE',
      `Port ${httpPort} on ${httpHost} is taken by another program.`,
      {
        cause,
        next: 'Choose another with --http-port, or 0 for any free one.',
      },
    )
  })
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? httpPort) : httpPort
  return `http://${httpHost.includes(':') ? `[${httpHost}]` : httpHost}:${port}`
}

async function onSocket(server: Server, { httpSocket }: ServerOptions): Promise<string> {
  const directory = dirname(httpSocket)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { mode, uid } = await lstat(directory)
  // Between listen and chmod the socket has the mode that the umask left: the directory keeps others out.
  if ((mode & 0o170077) !== 0o040000 || uid !== process.getuid?.()) {
    throw new UsageError('SOCKET_EXPOSED', `${directory} is not a directory of yours alone.`, {
      next: `Run chmod 700 ${directory}, or choose another httpSocket.`,
    })
  }
  await removeStaleSocket(httpSocket)
  await listening(server, { path: httpSocket }).catch(cause => {
    throw failedToListen(cause)
  })
  await chmod(httpSocket, 0o600)
  return `unix:${httpSocket}`
}

/** A crash leaves the socket's name behind. Only a socket is removed, and only if nobody answers. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(error => {
    if (error.code === 'ENOENT') return undefined
    throw failedToListen(error)
  })
  if (found === undefined) return
  const isAnswered = await new Promise<boolean>(resolve => {
    const probe = connect(path)
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (isAnswered || !found.isSocket()) {
    throw new HostError('SOCKET_IN_USE', `${path} is taken.`, {
      next: 'Choose another httpSocket.',
    })
  }
  await rm(path)
}

function listening(
  server: Server,
  where: { host: string; port: number } | { path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function failedToListen(cause: Error): HostError {
  return new HostError('LISTEN_FAILED', `The API could not listen: ${cause.message}.`, { cause })
}

async function closed(server: Server, stopping: AbortController): Promise<void> {
  stopping.abort()
  await wait(stopDrain)
  const isClosed = new Promise(resolve => server.close(resolve))
  // A kept-alive connection whose answer ends after `close` would stay until its timeout.
  const sweep = setInterval(() => server.closeIdleConnections(), 20)
  const grace = setTimeout(() => server.closeAllConnections(), stopGrace)
  await isClosed
  clearInterval(sweep)
  clearTimeout(grace)
}
