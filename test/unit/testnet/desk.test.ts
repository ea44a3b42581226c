/** The desk of a testnet: what pages of its nodes may ask, and that nobody else is answered. */
import { request } from 'node:http'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { readEvents } from '../../../src/api/event-reader.ts'
import { UsageError } from '../../../src/base/errors.ts'
import { Desk } from '../../../testnet/desk.ts'
import type { FaultRequest } from '../../../testnet/fault-request.ts'
import { deskPort, findFreeBase, httpPort } from '../../../testnet/ports.ts'
import type { NodeSnapshot } from '../../../testnet/snapshot.ts'

const place: NodeSnapshot = {
  name: 'node-0',
  isExtra: false,
  pid: 1,
  http: 'http://127.0.0.1:9000',
  p2p: '/ip4/127.0.0.1/tcp/9600',
  status: null,
  members: [],
}
const done = { did: 'x', watch: 'y', undo: 'z', active: [] }

async function openDesk(refusal?: UsageError) {
  const asked: FaultRequest[] = []
  const basePort = await findFreeBase(2)
  const slots = [0, 1].map(index => ({ httpPort: httpPort(basePort, index) }))
  const faults = {
    active: () => [{ kind: 'kill', text: 'node-1 is down', undo: 'restart' }],
    apply: async (given: FaultRequest) => {
      if (refusal !== undefined) throw refusal
      asked.push(given)
      return done
    },
  }
  const desk = new Desk({ testnet: { slots: () => slots }, faults }, { basePort })
  await desk.listen()
  onTestFinished(() => desk.close())
  const port = deskPort(basePort)
  return { asked, desk, port, page: `http://127.0.0.1:${httpPort(basePort, 1)}` }
}

