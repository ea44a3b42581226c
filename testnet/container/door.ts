/**
 * The door of a container: lets the host, and nobody else, to the API of the node, which listens on loopback alone whatever it runs in.
 *
 * Inside of a container loopback is the container's own, so that a published port would lead nowhere. Binding the API to the network of
 * the containers instead would open it to all of them, and it has neither TLS nor a token there. What comes through a published port
 * comes from the gateway of that network, which is the host; containers beside this one have addresses of their own and are turned away
 * before a byte of theirs is read. The door reads nothing of what it passes on: `Host` and `Origin` are held against the rules by the API.
 */
import { readFile } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

/** Where the image says that the API is published, and where the node of the container serves it. */
const [doorPort, apiPort] = [8080, 9000]
/** As many as the API takes. */
const connectionsMax = 256

/** Addresses of the host as a container sees it: loopback, and the gateway of its default route if it has one. */
export function hostAddresses(routes: string): ReadonlySet<string> {
  return new Set(['127.0.0.1', ...gatewaysIn(routes)])
}

/** Gateways of default routes in the form of `/proc/net/route`: numbers in hexadecimal, least significant byte first (proc(5)). */
function gatewaysIn(routes: string): readonly string[] {
  return routes.split('\n').flatMap(line => {
    const [, destination, gateway = '', , , , , mask] = line.trim().split(/\s+/)
    const isDefault = destination === '00000000' && mask === '00000000'
    if (!isDefault || !/^[0-9A-F]{8}$/.test(gateway) || gateway === '00000000') return []
    return [[...Buffer.from(gateway, 'hex')].reverse().join('.')]
  })
}

export interface DoorOptions {
  /** IPv4 addresses that may pass. */
  readonly welcome: ReadonlySet<string>
  readonly listen: { readonly host: string; readonly port: number }
  /** On loopback. */
  readonly apiPort: number
}

/** Resolves once it listens. */
export async function openDoor({ welcome, listen, apiPort }: DoorOptions): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, caller => {
    if (welcome.has(caller.remoteAddress ?? '')) passOn(caller, apiPort)
    else caller.destroy()
  })
  server.maxConnections = connectionsMax
  const listening = Promise.withResolvers<void>()
  server.once('error', listening.reject)
  server.listen(listen, listening.resolve)
  await listening.promise
  return server
}

function passOn(caller: Socket, port: number): void {
  const api = createConnection({ host: '127.0.0.1', port, allowHalfOpen: true })
  // Whichever side breaks takes the other along; what ends in order is read to its end first.
  for (const [one, other] of [
    [caller, api],
    [api, caller],
  ] as const) {
    one.on('error', () => other.destroy())
    one.pipe(other)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const welcome = hostAddresses(await readFile('/proc/net/route', 'utf8'))
  await openDoor({ welcome, listen: { host: '0.0.0.0', port: doorPort }, apiPort })
}
