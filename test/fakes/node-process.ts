/**
 * A process that looks like a node from outside: same configuration, run file and API, none of the substance.
 * Peers tell each other their addresses in clear and count as alive while a connection is open.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Answer } from '../../src/api/contract.ts'
import { noQuorumKey } from './node.ts'

interface Config {
  dataDir: string
  announce: string[]
  bootstrap: string[]
  httpPort: number
}

const configPath = process.argv.at(-1) ?? ''
const config = JSON.parse(readFileSync(configPath, 'utf8')) as Config
const portOf = (address: string | undefined): number => Number(address?.split('/')[4])
const self = { id: `fake-${randomUUID()}`, port: portOf(config.announce[0]) }
const open = new Map<Socket, { id: string; port: number } | undefined>()
const dialled = new Set<number>([self.port])
const events = [`hello from ${self.id}`]

function talk(socket: Socket): void {
  open.set(socket, undefined)
  socket.on('error', () => {})
  socket.on('close', () => open.delete(socket))
  const lines = createInterface({ input: socket })
  lines.on('error', () => {})
  lines.on('line', line => {
    const heard = JSON.parse(line) as { me: { id: string; port: number }; known: number[] }
    open.set(socket, heard.me)
    for (const port of [heard.me.port, ...heard.known]) dial(port)
  })
  say(socket)
}

function say(socket: Socket): void {
  const known = [...open.values()].flatMap(peer => (peer === undefined ? [] : [peer.port]))
  socket.write(`${JSON.stringify({ me: self, known })}\n`)
}

function dial(port: number): void {
  if (dialled.has(port)) return
  dialled.add(port)
  const socket = connect(port, '127.0.0.1', () => talk(socket))
  socket.on('error', () => {})
  socket.on('close', () => dialled.delete(port))
}

function members(): Answer<'members'>['members'] {
  const ids = new Set([...open.values()].flatMap(peer => (peer === undefined ? [] : [peer.id])))
  return [...new Set([self.id, ...ids])].map(node => ({
    node,
    phase: 'active',
    state: 'alive',
    platform: 'fake',
    instance: '',
    measurement: '',
    owner: null,
    verdictExpiresAt: '',
    isFresh: true,
    vouchedBy: [],
    cause: null,
    phi: 0,
    connected: true,
    self: node === self.id,
  }))
}

function status(): Answer<'status'> {
  const live = members().length
  return {
    node: self.id,
    network: 'fake',
    networkName: 'fake',
    testnet: true,
    tee: 'fake',
    phase: 'active',
    next: '',
    version: '0',
    addresses: config.announce,
    listening: [],
    manifest: { nonce: 0, hash: '' },
    measurements: [],
    members: { active: live, live, known: live },
    state: {
      root: 'aabbccddeeff',
      entries: 0,
      delivered: 0,
      writesPerSecond: 0,
      deliveriesPerSecond: 0,
    },
    keys: { traffic: 1, storage: 1, commit: 1 },
    removals: { count: 0, digest: '' },
    quorumKey: noQuorumKey,
    lease: { state: 'held', until: null, instances: 1, citing: 1 },
    warnings: [],
    uptimeSeconds: process.uptime(),
  }
}

const answers: Record<string, () => object> = {
  '/v1/status': status,
  '/v1/members': () => ({ members: members() }),
  '/v1/peers': () => ({ peers: [] }),
  '/v1/refusals': () => ({ refusals: [] }),
}

const http = createHttpServer((request, response) => {
  if (request.url === '/v1/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const event = { at: new Date().toISOString(), kind: 'fake', text: events[0], facts: {} }
    response.write(`data: ${JSON.stringify(event)}\n\n`)
    return
  }
  const answer = answers[request.url ?? '']
  response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(answer?.() ?? {}))
})
const p2p = createServer(talk)

http.listen(config.httpPort, '127.0.0.1', () => {
  p2p.listen(0, '127.0.0.1', () => {
    const { port } = p2p.address() as AddressInfo
    const run = {
      pid: process.pid,
      http: `http://127.0.0.1:${config.httpPort}`,
      p2p: [`/ip4/127.0.0.1/tcp/${port}/p2p/${self.id}`],
      node: self.id,
    }
    writeFileSync(join(config.dataDir, 'run.json'), JSON.stringify(run))
    process.stdout.write('fake node listens\n')
  })
})
setInterval(() => {
  for (const address of config.bootstrap) dial(portOf(address))
  for (const socket of open.keys()) say(socket)
}, 50)
process.on('SIGTERM', () => process.exit(0))
