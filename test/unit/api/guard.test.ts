import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { type Route, type RouteName, routes } from '../../../src/api/contract.ts'
import { answerOfError, statusOfCode } from '../../../src/api/errors.ts'
import { routeExamples } from '../../../src/api/examples.ts'
import { serverLimits } from '../../../src/api/server.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { HostError, InvariantError, PeerFault, UsageError } from '../../../src/base/errors.ts'
import type { WriteRefusal } from '../../../src/protocol/replica/types.ts'
import { raw, served, token } from './served.ts'

const jsonHeaders = { 'content-type': 'application/json' }
const rows: readonly (readonly [string, Route])[] = Object.entries(routes)
const pathOf = (route: Route): string => route.path.replace(':key', 'k')

/** As the fake channel takes it. */
const sealedCall = JSON.stringify({ path: '/v1/state/k' })

/** Asks a route for real, with a body where it takes one. */
function ask(url: string, name: string, route: Route, headers: Record<string, string> = {}) {
  const { body: sent, query, key } = routeExamples[name as RouteName]
  const body = route.takes === undefined ? JSON.stringify(sent) : sealedCall
  // What must be asked for is in the example; other routes are asked as a stranger would.
  const isLight = route.access === 'light'
  const isNamed = isLight || route.access === 'custody'
  const path = isNamed ? route.path.replace(':key', key ?? '') : pathOf(route)
  const search = isLight && query !== undefined ? `?${new URLSearchParams(query)}` : ''
  return raw(url, route.method, path + search, {
    headers:
      route.body === null
        ? headers
        : {
            'content-type': route.takes?.type ?? 'application/json',
            'content-length': String(body.length),
            ...headers,
          },
    ...(route.body === null ? {} : { body }),
  })
}

/** Sends exactly these bytes, and resolves with all that comes back until the other side closes. */
function answerTo(url: string, bytes: string): Promise<string> {
  return new Promise(resolve => {
    let seen = ''
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(bytes))
    socket.on('data', data => {
      seen += data
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(seen))
  })
}

test('every route of the contract has a handler', async () => {
  const { url, node } = await served()
  await node.state.set('k', utf8('v'))
  for (const [name, route] of rows.filter(([, { stream }]) => !stream)) {
    const { status } = await ask(url, name, route)
    // A set operation on the register above is told so: that is the handler's answer, too.
    expect([200, 409], name).toContain(status)
  }
})

test('a foreign Host name is refused on every route: so looks DNS rebinding', async () => {
  const { url, node } = await served()
  const hosts = [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example:9000',
    'evil.example:80',
    '0.0.0.0',
    '192.168.0.1',
    '[::2]',
    'localhost:9000:9000',
    'localhost, evil.example',
  ]
  for (const [name, route] of rows) {
    for (const host of hosts) {
      const answer = await ask(url, name, route, { host })
      expect([421, 400], `${name} ${host}`).toContain(answer.status)
      expect(answer.text).not.toContain(node.id)
    }
  }
  expect(node.state.asked).toEqual([])
})

test('loopback names and listed names pass, whatever the port and case', async () => {
  const { url } = await served({ httpHosts: ['node-1.internal'] })
  for (const host of [
    'localhost',
    'LOCALHOST:1',
    '127.0.0.1:9000',
    '[::1]:9000',
    'node-1.internal:80',
  ]) {
    expect((await raw(url, 'GET', '/health', { headers: { host } })).status, host).toBe(200)
  }
})

test('a request line that names another host than its Host header is refused', async () => {
  const { url } = await served()
  const answer = await raw(url, 'GET', 'http://evil.example/v1/status', {
    headers: { host: 'localhost' },
  })
  expect([answer.status, answer.json.error.code]).toEqual([421, 'HOST_REFUSED'])
})

test('a web page may not call, a sandboxed one (Origin: null) neither, unless it is listed', async () => {
  const { url } = await served({ httpOrigins: ['http://127.0.0.1:5173'] })
  const { port } = new URL(url)
  const near = [`http://localhost:${port}`, `https://127.0.0.1:${port}`, `${url}/`, `${url}0`]
  for (const origin of ['null', 'https://evil.example', 'http://127.0.0.1:5174', ...near]) {
    for (const path of ['/health', '/v1/status', '/v1/state/k']) {
      const answer = await raw(url, 'GET', path, { headers: { origin } })
      expect([answer.status, answer.json.error.code], `${origin} ${path}`).toEqual([
        403,
        'ORIGIN_REFUSED',
      ])
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    }
  }
  const listed = await raw(url, 'GET', '/v1/status', {
    headers: { origin: 'http://127.0.0.1:5173' },
  })
  expect(listed.status).toBe(200)
})

