import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RelayBoard } from '../../../testnet/relay.ts'

let board: RelayBoard
let node: Server
let arrived: Socket[]
let relayPort: number
const children: ChildProcess[] = []

beforeEach(async () => {
  board = new RelayBoard()
  arrived = []
  // Echoes, as the simplest node that answers.
  node = createServer({ allowHalfOpen: true }, socket => {
    arrived.push(socket)
    socket.on('error', () => {})
    socket.on('data', data => socket.write(data))
    socket.on('end', () => socket.end())
  })
  node.listen(0, '127.0.0.1')
  await once(node, 'listening')
  relayPort = await freePort()
  await board.open('node-1', relayPort)
  board.point('node-1', (node.address() as AddressInfo).port)
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const socket of arrived) socket.destroy()
  await board.close()
  node.close()
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function dial(): Socket {
  const socket = connect({ host: '127.0.0.1', port: relayPort, allowHalfOpen: true })
  socket.on('error', () => {})
  return socket
}

/** What comes back until `length` bytes or the end. */
function receive(socket: Socket, length: number): Promise<Buffer> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    const done = () => {
      socket.off('data', take).off('end', done)
      resolve(Buffer.concat(chunks))
    }
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      if (chunks.reduce((sum, part) => sum + part.length, 0) >= length) done()
    }
    socket.on('data', take).on('end', done)
  })
}

/** Resolves once the other side has closed, in order or not. */
function closed(socket: Socket): Promise<void> {
  socket.resume()
  socket.once('end', () => socket.end())
  return new Promise(resolve => socket.once('close', () => resolve()))
}

