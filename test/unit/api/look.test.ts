/** The stream of a page: what it shows and to whom, and what it costs when nobody reads. */
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { lookShape } from '../../../src/api/look.ts'
import { Looks } from '../../../src/api/looks.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { UsageError } from '../../../src/base/errors.ts'
import { FakeNode } from '../../fakes/node.ts'
import { raw, served, servedOver, token } from './served.ts'

/** Counts what is asked of it. */
class WatchedNode extends FakeNode {
  looks = 0
  followers = 0
  isRunning = true

  override vitals() {
    if (!this.isRunning) throw new UsageError('NOT_RUNNING', 'The node is not running.')
    this.looks++
    return super.vitals()
  }

  override async *events(signal: AbortSignal) {
    this.followers++
    yield* super.events(signal)
    this.followers--
  }
}

const nextOf = async <T>(source: AsyncIterator<T>): Promise<T> => {
  const { done, value } = await source.next()
  if (done === true) throw new Error('the stream ended')
  return value
}

function following(looks: Looks) {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  return { source: looks.follow(stop.signal), stop }
}

test('a look shows members, vitals, refusals with their next step and events, then what is new', async () => {
  const node = new FakeNode()
  node.happened.push({ at: '2030-01-01T00:00:00.000Z', kind: 'started', text: 'up', facts: {} })
  const { source } = following(new Looks({ node, desk: null }))
  const first = lookShape.parse(await nextOf(source))
  expect(first.members.map(({ self }) => self)).toEqual([true, false])
  expect(first.refusals?.[0]).toMatchObject({ code: 'MEASUREMENT_NOT_ACCEPTED', count: 3 })
  expect(first.refusals?.[0]?.next).not.toBe('')
  const second = lookShape.parse(await nextOf(source))
  expect([second.refusals, second.events?.map(({ kind }) => kind)]).toEqual([null, ['started']])
  expect((await nextOf(source)).events).toBeNull()
})

test('all readers share one look, a late one skips what it missed, and nobody watching costs nothing', async () => {
  const node = new WatchedNode()
  const looks = new Looks({ node, desk: null })
  const readers = Array.from({ length: 20 }, () => following(looks))
  await Promise.all(readers.map(({ source }) => nextOf(source)))
  expect([node.looks, node.followers]).toEqual([1, 1])
  const [quick, late] = readers
  const again = [await nextOf(quick!.source), await nextOf(quick!.source)]
  expect(node.looks).toBe(3)
  expect(await nextOf(late!.source)).toMatchObject({ at: again[1]!.at })
  // Without reading on: who went away does not come back to say so.
  for (const { stop } of readers) stop.abort()
  await expect.poll(() => node.followers).toBe(0)
  expect(node.looks).toBe(3)
  // The next one begins anew.
  expect((await nextOf(following(looks).source)).refusals).toHaveLength(1)
  expect(node.looks).toBe(4)
})

test('a reader that a node turned away, because it does not run, keeps nobody looking later', async () => {
  const node = new WatchedNode()
  node.isRunning = false
  const looks = new Looks({ node, desk: null })
  await expect(nextOf(following(looks).source)).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  node.isRunning = true
  const { source, stop } = following(looks)
  await nextOf(source)
  stop.abort()
  await expect.poll(() => node.followers).toBe(0)
})

test('the stream wants the token outside of a testnet, and shows no key and no value anywhere', async () => {
  for (const opensToHost of [true, false]) {
    const { url, node } = await served({ opensToHost, desk: 'http://127.0.0.1:9500' })
    await node.state.set('canary-key', utf8('canary-value'))
    const stop = new AbortController()
    const ask = (headers: Record<string, string>) =>
      fetch(`${url}/v1/look`, { headers, signal: stop.signal })
    const strange = await ask({})
    expect(strange.status).toBe(opensToHost ? 200 : 401)
    const { status, body } = await ask({ authorization: `Bearer ${token}` })
    expect(status).toBe(200)
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.endsWith('}\n\n')) text += (await reader.read()).value ?? ''
    expect(text).not.toContain('canary')
    const look = lookShape.parse(JSON.parse(text.slice(text.indexOf('data: ') + 6)))
    expect(look.desk).toBe(opensToHost ? 'http://127.0.0.1:9500' : null)
    stop.abort()
  }
})

test('a node that does not run refuses the stream with a status, on which a page waits and asks again', async () => {
  const { url, node } = await served()
  node.status = () => {
    throw new UsageError('NOT_RUNNING', 'The node is not running.')
  }
  expect((await raw(url, 'GET', '/v1/look')).status).toBe(503)
})

test('a reader that takes nothing is cut off, and its place is free again', async () => {
  class LoudNode extends WatchedNode {
    override status() {
      // More than the sockets between hold.
      return { ...super.status(), next: 'x'.repeat(32 * 1024 * 1024) }
    }
  }
  const node = new LoudNode()
  const { url } = await servedOver(node, { lookPatience: 50 })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET /v1/look HTTP/1.1\r\nHost: localhost\r\n\r\n')
  socket.pause()
  const closed = new Promise(resolve => socket.once('close', resolve))
  await expect.poll(() => node.followers, { timeout: 20_000 }).toBe(1)
  await expect.poll(() => node.followers, { timeout: 20_000 }).toBe(0)
  // The other end is gone: reading what was on its way ends in a close, and not in more.
  socket.resume()
  await closed
})

test('a HEAD and a foreign page open no stream', async () => {
  const { url } = await served()
  expect((await raw(url, 'HEAD', '/v1/look')).status).toBe(405)
  const headers = { origin: 'http://evil.example' }
  expect((await raw(url, 'GET', '/v1/look', { headers })).json.error.code).toBe('ORIGIN_REFUSED')
})
