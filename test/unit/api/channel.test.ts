/** The routes of sealed calls over real sockets: who may knock, what is taken, and what calls reach. */
import { expect, test } from 'vitest'
import { routes } from '../../../src/api/contract.ts'
import { custodyRoutes } from '../../../src/api/custody-contract.ts'
import { sealedCalls } from '../../../src/api/sealed-app.ts'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { CoterieError, UsageError } from '../../../src/base/errors.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { limits } from '../../../src/wire/limits.ts'
import { callAnswerCodec } from '../../../src/wire/sealed-call.ts'
import { FakeNode } from '../../fakes/node.ts'
import { raw, served } from './served.ts'

const cbor = { 'content-type': 'application/cbor' }
/** As the fake channel takes calls: unsealed. */
const call = (fields: object): string => JSON.stringify(fields)

test('anybody may carry a sealed call, pages of every origin too, and gets bytes', async () => {
  const { url, node } = await served({ opensToHost: false })
  await node.state.set('k', utf8('v'))
  for (const origin of [undefined, 'null', 'https://wallet.example']) {
    const headers = origin === undefined ? {} : { origin }
    const offer = await raw(url, 'GET', '/light/channel', { headers })
    expect([offer.status, offer.text, offer.headers['content-type']]).toEqual([
      200,
      'offer',
      cbor['content-type'],
    ])
    const body = call({ path: '/v1/state/k' })
    const answer = await raw(url, 'POST', '/light/sealed', {
      headers: { ...headers, ...cbor },
      body,
    })
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'cache-control': 'no-store',
      ...cbor,
    })
    expect(answer.text).toContain('"text":"v"')
  }
  // The state itself stays closed on this socket.
  expect((await raw(url, 'GET', '/v1/state/k')).json.error.code).toBe('NOT_FOR_THE_HOST')
})

test('a page that asks first may send sealed calls, and nothing to any other route', async () => {
  const { url } = await served()
  const headers = { origin: 'https://wallet.example', 'access-control-request-method': 'POST' }
  const asked = await raw(url, 'OPTIONS', '/light/sealed', { headers })
  expect(asked.status).toBe(204)
  expect(asked.headers).toMatchObject({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'content-type',
  })
  for (const path of ['/light/channel', '/v1/state/k', '/v1/removals', '/health']) {
    const { status, headers: told } = await raw(url, 'OPTIONS', path, { headers })
    expect(status, path).toBeGreaterThanOrEqual(403)
    expect(told['access-control-allow-methods'], path).toBeUndefined()
  }
})

test('bytes of another media type, too many of them, or another method reach no channel', async () => {
  const { url, node } = await served()
  node.channel.failWith = new Error('reached')
  const codeOf = async (body: string, headers: Record<string, string>): Promise<string> =>
    (await raw(url, 'POST', '/light/sealed', { headers, body })).json.error.code
  expect(await codeOf('{}', { 'content-type': 'application/json' })).toBe('CBOR_REQUIRED')
  expect(await codeOf('{}', {})).toBe('CBOR_REQUIRED')
  expect(await codeOf('{}', { 'content-type': 'application/cbor; x=1' })).toBe('CBOR_REQUIRED')
  const large = 'x'.repeat(limits.sealedCallBytesMax + 1)
  for (const how of [
    { 'content-length': String(large.length) },
    { 'transfer-encoding': 'chunked' },
  ]) {
    const answer = await raw(url, 'POST', '/light/sealed', {
      headers: { ...cbor, ...how },
      body: large,
    }).catch(error => ({ status: error.code }))
    expect([413, 'EPIPE', 'ECONNRESET']).toContain(answer.status)
  }
  expect((await raw(url, 'GET', '/light/sealed')).status).toBe(405)
  expect(
    (await raw(url, 'POST', '/light/sealed?x=1', { headers: cbor, body: '' })).json.error.code,
  ).toBe('BAD_REQUEST')
})

test('refusals of the channel have their status and code, and a bug stays in the log', async () => {
  const { url, node } = await served()
  const rows = [
    [new UsageError('CALL_REFUSED', 'No.', { next: 'Look.' }), 403, 'CALL_REFUSED'],
    [new CoterieError('TOO_MANY_REQUESTS', 'No.', { next: 'Wait.' }), 429, 'TOO_MANY_REQUESTS'],
    [new CoterieError('NO_CLIENTS', 'No.', { next: 'List one.' }), 404, 'NO_CLIENTS'],
    [new Error('what nobody may read'), 500, 'INTERNAL'],
  ] as const
  for (const [error, status, code] of rows) {
    node.channel.failWith = error
    const answer = await raw(url, 'POST', '/light/sealed', {
      headers: cbor,
      body: call({ path: '/' }),
    })
    expect([answer.status, answer.json.error.code]).toEqual([status, code])
    expect(answer.text).not.toContain('what nobody may read')
  }
})