interface Asking {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

function ask(port: number, { method = 'POST', path = '/faults', headers = {}, body = '' }: Asking) {
  return new Promise<{ status: number; headers: object; text: string }>((resolve, reject) => {
    const options = { port, host: '127.0.0.1', method, path, headers, agent: false }
    const sent = request(options, async response => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

const json = { 'content-type': 'application/json' }
const kill = JSON.stringify({ kind: 'kill', nodes: ['node-1'] })

test("only pages of the testnet's own nodes are answered, under a name of loopback", async () => {
  const { asked, port, page } = await openDesk()
  const origins = ['null', 'http://evil.example', `${page}0`, page.replace('http:', 'https:'), '']
  for (const origin of origins) {
    const headers = { ...json, ...(origin === '' ? {} : { origin }) }
    const { status, text, headers: answered } = await ask(port, { headers, body: kill })
    expect([status, JSON.parse(text).error.code], origin).toEqual([403, 'ORIGIN_REFUSED'])
    expect(answered).not.toHaveProperty('access-control-allow-origin')
    const looks = await ask(port, { method: 'GET', path: '/looks', headers })
    expect(looks.status, origin).toBe(403)
  }
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost', '127.0.0.1:1']) {
    const { status } = await ask(port, { headers: { ...json, origin: page, host }, body: kill })
    expect(status, host).toBe(421)
  }
  expect(asked).toEqual([])
})

test('a page asks for a fault as JSON, and hears what was done or the refusal with its next step', async () => {
  const { asked, port, page } = await openDesk()
  const headers = { ...json, origin: page }
  const flight = await ask(port, { method: 'OPTIONS', headers: { origin: page } })
  expect(flight).toMatchObject({
    status: 204,
    headers: {
      'access-control-allow-origin': page,
      'access-control-allow-headers': 'content-type',
    },
  })
  const answer = await ask(port, { headers, body: kill })
  expect([answer.status, JSON.parse(answer.text)]).toEqual([200, done])
  expect(asked).toEqual([{ kind: 'kill', nodes: ['node-1'] }])
  const refusing = await openDesk(new UsageError('NODE_IS_DOWN', 'no', { next: 'start it' }))
  const refused = await ask(refusing.port, {
    headers: { ...json, origin: refusing.page },
    body: kill,
  })
  expect([refused.status, JSON.parse(refused.text).error]).toEqual([
    400,
    { code: 'NODE_IS_DOWN', message: 'no', next: 'start it' },
  ])
})

test('what a form can send, what is too long and what is no fault does nothing', async () => {
  const { asked, port, page } = await openDesk()
  const send = async (type: string, body: string) => {
    const answer = ask(port, { headers: { 'content-type': type, origin: page }, body })
    return (await answer.catch(() => ({ status: 0 }))).status
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
    expect(await send(type, kill), type).toBe(415)
  }
  for (const body of ['', '{', '[]', '{"kind":"reboot"}', '{"kind":"kill","nodes":[]}']) {
    expect(await send('application/json', body), body).toBe(400)
  }
  expect([413, 0]).toContain(await send('application/json', 'x'.repeat(100_000)))
  const get = await ask(port, { method: 'GET', headers: { origin: page } })
  expect(get.status).toBe(404)
  expect(asked).toEqual([])
})

test('a caller that goes in the middle of its request leaves the desk as it was', async () => {
  const { asked, port, page } = await openDesk()
  const head = ['POST /faults HTTP/1.1', `Host: 127.0.0.1:${port}`, `Origin: ${page}`]
  const socket = connect(port, '127.0.0.1')
  const lines = [...head, 'Content-Type: application/json', 'Content-Length: 500', '', '{"kind"']
  socket.write(lines.join('\r\n'))
  // A question behind it on another connection: by its answer the desk has begun with the first.
  expect((await ask(port, { headers: { ...json, origin: page }, body: '{' })).status).toBe(400)
  socket.resetAndDestroy()
  const { status } = await ask(port, { headers: { ...json, origin: page }, body: kill })
  expect([status, asked.length]).toEqual([200, 1])
})

test('a page that watches hears every look and what is broken; too many do not get in', async () => {
  const { desk, port, page } = await openDesk()
  desk.look([place])
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const watch = () =>
    fetch(`http://127.0.0.1:${port}/looks`, { headers: { origin: page }, signal: stop.signal })
  const { body } = await watch()
  const events = readEvents(body as unknown as AsyncIterable<Uint8Array>)
  const first = await events.next()
  desk.look([{ ...place, pid: null }])
  const second = await events.next()
  const running = [first, second].map(
    ({ value }) => JSON.parse(value?.data ?? '').nodes[0].isRunning,
  )
  expect(running).toEqual([true, false])
  expect(JSON.parse(second.value?.data ?? '').faults[0].text).toBe('node-1 is down')
  const others = await Promise.all(Array.from({ length: 16 }, watch))
  expect(others.map(({ status }) => status).filter(status => status === 503)).toHaveLength(1)
})

test('a page that comes late is told the names of those who are down, the latest of them', async () => {
  const { desk, port, page } = await openDesk()
  const status = (node: string) => ({ node, state: {} }) as NodeSnapshot['status']
  for (let boot = 0; boot < 300; boot++) desk.look([{ ...place, status: status(`id-${boot}`) }])
  desk.look([{ ...place, pid: null }])
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const { body } = await fetch(`http://127.0.0.1:${port}/looks`, {
    headers: { origin: page },
    signal: stop.signal,
  })
  const { value } = await readEvents(body as unknown as AsyncIterable<Uint8Array>).next()
  const { names } = JSON.parse(value?.data ?? '')
  expect(names).toHaveLength(256)
  expect(names.at(-1)).toEqual(['id-299', 'node-0'])
})

test('a page that does not read is cut off and never makes the testnet hold more', async () => {
  const { desk, port, page } = await openDesk()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`GET /looks HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: ${page}\r\n\r\n`)
  await new Promise(resolve => socket.once('data', resolve))
  socket.pause()
  const closed = new Promise(resolve => socket.once('close', resolve))
  // Beyond what the kernel holds for it.
  const long = { ...place, name: 'x'.repeat(16 * 1024 * 1024) }
  for (let i = 0; i < 4; i++) desk.look([long])
  socket.resume()
  await closed
})
