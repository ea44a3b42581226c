import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOfValue, valueOfBytes, valueShape } from '../../../src/api/values.ts'
import { CoterieError, UsageError } from '../../../src/base/errors.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { raw, served } from './served.ts'

test('a value is written, read, listed and deleted', async () => {
  const { client } = await served()
  expect(await client.set('a/b', { text: 'hello' })).toEqual({ key: 'a/b', acknowledgedBy: 1 })
  expect(await client.get('a/b')).toEqual({
    kind: 'register',
    key: 'a/b',
    value: { text: 'hello' },
  })
  await client.delete('a/b')
  expect(await client.get('a/b')).toBeUndefined()
})

test('a set takes and gives up elements that are longer than a URL', async () => {
  const { client, node } = await served()
  const long = { text: 'x'.repeat(60_000) }
  await client.add('s', long)
  await client.add('s', { base64: '/w==' })
  await client.removeElement('s', long)
  expect(await client.get('s')).toEqual({ kind: 'set', key: 's', elements: [{ base64: '/w==' }] })
  expect(node.state.get('s')).toMatchObject({ elements: [Uint8Array.of(255)] })
})

test('a write under way when the server stops is answered by the node, which knows what became of it', async () => {
  const { client, node, stop } = await served()
  const held = Promise.withResolvers<void>()
  node.state.held = held.promise
  const write = client.set('a', { text: 'x' })
  write.catch(() => {})
  await expect.poll(() => node.state.asked.length).toBe(1)
  const stopped = stop()
  held.reject(new CoterieError('ACK_TIMEOUT', 'Applied here, spread unknown.'))
  await expect(write).rejects.toMatchObject({ code: 'ACK_TIMEOUT' })
  await stopped
})

test('a request that crossed the stop on its way is read, answered and told to come no more', async () => {
  const { node, url, stop } = await served()
  const stopped = stop()
  node.state.failWith = new CoterieError('STOPPING', 'The node is stopping; nothing was written.')
  const answer = await raw(url, 'PUT', '/v1/state/a', {
    headers: { 'content-type': 'application/json' },
    body: '{"text":"x"}',
  })
  expect([answer.status, answer.json.error.code]).toEqual([503, 'STOPPING'])
  expect(answer.headers.connection).toBe('close')
  await stopped
})

test('a caller that goes away ends its write, and its going is no bug in the log', async () => {
  const errors: string[] = []
  const log = { ...silentLogger, error: (text: string) => errors.push(text) }
  const { client, node } = await served({ log })
  node.state.held = new Promise(() => {})
  const given = new AbortController()
  const write = client.set('a', { text: 'x' }, { signal: given.signal })
  write.catch(() => {})
  await expect.poll(() => node.state.asked.length).toBe(1)
  given.abort()
  await expect(write).rejects.toThrow()
  await expect.poll(() => node.state.asked[0]?.signal?.aborted).toBe(true)
  expect(node.state.get('a')).toBeUndefined()
  node.state.held = undefined
  await client.set('b', { text: 'y' })
  expect(errors).toEqual([])
})

test('concurrent values and counters beyond 2^53 come through as they are', async () => {
  const { client, node } = await served()
  await client.assign('m', { base64: '/w==' })
  expect(await client.get('m')).toEqual({ kind: 'multi', key: 'm', values: [{ base64: '/w==' }] })
  await client.increment('c', Number.MAX_SAFE_INTEGER)
  await client.increment('c', Number.MAX_SAFE_INTEGER)
  expect(await client.get('c')).toEqual({ kind: 'counter', key: 'c', value: '18014398509481982' })
  await client.increment('d', -1)
  expect(node.state.get('d')).toEqual({ kind: 'counter', key: 'd', value: -1n })
  await expect(client.increment('c', 1.5)).rejects.toMatchObject({ code: 'BAD_BODY' })
})

test('every well-formed key survives the way through the URL', async () => {
  const { client, node } = await served()
  const awkward = [
    'a/b',
    '/',
    '//',
    '%2F',
    '%',
    '%zz',
    'a%2fb',
    '?x=1',
    '#x',
    'ä/ö',
    '键',
    '😀',
    ' ',
    '+',
    '...',
    './a',
    '../a',
    'a\\b',
    '\u0000',
    '\n',
    ':key',
    'elements',
    'a/elements',
    ';',
    '*',
  ]
  for (const key of awkward) await client.set(key, { text: key })
  for (const key of awkward) expect((await client.get(key))?.key, JSON.stringify(key)).toBe(key)
  expect(
    node.state
      .list({})
      .map(entry => entry.key)
      .sort(),
  ).toEqual([...awkward].sort())
})