const serving = (
  node = new FakeNode(),
  rights: readonly ('read' | 'write' | 'custody')[] = ['read', 'write'],
) => {
  const serve = sealedCalls({ node, log: silentLogger })
  const client = {
    name: 'wallet',
    key: 'c1'.repeat(32),
    rights,
    prefixes: [''],
  }
  const ask = async (fields: {
    method?: 'GET' | 'PUT' | 'POST'
    path: string
    type?: string
    body?: string
  }) => {
    const { method = 'GET', path, type = '', body = '' } = fields
    const asked = { client, call: { method, path, type, body: utf8(body) } }
    return await serve(asked, new AbortController().signal)
  }
  return { node, ask }
}

test('every route of the state and of signing is reached under seal, and no other one', async () => {
  const { ask } = serving()
  for (const [name, { method, path, access, stream }] of Object.entries(routes)) {
    if (method !== 'GET') continue
    const { status, body } = await ask({ path: path.replace(':key', 'k') })
    const text = fromUtf8(body) ?? ''
    const isServed = !/There is no such route/.test(text)
    expect(isServed, name).toBe(access === 'state' || access === 'custody')
    if (access === 'state' && stream)
      expect([status, text], name).toEqual([405, expect.stringContaining('NOT_SEALED')])
  }
})

test('custody is reached under seal with its own right alone, under the name of the client, and says no in its own words', async () => {
  const body = '{"path":"m/1"}'
  const call = { method: 'POST', path: '/derive-key', type: 'application/json', body } as const
  const refused = await serving().ask(call)
  const no = JSON.parse(fromUtf8(refused.body) ?? '')
  expect([refused.status, no.code, no.next]).toEqual([
    403,
    'NO_RIGHT',
    'Ask the manifest set for it.',
  ])
  const { ask, node } = serving(new FakeNode({ opensToHost: false }), ['custody'])
  const answer = await ask(call)
  expect([answer.status, JSON.parse(fromUtf8(answer.body) ?? '').code]).toEqual([
    409,
    'WRONG_PHASE',
  ])
  expect(node.custody.asked).toEqual(['derive for wallet'])
  for (const { method, path } of Object.values(custodyRoutes)) {
    const served = await ask({
      method,
      path,
      type: 'application/json',
      ...(method === 'POST' && { body: '{}' }),
    })
    expect(fromUtf8(served.body), path).not.toContain('There is no such route')
  }
})

test('a client with the right custody has groups sign under seal, and one without it learns of none', async () => {
  const call = { path: '/v1/signing/groups' }
  const refused = await serving().ask(call)
  expect([refused.status, fromUtf8(refused.body)]).toEqual([
    403,
    expect.stringContaining('NO_RIGHT'),
  ])
  const { ask, node } = serving(new FakeNode({ opensToHost: false }), ['custody'])
  const { groups } = JSON.parse(fromUtf8((await ask(call)).body) ?? '')
  const [{ group, publicKey }] = groups
  const signed = await ask({
    ...{ method: 'POST', path: `${call.path}/${group}/sign`, type: 'application/json' },
    body: '{"message":{"text":"pay"}}',
  })
  const answer = JSON.parse(fromUtf8(signed.body) ?? '')
  expect([signed.status, answer.publicKey]).toEqual([200, publicKey])
  expect(node.signing.signed).toMatchObject([{ group }])
})

test('an answer that is too long is refused whole, and a bug inside tells nothing', async () => {
  const { node, ask } = serving()
  // Four of the largest values of a set fill an answer in Base64; the fake takes any.
  await node.state.set('large', new Uint8Array(limits.callAnswerBytesMax).fill(0xff))
  const answer = await ask({ path: '/v1/state/large' })
  expect([answer.status, fromUtf8(answer.body)]).toEqual([
    409,
    expect.stringContaining('ANSWER_TOO_LARGE'),
  ])
  expect(callAnswerCodec.decode(callAnswerCodec.encode(answer)).status).toBe(409)
  node.state.failWith = new Error('what nobody may read')
  const body = '{"text":"x"}'
  const failed = await ask({ method: 'PUT', path: '/v1/state/k', type: 'application/json', body })
  expect(failed.status).toBe(500)
  expect(fromUtf8(failed.body)).not.toContain('what nobody may read')
})
