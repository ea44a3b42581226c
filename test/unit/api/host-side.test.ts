/** What the host of a production node gets out of its socket: tried from the host's side. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ApiClient } from '../../../src/api/client.ts'
import { type Route, routes } from '../../../src/api/contract.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { raw, served, token } from './served.ts'

const rows: readonly (readonly [string, Route])[] = Object.entries(routes)
const canaryKey = 'payroll/alice'
const canaryValue = 'c4nary-value'

async function production() {
  const served_ = await served({ opensToHost: false })
  const { state } = served_.node
  await state.set(canaryKey, utf8(canaryValue))
  await state.add('owners', utf8(canaryValue))
  state.asked.length = 0
  return served_
}

/** Every request that the contract knows, with and without the token, and some that it does not know. */
async function* everything(url: string) {
  const paths = new Set(
    rows.map(([, { path }]) => path.replace(':key', encodeURIComponent(canaryKey))),
  )
  for (const extra of [
    '/v1/state?prefix=pay',
    '/v1/state?limit=1',
    '/v1/state-watch?cursor=c-1',
    '/metrics',
    '/',
    '/v1',
    '/v1/state/',
    `/v1/state/${canaryKey}`,
    '/V1/STATE',
    '//v1/state',
    '/v1/status/../state',
    '/v1/%73tate',
  ]) {
    paths.add(extra)
  }
  const credentials: Record<string, string>[] = [
    {},
    { authorization: `Bearer ${token}` },
    { authorization: `Basic ${token}` },
    { authorization: 'Bearer wrong' },
    { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'localhost', forwarded: 'for=127.0.0.1' },
  ]
  for (const path of paths) {
    if (path === routes.events.path || path === routes.look.path) continue
    for (const headers of credentials) {
      for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS']) {
        const body = method === 'PUT' || method === 'POST' ? '{"text":"x"}' : undefined
        const answer = await raw(url, method, path, {
          headers: { ...headers, 'content-type': 'application/json' },
          ...(body === undefined ? {} : { body }),
        })
        yield { path, method, headers, answer }
      }
    }
  }
}

test('no route of a production node shows or takes a key or value of the state', async () => {
  const { url, node } = await production()
  let asked = 0
  for await (const { path, method, answer } of everything(url)) {
    asked++
    const all = answer.text + JSON.stringify(answer.headers)
    expect(all, `${method} ${path}`).not.toContain('payroll')
    expect(all, `${method} ${path}`).not.toContain(canaryValue)
    expect(all, `${method} ${path}`).not.toContain(Buffer.from(canaryValue).toString('base64'))
  }
  expect(asked).toBeGreaterThan(300)
  expect(node.state.asked).toEqual([])
  expect(node.state.watchers).toBe(0)
})

test('a state route says why it is closed and what to use, before it looks at the request', async () => {
  const { url } = await production()
  for (const [name, route] of rows.filter(([, { access }]) => access === 'state')) {
    const path = route.path.replace(':key', '%zz')
    const answer = await raw(url, route.method, `${path}?nonsense=1`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect([answer.status, answer.json.error.code], name).toEqual([403, 'NOT_FOR_THE_HOST'])
    expect(answer.json.error.next).toContain('createNode')
  }
})

test('the operator routes want the token, and a wrong one does not do', async () => {
  const { url } = await production()
  const wrong = [
    '',
    'Bearer',
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    `bearer ${token}`,
    `Basic ${token}`,
    `Bearer ${token} x`,
  ]
  for (const [name, route] of rows.filter(([, { access }]) => access === 'operator')) {
    const without = await raw(url, route.method, route.path)
    expect([without.status, without.json.error.code], name).toEqual([401, 'TOKEN_REQUIRED'])
    for (const authorization of wrong) {
      const answer = await raw(url, route.method, route.path, { headers: { authorization } })
      expect(answer.status, `${name} ${authorization}`).toBe(401)
      expect(answer.text).not.toContain(token)
    }
  }
  const authorization = `Bearer ${token}`
  const status = await raw(url, 'GET', '/v1/status', { headers: { authorization } })
  expect([status.status, status.json.testnet]).toEqual([200, false])
})

test('without the token a stranger learns that the node is well, and no id, count or address', async () => {
  const { url, node } = await production()
  for (const path of ['/health', '/livez', '/readyz', '/readyz?verbose', '/startupz']) {
    const answer = await raw(url, 'GET', path)
    expect(answer.status).toBe(200)
    for (const fact of [node.id, node.network, '127.0.0.1', 'fake'])
      expect(answer.text).not.toContain(fact)
  }
  node.phase = 'alone'
  const answer = await raw(url, 'GET', '/readyz')
  expect(answer.status).toBe(503)
  expect(answer.json.checks).toEqual([
    { name: 'active', ok: false, detail: 'no active member in reach' },
  ])
  const verbose = await raw(url, 'GET', '/readyz?verbose')
  expect(verbose.json.checks.map(({ name }: { name: string }) => name)).toEqual([
    'active',
    'admitted',
    'keyed',
    'clock',
    'event-loop',
  ])
  expect((await raw(url, 'GET', '/livez')).status).toBe(200)
})

test('an active node that all others turn away is not ready, and says so without naming anybody', async () => {
  const { url, node } = await production()
  node.warnings = [
    { code: 'TURNED_AWAY', text: 'Members refuse this node: REMOVED, scope identity.' },
  ]
  const answer = await raw(url, 'GET', '/readyz')
  expect(answer.status).toBe(503)
  expect(answer.json).toEqual({
    ok: false,
    checks: [
      {
        name: 'admitted',
        ok: false,
        detail: 'the manifest or others refuse this node: see its status',
      },
    ],
  })
  expect((await raw(url, 'GET', '/livez')).status).toBe(200)
})

function privateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-api-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a Unix socket is for its owner alone, and the client speaks over it', async () => {
  const folder = privateFolder()
  const httpSocket = join(folder, 'api.sock')
  const { url, client, node, stop } = await served({ httpSocket })
  expect(url).toBe(`unix:${httpSocket}`)
  expect(statSync(httpSocket).mode & 0o777).toBe(0o600)
  await client.set('k', { text: 'v' })
  expect((await client.status()).node).toBe(node.id)
  await stop()
  expect(() => statSync(httpSocket)).toThrow('ENOENT')
})

