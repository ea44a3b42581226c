/** Applications on one node: each tries to leave its part of the state. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { ApiClient } from '../../../src/api/client.ts'
import { confinedState } from '../../../src/api/confined-state.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import type { AppSocket } from '../../../src/node/app-sockets.ts'
import { parseSettings } from '../../../src/node/config.ts'
import { FakeState } from '../../fakes/node.ts'
import { served } from './served.ts'

const secret = 'c4nary'

/** A node with another application's key, and the socket of the application `a`. */
async function application(rights: AppSocket['rights'] = 'read-write', opensToHost = true) {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-app-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const socket = join(folder, 'a.sock')
  const confinedTo = { name: 'a', socket, prefix: 'apps/a/', rights } as const
  const { node, client, url } = await served({ httpSocket: socket, confinedTo, opensToHost })
  for (const key of ['apps/b/k', 'apps/a', 'apps/a0', 'k', `own/${node.id}/k`, 'apps/', '']) {
    await node.state.set(key, utf8(secret))
  }
  return { node, client, url, socket }
}

test('an application reads, writes, lists, counts and watches under names of its own', async () => {
  const { node, client, socket } = await application()
  expect(statSync(socket).mode & 0o777).toBe(0o600)
  const watch = client.watch({})[Symbol.asyncIterator]()
  const first = watch.next()
  await expect.poll(() => node.state.watchers).toBe(1)
  expect(await client.set('k', { text: 'mine' })).toEqual({ key: 'k', acknowledgedBy: 1 })
  expect(node.state.get('apps/a/k')).toMatchObject({ value: utf8('mine') })
  expect(await client.get('k')).toEqual({ kind: 'register', key: 'k', value: { text: 'mine' } })
  expect((await first).value).toMatchObject({ key: 'k', entry: { key: 'k' } })
  expect((await client.list({})).entries.map(({ key }) => key)).toEqual(['k'])
  await client.delete('k')
  expect(await client.get('k')).toBeUndefined()
  expect(node.state.get('k')).toMatchObject({ value: utf8(secret) })
})

const escapes = [
  '../b/k',
  '..',
  '/apps/b/k',
  'apps/b/k',
  './../b/k',
  '..%2fb%2fk',
  'own/x',
  '\u0000',
  '\u202e/b',
  'é',
  'e\u0301',
  '\uff0e\uff0e/b/k',
  '__proto__',
]

test('no spelling of a key leaves the prefix, in any route, and other keys stay what they are', async () => {
  const { node, url, socket } = await application()
  const before = node.state.list({}).filter(({ key }) => !key.startsWith('apps/a/'))
  const ask = (method: string, path: string, body?: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = { host: 'localhost', 'content-type': 'application/json' }
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
      const sent = request({ socketPath: socket, method, path, headers: { ...headers, ...length } })
      sent.once('error', reject)
      sent.once('response', async response => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve(text)
      })
      sent.end(body)
    })
  expect(url).toBe(`unix:${socket}`)
  for (const key of [...escapes, ...escapes.map(encodeURIComponent)]) {
    const segment = encodeURIComponent(key)
    const told = [
      await ask('GET', `/v1/state/${segment}`),
      await ask('GET', `/v1/state/${segment}/proof`),
      await ask('GET', `/v1/state?prefix=${segment}`),
      await ask('GET', `/v1/state?after=${segment}`),
      await ask('PUT', `/v1/state/${segment}`, '{"text":"x"}'),
      await ask('DELETE', `/v1/state/${segment}`),
      await ask('POST', `/v1/state/${segment}/elements`, '{"text":"x"}'),
    ]
    for (const text of told) expect(text, key).not.toContain(secret)
  }
  for (const path of ['/v1/state', '/v1/state?prefix=', '/v1/state/', '/v1/state/..%2Fb%2Fk']) {
    expect(await ask('GET', path), path).not.toContain(secret)
  }
  expect(node.state.list({}).filter(({ key }) => !key.startsWith('apps/a/'))).toEqual(before)
})

test('whatever key is given, what is read and written is below the prefix', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string(), async (key, other) => {
      fc.pre(key !== '')
      const state = new FakeState()
      await state.set(other, utf8(secret))
      const mine = confinedState(state, { prefix: 'apps/a/', rights: 'read-write' })
      await mine.set(key, utf8('v'))
      const found = state.list({}).map(entry => entry.key)
      expect(mine.prove(key).key).toBe(`apps/a/${key}`)
      expect(found.sort()).toEqual([...new Set([other, `apps/a/${key}`])].sort())
      expect(mine.list({}).every(entry => `apps/a/${entry.key}`.startsWith('apps/a/'))).toBe(true)
      if (!other.startsWith('apps/a/')) expect(mine.list({}).map(entry => entry.key)).toEqual([key])
    }),
    { numRuns: 200 },
  )
})