test('any key and any bytes come back as they were', async () => {
  const { client } = await served()
  const keys = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(keys, fc.uint8Array({ maxLength: 64 }), async (key, bytes) => {
      fc.pre(key !== '.' && key !== '..')
      await client.set(key, valueOfBytes(bytes))
      const entry = await client.get(key)
      expect(entry?.kind === 'register' && bytesOfValue(entry.value)).toEqual(bytes)
    }),
    { numRuns: 200 },
  )
})

test('a key that URLs give another meaning is refused by the client, not written elsewhere', async () => {
  const { client, node } = await served()
  for (const key of ['.', '..', '', '\ud800']) {
    await expect(client.set(key, { text: 'x' })).rejects.toMatchObject({ code: 'BAD_KEY' })
  }
  expect(node.state.asked).toEqual([])
})

test('a key with a broken escape is refused and never half decoded', async () => {
  const { url, node } = await served()
  for (const segment of ['%zz', '%', '%ff', '%c3%28', 'a%2']) {
    const answer = await raw(url, 'PUT', `/v1/state/${segment}`, {
      headers: { 'content-type': 'application/json' },
      body: '{"text":"x"}',
    })
    expect([answer.status, answer.json.error.code], segment).toEqual([400, 'BAD_KEY'])
  }
  expect(node.state.asked).toEqual([])
})

test('bytes go as text only if the text gives exactly them back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 32 }), bytes => {
      expect(bytesOfValue(valueOfBytes(bytes))).toEqual(bytes)
    }),
    { numRuns: 5000 },
  )
  const marked = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)
  expect(bytesOfValue(valueOfBytes(marked))).toEqual(marked)
})

test('a value with two spellings, half a character or loose base64 is refused', () => {
  const refused = [
    {},
    { text: 'a', base64: 'YQ==' },
    { text: '\ud800' },
    { base64: 'YQ' },
    { base64: 'YR==' },
    { base64: 'Y Q==' },
    { base64: '_-==' },
    { text: 1 },
    [],
    null,
    'a',
  ]
  for (const value of refused)
    expect(valueShape.safeParse(value).success, JSON.stringify(value)).toBe(false)
})

test('the acknowledgement asked for reaches the node, and nonsense is refused', async () => {
  const { client, url, node } = await served()
  await client.set('k', { text: '' }, { ack: 'majority' })
  await client.set('k', { text: '' }, { ack: 3 })
  await client.delete('k', { ack: 'local' })
  await client.set('k', { text: '' })
  expect(node.state.asked.map(({ ack }) => ack)).toEqual(['majority', 3, 'local', undefined])
  for (const ack of ['all', '-1', '1.5', '1e3', '']) {
    expect((await raw(url, 'DELETE', `/v1/state/k?ack=${ack}`)).status, ack).toBe(400)
  }
  expect((await raw(url, 'DELETE', '/v1/state/k?akc=1')).json.error.code).toBe('BAD_REQUEST')
})

test('a page ends by count or by bytes and says where the next one begins', async () => {
  const { client } = await served()
  const large = { text: 'x'.repeat(64 * 1024) }
  for (let i = 0; i < 80; i++) await client.set(`p/${String(i).padStart(3, '0')}`, large)
  const keys: string[] = []
  let pages = 0
  let after: string | null | undefined
  do {
    const page = await client.list({ prefix: 'p/', limit: 1000, ...(after ? { after } : {}) })
    keys.push(...page.entries.map(entry => entry.key))
    after = page.after
    pages++
  } while (after !== null)
  expect(keys).toHaveLength(80)
  expect(new Set(keys).size).toBe(80)
  expect(pages).toBe(3)
})

test('an error of the node keeps its code, sentence and next step on the way to the caller', async () => {
  const { client, node } = await served()
  node.state.failWith = new UsageError('VALUE_TOO_LARGE', 'Too large.', { next: 'Split it.' })
  const error = await client.set('k', { text: '' }).catch(caught => caught)
  expect(error).toBeInstanceOf(CoterieError)
  expect(error).toMatchObject({
    status: 413,
    code: 'VALUE_TOO_LARGE',
    message: 'Too large.',
    next: 'Split it.',
  })
})

test('a bug behind a route is a 500 that tells nothing of its text', async () => {
  const { url, node } = await served()
  node.state.failWith = new Error('canary: the seed is 1234')
  const answer = await raw(url, 'DELETE', '/v1/state/k')
  expect(answer.status).toBe(500)
  expect(answer.text).not.toContain('canary')
})