test('a socket in a directory that others can enter, or behind a link, is refused', async () => {
  const folder = privateFolder()
  const open = join(folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o755)
  await expect(served({ httpSocket: join(open, 'api.sock') })).rejects.toMatchObject({
    code: 'SOCKET_EXPOSED',
  })
  mkdirSync(join(folder, 'real'), { mode: 0o700 })
  symlinkSync(join(folder, 'real'), join(folder, 'link'))
  await expect(served({ httpSocket: join(folder, 'link', 'api.sock') })).rejects.toMatchObject({
    code: 'SOCKET_EXPOSED',
  })
})

test('the name of a crashed server is taken over; a living one or a file is not', async () => {
  const httpSocket = join(privateFolder(), 'api.sock')
  await served({ httpSocket })
  await expect(served({ httpSocket })).rejects.toMatchObject({ code: 'SOCKET_IN_USE' })
  const file = join(privateFolder(), 'file')
  writeFileSync(file, 'mine')
  await expect(served({ httpSocket: file })).rejects.toMatchObject({ code: 'SOCKET_IN_USE' })
  expect(statSync(file).size).toBe(4)
})

test('a busy port is named, with what to do', async () => {
  const { url } = await served()
  const httpPort = Number(new URL(url).port)
  const error = await served({ httpPort }).catch(caught => caught)
  expect(error).toMatchObject({ code: 'PORT_IN_USE' })
  expect(error.message).toContain(String(httpPort))
  expect(error.next).toContain('--http-port')
})

test('the client tells a node that is not there from a program that is not a node', async () => {
  const { url, stop } = await served()
  await stop()
  await expect(new ApiClient({ url }).status()).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  const other = createServer((_, response) => response.writeHead(500).end('<html>'))
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo
  await expect(new ApiClient({ url: `http://127.0.0.1:${port}` }).status()).rejects.toMatchObject({
    code: 'NOT_A_NODE',
  })
})

test('a loop that was held up is not live, and a node that has not started is told apart from a broken one', async () => {
  let lag = 0
  const { url, node } = await served({
    opensToHost: false,
    telemetry: { exposition: async () => '', loopLag: () => lag },
  })
  node.phase = 'starting'
  expect((await raw(url, 'GET', '/startupz')).status).toBe(503)
  expect((await raw(url, 'GET', '/livez')).status).toBe(200)
  node.phase = 'joining'
  expect((await raw(url, 'GET', '/startupz')).status).toBe(200)
  lag = 2_500
  for (const path of ['/livez', '/readyz']) {
    const answer = await raw(url, 'GET', path)
    expect([answer.status, answer.json.checks.at(-1).name]).toEqual([503, 'event-loop'])
  }
})

test('the token changes how loud the log is, and nothing else does', async () => {
  const loudness: { level: 'error' | 'warn' | 'info' | 'debug' } = { level: 'info' }
  const { url, client } = await served({ opensToHost: false, loudness })
  const stranger = new ApiClient({ url })
  await expect(stranger.setLogLevel('debug')).rejects.toMatchObject({ code: 'TOKEN_REQUIRED' })
  expect(loudness.level).toBe('info')
  await client.setLogLevel('debug')
  expect(loudness.level).toBe('debug')
  expect(await client.logLevel()).toEqual({ level: 'debug' })
  await expect(client.setLogLevel('loud' as never)).rejects.toMatchObject({ code: 'BAD_BODY' })
  stranger.close()
})

test('idle sockets without number do not keep the owner out: they are bounded and cut off', async () => {
  const { url, client } = await served({
    opensToHost: false,
    limits: { headersTimeout: 300, connectionsCheckingInterval: 50 },
  })
  const { hostname, port } = new URL(url)
  let closed = 0
  const sockets = Array.from({ length: 600 }, () => {
    const socket = connect({ host: hostname, port: Number(port) })
    socket
      .on('error', () => {})
      .on('close', () => closed++)
      .resume()
    return socket
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  // Beyond the bound they are closed at once, those below it when their headers do not come.
  await expect.poll(() => closed).toBe(sockets.length)
  expect((await client.health()).ok).toBe(true)
})