/** A process of its own that echoes its stdin through the relay, as another node would dial. */
async function dialFromProcess(name: string): Promise<ChildProcess> {
  const script = `
    const socket = require('node:net').connect(${relayPort}, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', () => console.log('closed'))
    socket.on('data', data => console.log(String(data)))
    process.stdin.on('data', data => socket.write(data))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  board.identify(child.pid!, name)
  return child
}

async function say(child: ChildProcess, text: string): Promise<string> {
  child.stdin!.write(text)
  const [answer] = await once(child.stdout!, 'data')
  return String(answer).trim()
}

test('bytes pass both ways and are counted on the link of the process that dialled', async () => {
  board.identify(process.pid, 'node-0')
  const socket = dial()
  socket.write('hello')
  expect(String(await receive(socket, 5))).toBe('hello')
  expect(board.links()).toMatchObject([
    { from: 'node-0', to: 'node-1', open: 1, opened: 1, bytesForth: 5, bytesBack: 5 },
  ])
})

test('two processes that dial one node are two links', async () => {
  const [two, three] = [await dialFromProcess('node-2'), await dialFromProcess('node-3')]
  expect(await say(two, 'from two')).toBe('from two')
  expect(await say(three, 'from three')).toBe('from three')
  const names = board.links().map(link => link.from)
  expect(names.sort()).toEqual(['node-2', 'node-3'])
})

test('a process that nobody named dials as outside', async () => {
  const socket = dial()
  socket.write('x')
  await receive(socket, 1)
  expect(board.links()).toMatchObject([{ from: 'outside', to: 'node-1' }])
})

test('an orderly end reaches the other side after all bytes', async () => {
  const socket = dial()
  const sent = Buffer.alloc(3_000_000, 7)
  socket.end(sent)
  const got = await receive(socket, sent.length + 1)
  expect(got.equals(sent)).toBe(true)
  await closed(socket)
  expect(board.links()[0]?.open).toBe(0)
})

test('a reset cut breaks only its link, refuses new connections, and heals', async () => {
  const [two, three] = [await dialFromProcess('node-2'), await dialFromProcess('node-3')]
  await say(two, 'a')
  await say(three, 'b')
  const broken = once(two.stdout!, 'data')
  board.cut({ from: 'node-2', to: 'node-1' }, 'reset')
  expect(String((await broken)[0]).trim()).toBe('closed')
  expect(await say(three, 'still here')).toBe('still here')
  const again = await dialFromProcess('node-2')
  expect(await say(again, 'x')).toBe('closed')
  board.heal({ from: 'node-2', to: 'node-1' })
  const healed = await dialFromProcess('node-2')
  expect(await say(healed, 'back')).toBe('back')
})

test('a silent cut holds bytes both ways and lets them go at the heal', async () => {
  board.identify(process.pid, 'node-0')
  const link = { from: 'node-0', to: 'node-1' }
  const socket = dial()
  socket.write('one')
  await receive(socket, 3)
  board.cut(link, 'silent')
  socket.write('two')
  const late = dial()
  late.write('new')
  await once(late, 'connect')
  const probe = dial()
  await once(probe, 'connect')
  expect(board.links()).toMatchObject([{ cut: 'silent', bytesForth: 3, bytesBack: 3 }])
  board.heal(link)
  expect(String(await receive(socket, 3))).toBe('two')
  expect(String(await receive(late, 3))).toBe('new')
})

test('a planted run in clear is seen in either direction, one in cipher is not', async () => {
  board.identify(process.pid, 'node-0')
  const secret = crypto.getRandomValues(new Uint8Array(32))
  board.plant({ name: 'value', bytes: secret })
  const socket = dial()
  const cipher = secret.map(byte => byte ^ 0x5a)
  socket.write(cipher)
  await receive(socket, 32)
  expect(board.plantedSeen()).toEqual([])
  socket.write(secret.subarray(0, 10))
  await receive(socket, 10)
  socket.write(secret.subarray(10))
  await receive(socket, 22)
  expect(board.plantedSeen()).toEqual([
    { from: 'node-0', to: 'node-1', run: 'value', direction: 'forth' },
    { from: 'node-0', to: 'node-1', run: 'value', direction: 'back' },
  ])
})

test('a node that does not run refuses, and is found again at its new port', async () => {
  board.point('node-1', undefined)
  const refused = dial()
  await closed(refused)
  board.point('node-1', (node.address() as AddressInfo).port)
  const socket = dial()
  socket.write('up')
  expect(String(await receive(socket, 2))).toBe('up')
})

test('a node that breaks its connection breaks it for the dialler too', async () => {
  const socket = dial()
  socket.write('x')
  await receive(socket, 1)
  arrived[0]!.resetAndDestroy()
  await closed(socket)
  expect(board.links()[0]?.open).toBe(0)
})

test('listening on a busy port is an error with a code', async () => {
  await expect(board.open('node-2', relayPort)).rejects.toMatchObject({ code: 'PORT_IN_USE' })
})

test('bytes are told to a listener with their link', async () => {
  board.identify(process.pid, 'node-0')
  const told: string[] = []
  board.onBytes((link, direction, chunk) => {
    told.push(`${link.from}>${link.to} ${direction} ${Buffer.from(chunk)}`)
  })
  const socket = dial()
  socket.write('hi')
  await receive(socket, 2)
  expect(told).toEqual(['node-0>node-1 forth hi', 'node-0>node-1 back hi'])
})

test('a flow that is cut one way holds what is sent that way on old connections, and lets it go at the heal', async () => {
  board.identify(process.pid, 'node-0')
  const socket = dial()
  socket.write('one')
  await receive(socket, 3)
  board.disturb({ from: 'node-0', to: 'node-1' }, { isCut: true })
  arrived[0]!.write('unasked')
  expect(String(await receive(socket, 7))).toBe('unasked')
  socket.write('two')
  const late = dial()
  late.write('new')
  await once(late, 'connect')
  arrived[0]!.write('again')
  expect(String(await receive(socket, 5))).toBe('again')
  expect(board.links()).toMatchObject([{ bytesForth: 3, bytesBack: 15 }])
  board.healAll()
  expect(String(await receive(socket, 3))).toBe('two')
  expect(String(await receive(late, 3))).toBe('new')
})

test('delayed bytes come late, in order and whole, and so does the end', async () => {
  board.identify(process.pid, 'node-0')
  board.disturb({ from: 'node-0', to: 'node-1' }, { delay: 80, jitter: 70 })
  const socket = dial()
  const begun = performance.now()
  const parts = Array.from({ length: 40 }, (_, each) => `${each};`)
  for (const part of parts) {
    socket.write(part)
    await new Promise(resolve => setImmediate(resolve))
  }
  socket.end()
  expect(String(await receive(socket, 1_000_000))).toBe(parts.join(''))
  // The least that the first chunk can take.
  expect(performance.now() - begun).toBeGreaterThan(9)
  await closed(socket)
})

test('a lost chunk holds its stream up and breaks nothing', async () => {
  board.identify(process.pid, 'node-0')
  board.disturb({ from: 'node-1', to: 'node-0' }, { loss: 1 })
  const socket = dial()
  const begun = performance.now()
  socket.write('slow')
  expect(String(await receive(socket, 4))).toBe('slow')
  expect(performance.now() - begun).toBeGreaterThan(990)
})

test('loss may break the connection instead, as often as the draws say', async () => {
  let drawn = 0.9
  await board.close()
  board = new RelayBoard(() => drawn)
  await board.open('node-1', relayPort)
  board.point('node-1', (node.address() as AddressInfo).port)
  board.identify(process.pid, 'node-0')
  board.disturb({ from: 'node-0', to: 'node-1' }, { loss: 0.5, lossKind: 'reset' })
  const socket = dial()
  socket.write('fine')
  expect(String(await receive(socket, 4))).toBe('fine')
  const isClosed = closed(socket)
  drawn = 0.1
  socket.write('last')
  await isClosed
  expect(board.links()[0]?.open).toBe(0)
})

test('a slow reader is not outrun: what a delay keeps is bounded', async () => {
  board.identify(process.pid, 'node-0')
  board.disturb({ from: 'node-0', to: 'node-1' }, { delay: 60_000 })
  const socket = dial()
  const chunk = Buffer.alloc(1 << 20)
  for (let each = 0; each < 64; each++) socket.write(chunk)
  let before = -1
  while (socket.bytesWritten - socket.writableLength !== before) {
    before = socket.bytesWritten - socket.writableLength
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  expect(socket.writableLength).toBeGreaterThan(40 << 20)
  board.healAll()
})