test('the page that this server gives out may call, and no page under a foreign name that leads here', async () => {
  const { url } = await served()
  expect((await raw(url, 'GET', '/v1/status', { headers: { origin: url } })).status).toBe(200)
  const rebound = { host: 'evil.example', origin: 'http://evil.example' }
  expect((await raw(url, 'GET', '/v1/status', { headers: rebound })).status).toBe(421)
})

test('a form post of a foreign page changes nothing', async () => {
  const { url, node } = await served()
  const forms = [
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/plain; application/json',
    'application/json; charset=utf-16',
    '',
  ]
  for (const type of forms) {
    const headers = type === '' ? {} : { 'content-type': type }
    const answer = await raw(url, 'POST', '/v1/state/k/elements', { headers, body: '{"text":"x"}' })
    expect([answer.status, answer.json.error.code], type).toEqual([415, 'JSON_REQUIRED'])
  }
  expect(node.state.asked).toEqual([])
})

test('no GET or HEAD changes anything, and another method on a known path is told so', async () => {
  const { url, node } = await served()
  for (const [, route] of rows.filter(([, { stream }]) => !stream)) {
    await raw(url, 'GET', pathOf(route))
    await raw(url, 'HEAD', pathOf(route))
  }
  expect(node.state.asked).toEqual([])
  expect(node.removed).toEqual([])
  const answer = await raw(url, 'PATCH', '/v1/state/k', { headers: jsonHeaders, body: '{}' })
  expect([answer.status, answer.json.error.code]).toEqual([405, 'METHOD_NOT_ALLOWED'])
  expect(answer.headers.allow).toBe('GET, PUT, DELETE')
  expect((await raw(url, 'GET', '/v1/nothing')).json.error.code).toBe('NOT_FOUND')
})

test('an oversized body is refused, announced or not, and reaches no handler', async () => {
  const { url, node } = await served()
  const body = JSON.stringify({ text: 'x'.repeat(1024 * 1024) })
  const announced = await raw(url, 'PUT', '/v1/state/k', {
    headers: { ...jsonHeaders, 'content-length': String(body.length) },
    body,
  }).catch(error => error.code)
  expect(announced.status ?? announced).toSatisfy(
    seen => seen === 413 || seen === 'EPIPE' || seen === 'ECONNRESET',
  )
  const chunked = await raw(url, 'PUT', '/v1/state/k', {
    headers: { ...jsonHeaders, 'transfer-encoding': 'chunked' },
    body,
  }).catch(error => error.code)
  expect(chunked.status ?? chunked).toSatisfy(
    seen => seen === 413 || seen === 'EPIPE' || seen === 'ECONNRESET',
  )
  expect(node.state.asked).toEqual([])
  expect((await raw(url, 'GET', '/health')).status).toBe(200)
})

test('a body that is not UTF-8, not JSON or of another shape is refused without being repeated', async () => {
  const { url, node } = await served()
  const bodies = [
    Uint8Array.of(0x22, 0xff, 0x22),
    '{"text":"canary"',
    '{"text":"canary","more":1}',
    '[]',
    '',
    '['.repeat(500_000),
  ]
  for (const body of bodies) {
    const answer = await raw(url, 'PUT', '/v1/state/k', { headers: jsonHeaders, body })
    expect([answer.status, answer.json.error.code], String(body).slice(0, 30)).toEqual([
      400,
      'BAD_BODY',
    ])
    expect(answer.text).not.toContain('canary')
  }
  expect(node.state.asked).toEqual([])
})

test('a caller that sends its headers slowly is cut off: the limits are set on the server', async () => {
  expect(serverLimits.headersTimeout).toBeLessThanOrEqual(10_000)
  expect(serverLimits.requestTimeout).toBeLessThanOrEqual(30_000)
  const limits = { headersTimeout: 50, requestTimeout: 100, connectionsCheckingInterval: 10 }
  const { url, node } = await served({ limits })
  const slow = [
    'GET /health HTTP/1.1\r\nHost: localhost\r\n',
    'PUT /v1/state/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"tex',
  ]
  for (const start of slow) expect(await answerTo(url, start)).toMatch(/^HTTP\/1\.1 408 |^$/)
  expect(node.state.asked).toEqual([])
})