test('the empty key names nothing, also where the prefix itself is a key', async () => {
  const state = new FakeState()
  await state.set('apps/a/', utf8(secret))
  const mine = confinedState(state, { prefix: 'apps/a/', rights: 'read-write' })
  expect(() => mine.get('')).toThrow('empty')
  expect(() => mine.prove('')).toThrow('empty')
  await expect(mine.set('', utf8('x'))).rejects.toMatchObject({ code: 'BAD_KEY' })
  expect(state.get('apps/a/')).toMatchObject({ value: utf8(secret) })
})

test('a cursor of another watch shows no change of others', async () => {
  const { node, client } = await application()
  await node.state.set('apps/b/later', utf8(secret))
  await client.set('mine', { text: 'v' })
  const stop = new AbortController()
  for await (const event of client.watch({ cursor: 'c4', signal: stop.signal })) {
    expect(JSON.stringify(event)).not.toContain(secret)
    expect(event.key).toBe('mine')
    stop.abort()
  }
})

test('an application that may only read cannot write in any way', async () => {
  const { node, client } = await application('read')
  const before = node.state.list({})
  const value = { text: 'x' }
  for (const write of [
    client.set('k', value),
    client.delete('k'),
    client.add('k', value),
    client.removeElement('k', value),
  ]) {
    await expect(write).rejects.toMatchObject({ code: 'READ_ONLY', status: 403 })
  }
  expect(node.state.list({})).toEqual(before)
})

test('an application has no route of the operator, token or not', async () => {
  const { client } = await application()
  for (const ask of [client.status(), client.members(), client.remove([new Uint8Array(1)])]) {
    await expect(ask).rejects.toMatchObject({ code: 'NOT_FOUND' })
  }
  expect((await client.health()).ok).toBe(true)
})

test('outside of a testnet the socket shows no state: the host reaches it, and it is not the TEE', async () => {
  const { client } = await application('read-write', false)
  await expect(client.get('k')).rejects.toMatchObject({ code: 'NOT_FOR_THE_HOST' })
  await expect(client.set('k', { text: 'v' })).rejects.toMatchObject({ code: 'NOT_FOR_THE_HOST' })
})

const app = (name: string, prefix: string, socket = `/run/${name}.sock`) => ({
  ...{ name, socket, prefix, rights: 'read' },
})

test.each([
  [[app('a', 'x/'), app('a', 'y/')], 'INCONSISTENT_CONFIG'],
  [[app('a', 'x/'), app('b', 'x/y/')], 'INCONSISTENT_CONFIG'],
  [[app('a', 'x/'), app('b', 'x/')], 'INCONSISTENT_CONFIG'],
  [[app('a', 'x/', '/s'), app('b', 'y/', '/s')], 'INCONSISTENT_CONFIG'],
  [[app('a', '')], 'BAD_OPTION'],
  [[app('a', 'x')], 'BAD_OPTION'],
  [[app('a', '/')], 'BAD_OPTION'],
  [[app('a', 'own/x/')], 'BAD_OPTION'],
  [[app('a', 'é/')], 'BAD_OPTION'],
  [[app('a', 'x/../')], 'BAD_OPTION'],
  [[app('a', 'x/', 'relative.sock')], 'BAD_OPTION'],
])('applications that could meet are refused: %j', (apps, code) => {
  expect(() => parseSettings({ file: { apps } })).toThrow(expect.objectContaining({ code }))
  const flags = { apps: JSON.stringify(apps) }
  expect(() => parseSettings({ flags })).toThrow(expect.objectContaining({ code }))
})

test('applications come from the file, a flag or the environment alike', () => {
  const apps = [app('a', 'apps/a/'), app('b', 'apps/b/')]
  expect(parseSettings({ file: { apps } }).settings.apps).toEqual(apps)
  const environment = { COTERIE_APPS: JSON.stringify(apps) }
  expect(parseSettings({ environment }).settings.apps).toEqual(apps)
})

test('a client of a socket that is gone says that no node runs', async () => {
  const client = new ApiClient({ url: 'unix:/nonexistent/a.sock' })
  await expect(client.health()).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  client.close()
})
