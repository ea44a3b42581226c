/** Which ports a testnet uses, and whether they are free. All on 127.0.0.1. */
import { createServer } from 'node:net'
import { HostError } from '../src/base/errors.ts'
import { listenerOf } from './socket-owner.ts'

export const basePortDefault = 9000
/** Distance between the HTTP port and the p2p port of one node. */
export const p2pOffset = 600
export const loopback = '127.0.0.1'

/** The HTTP port of node `index`. */
export const httpPort = (basePort: number, index: number): number => basePort + index
/** The announced p2p port of node `index`: its relay's. */
export const p2pPort = (basePort: number, index: number): number => basePort + p2pOffset + index

/** The port of the desk, between the two ranges: at most 50 nodes are asked for. */
export const deskPort = (basePort: number): number => basePort + 500

/**
 * Makes sure that nobody listens on the ports of a testnet.
 *
 * @throws {HostError} `PORT_IN_USE` naming the first busy port, who holds it if that can be seen, and how to move.
 */
export async function assertPortsFree(basePort: number, nodes: number): Promise<void> {
  for (let index = 0; index < nodes; index++) {
    await assertFree(httpPort(basePort, index), `HTTP of node ${index}`, basePort)
    await assertFree(p2pPort(basePort, index), `p2p of node ${index}`, basePort)
  }
  await assertFree(deskPort(basePort), 'the desk', basePort)
}

/** A base port whose whole range is free now, drawn at random so that parallel runs do not meet. */
export async function findFreeBase(nodes: number): Promise<number> {
  // Below the usual ephemeral range (32,768 and up), so that outgoing sockets do not take the ports meanwhile.
  const [low, high] = [11_000, 31_000]
  for (let attempt = 0; attempt < 200; attempt++) {
    const base = low + Math.floor(Math.random() * (high - low))
    if (await areFree(base, nodes)) return base
  }
  throw new HostError('NO_FREE_PORTS', `no ${nodes} free ports in a row were found`, {
    next: 'Close programs that listen on many ports of 127.0.0.1.',
  })
}

async function areFree(basePort: number, nodes: number): Promise<boolean> {
  if ((await tryListen(deskPort(basePort))) !== undefined) return false
  for (let index = 0; index < nodes; index++) {
    for (const port of [httpPort(basePort, index), p2pPort(basePort, index)]) {
      if ((await tryListen(port)) !== undefined) return false
    }
  }
  return true
}

async function assertFree(port: number, use: string, basePort: number): Promise<void> {
  const failure = await tryListen(port)
  if (failure === undefined) return
  if (failure === 'EACCES') {
    throw new HostError('PORT_FORBIDDEN', `port ${port} (${use}) needs rights that you lack`, {
      next: 'Choose ports above 1023: --base-port 9000.',
    })
  }
  const owner = listenerOf(port)
  const holder = owner === undefined ? 'another program' : `process ${owner.pid} (${owner.command})`
  const other = basePort + 100 <= 64_000 ? basePort + 100 : 9000
  throw new HostError(
    'PORT_IN_USE',
    `port ${port} (${use}) on ${loopback} is in use by ${holder}`,
    {
      next: `Stop ${holder}, or move the whole testnet: --base-port ${other}.`,
    },
  )
}

function tryListen(port: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', error => {
      resolve('code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN')
    })
    server.listen({ host: loopback, port, exclusive: true }, () => {
      server.close(() => resolve(undefined))
    })
  })
}