test('headers without end are refused', async () => {
  const { url } = await served()
  const headers = { 'x-much': 'y'.repeat(20_000) }
  expect((await raw(url, 'GET', '/health', { headers })).status).toBe(431)
})

test('a request without a Host, or with two, does not get through', async () => {
  const { url } = await served()
  for (const head of ['', 'Host: localhost\r\nHost: evil.example\r\n']) {
    const text = await answerTo(url, `GET /v1/status HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 4/)
  }
})

test('a token in a URL is refused under any name, also on a testnet', async () => {
  for (const opensToHost of [true, false]) {
    const { url } = await served({ opensToHost })
    const queries = [
      `token=${token}`,
      'token=guess',
      `access_token=${token}`,
      `x=${token}`,
      `prefix=${token}`,
      'API_KEY=1',
    ]
    for (const query of queries) {
      const answer = await raw(url, 'GET', `/v1/status?${query}`, {
        headers: { authorization: `Bearer ${token}` },
      })
      expect([answer.status, answer.json.error.code], query).toEqual([400, 'TOKEN_IN_URL'])
      expect(answer.text).not.toContain(token)
    }
  }
})

test('answers cannot be framed, cached, sniffed or read by other origins', async () => {
  const { url } = await served()
  for (const path of ['/health', '/v1/nothing', '/v1/state/k', '/v1/status']) {
    const { headers } = await raw(url, 'GET', path)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    })
  }
})

test('every code that the node promises has a status of its own', () => {
  const source = readFileSync(new URL('../../../src/node/handle.ts', import.meta.url), 'utf8')
  const promised = [...source.matchAll(/`([A-Z]{5,}(?:_[A-Z]+)*|[A-Z]+(?:_[A-Z]+)+)`/g)].map(
    ([, code]) => code as string,
  )
  expect(promised.length).toBeGreaterThanOrEqual(9)
  const refusals: Record<WriteRefusal, true> = {
    NOT_READY: true,
    NO_PEER_TO_ACK: true,
    ACK_TIMEOUT: true,
    KEY_TOO_LONG: true,
    BAD_KEY: true,
    NOT_YOURS: true,
    VALUE_TOO_LARGE: true,
    WRONG_KIND: true,
    NO_WRITE_RULE: true,
    NOT_FOR_MEMBERS: true,
    BAD_VALUE: true,
    QUOTA_FULL: true,
    BAD_AMOUNT: true,
    COUNTER_FULL: true,
    COUNTER_STAYS: true,
    QUEUE_FULL: true,
    STOPPING: true,
  }
  promised.push(...Object.keys(refusals))
  for (const code of promised) expect(statusOfCode, code).toHaveProperty(code)
  for (const status of Object.values(statusOfCode)) expect(status).toBeGreaterThanOrEqual(400)
})

test('a code that is not in the table falls back on whose fault it was', () => {
  const status = (error: unknown) => answerOfError(error).status
  expect(status(new PeerFault('SOME_PROOF', 'x'))).toBe(422)
  expect(status(new UsageError('SOME_USE', 'x'))).toBe(400)
  expect(status(new HostError('SOME_DISK', 'x'))).toBe(503)
  expect(answerOfError(new InvariantError('canary'))).toEqual(answerOfError(new Error('canary')))
  expect(JSON.stringify(answerOfError(new InvariantError('canary')))).not.toContain('canary')
  expect(JSON.stringify(answerOfError('canary'))).not.toContain('canary')
})

test('removal items reach the node, and one that does not prove itself is a 422', async () => {
  const { client, node, url } = await served()
  expect(await client.remove([Uint8Array.of(1, 2), Uint8Array.of(3)])).toEqual({ added: 2 })
  expect(node.removed).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3)])
  await expect(client.remove([Uint8Array.of(0)])).rejects.toMatchObject({
    status: 422,
    code: 'REMOVAL_NOT_PROVEN',
  })
  for (const body of ['{"items":[]}', '{"items":["?"]}', '{"items":"AQ=="}', '{}']) {
    const answer = await raw(url, 'POST', '/v1/removals', { headers: jsonHeaders, body })
    expect(answer.json.error.code, body).toBe('BAD_BODY')
  }
})
