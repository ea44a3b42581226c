import { request } from 'node:http'
import { expect, test } from 'vitest'
import { ApiClient } from '../../../src/api/client.ts'
import { readEvents } from '../../../src/api/event-reader.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import type { FakeNode } from '../../fakes/node.ts'
import { raw, served } from './served.ts'

/** Resolves when a watcher waits at the node: the server has taken the stream. */
async function watched(node: FakeNode): Promise<void> {
  while (node.state.watchers === 0) await new Promise(resolve => setImmediate(resolve))
}

test('a watcher sees changes under its prefix, and the end of a key', async () => {
  const { client, node } = await served()
  const stop = new AbortController()
  const seen: unknown[] = []
  const watching = (async () => {
    for await (const event of client.watch({ prefix: 'a/', signal: stop.signal })) {
      seen.push([event.key, event.entry?.kind ?? null])
      if (seen.length === 2) stop.abort()
    }
  })()
  await watched(node)
  await client.set('b/1', { text: 'no' })
  await client.set('a/1', { text: 'yes' })
  await client.delete('a/1')
  await watching
  expect(seen).toEqual([
    ['a/1', 'register'],
    ['a/1', null],
  ])
})

test('a watcher that lost its connection resumes after its last event and misses none', async () => {
  const { client } = await served()
  await client.set('k', { text: '0' })
  const stop = new AbortController()
  const seen: string[] = []
  let cursor = 'c-1'
  // Each connection breaks after one event; Last-Event-ID carries the cursor.
  for (let i = 1; i < 5; i++) await client.set('k', { text: String(i) })
  for (let i = 0; i < 5; i++) {
    for await (const event of client.watch({ cursor, signal: stop.signal })) {
      cursor = event.cursor
      const { entry } = event
      if (entry?.kind === 'register' && 'text' in entry.value) seen.push(entry.value.text)
      break
    }
  }
  expect(seen).toEqual(['0', '1', '2', '3', '4'])
})

test('Last-Event-ID of a browser that reconnects beats the cursor in its URL', async () => {
  const { client, url } = await served()
  for (let i = 0; i < 3; i++) await client.set(`k${i}`, { text: '' })
  const response = await new Promise<import('node:http').IncomingMessage>(resolve => {
    const path = '/v1/state-watch?cursor=c-1'
    request(url, { path, headers: { 'last-event-id': 'c1' } }, resolve).end()
  })
  for await (const event of readEvents(response)) {
    expect(event.id).toBe('c2')
    break
  }
})

test('a cursor that is too old is a 410, on which browsers stop asking', async () => {
  const { client, url } = await served()
  for (let i = 0; i < 20; i++) await client.set('k', { text: String(i) })
  const answer = await raw(url, 'GET', '/v1/state-watch?cursor=c1')
  expect([answer.status, answer.json.error.code]).toEqual([410, 'CURSOR_GONE'])
})

test('streams are counted: too many are refused, and one that ends makes room', async () => {
  const { client, node, url } = await served()
  const stop = new AbortController()
  const open = Array.from({ length: 64 }, () =>
    (async () => {
      for await (const _ of new ApiClient({ url }).watch({ signal: stop.signal }));
    })(),
  )
  while (node.state.watchers < 64) await new Promise(resolve => setImmediate(resolve))
  const answer = await raw(url, 'GET', '/v1/state-watch')
  expect([answer.status, answer.json.error.code]).toEqual([503, 'TOO_MANY_STREAMS'])
  stop.abort()
  await Promise.all(open)
  const again = new AbortController()
  await client.set('k', { text: 'x' })
  for (;;) {
    // The server learns of closed sockets a moment later.
    const events = client.watch({ cursor: 'c-1', signal: again.signal })
    const first = await events.next().catch(error => error.code)
    if (first !== 'TOO_MANY_STREAMS') break
    await new Promise(resolve => setImmediate(resolve))
  }
  again.abort()
})

test('HEAD on a stream opens none', async () => {
  const { node, url } = await served()
  for (let i = 0; i < 100; i++) {
    expect((await raw(url, 'HEAD', '/v1/state-watch')).status).toBe(405)
  }
  expect(node.state.watchers).toBe(0)
})

test('stopping the server ends open streams', async () => {
  const { client, node, stop } = await served()
  const ended = (async () => {
    for await (const _ of client.watch({}));
  })()
  await watched(node)
  await stop()
  await ended
})

test('events of the node are told, those of the past first', async () => {
  const { client, node } = await served()
  node.happened.push({
    at: '2030-01-01T00:00:00.000Z',
    kind: 'joined',
    text: 'joined',
    facts: { a: 1 },
  })
  const stop = new AbortController()
  for await (const event of client.events(stop.signal)) {
    expect(event.kind).toBe('joined')
    stop.abort()
  }
})

test('events arrive whole however the bytes are cut', async () => {
  const whole = utf8(
    'retry: 1\n\n: beat\n\nid: ä\ndata: {"a":"é"}\n\nevent: error\ndata: x\ndata: y\n\n',
  )
  for (let size = 1; size < 9; size++) {
    const events = []
    async function* cut(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
    }
    for await (const event of readEvents(cut())) events.push(event)
    expect(events).toEqual([
      { id: 'ä', data: '{"a":"é"}' },
      { event: 'error', data: 'x\ny' },
    ])
  }
})
