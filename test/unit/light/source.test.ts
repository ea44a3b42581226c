/** Hostile servers over real sockets: what any of them costs a light client is bounded, and told by a code. */
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type Answer,
  httpSource,
  type Question,
  type SourcePorts,
} from '../../../src/light/source.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const question: Question = { path: '/light/checkpoint', type: 'application/cbor', bytesMax: 4_096 }
const cbor = { 'content-type': 'application/cbor' }

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Time that passes when the test says so. */
function ports(): SourcePorts & { readonly expire: () => void } {
  const expiry = new AbortController()
  return { fetch, deadline: () => expiry.signal, expire: () => expiry.abort() }
}

const asked = async (listener: RequestListener, given = ports()): Promise<Answer> =>
  httpSource(await serve(listener), given).ask(question)

const codeOf = (answer: Answer): string => (answer.kind === 'bytes' ? 'bytes' : answer.code)

test('an answer of the right kind is bytes', async () => {
  const answer = await asked((request, response) => {
    expect(request.url).toBe('/light/checkpoint')
    expect(request.headers).toMatchObject({ accept: 'application/cbor' })
    expect(request.headers.cookie).toBeUndefined()
    response.writeHead(200, cbor).end(Uint8Array.of(0xa0))
  })
  expect(answer).toEqual({ kind: 'bytes', bytes: Uint8Array.of(0xa0) })
})

describe('a hostile server', () => {
  test('with an endless body is left after the bytes that were agreed', async () => {
    let sent = 0
    const ended = Promise.withResolvers<void>()
    const answer = await asked((_, response) => {
      response.writeHead(200, cbor)
      const chunk = new Uint8Array(1_024)
      const more = (): void => {
        if (response.destroyed) return
        sent += chunk.length
        response.write(chunk, more)
      }
      response.on('close', ended.resolve)
      more()
    })
    expect(codeOf(answer)).toBe('SOURCE_TOO_LARGE')
    await ended.promise
    // What the kernel's buffers took on the way, and no more.
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  test('with 10 MB and an honest length is left too', async () => {
    const answer = await asked((_, response) => {
      response.writeHead(200, cbor).end(new Uint8Array(10_000_000))
    })
    expect(codeOf(answer)).toBe('SOURCE_TOO_LARGE')
  })

  test('that sends little which unpacks to much is left', async () => {
    const { gzipSync } = await import('node:zlib')
    const answer = await asked((_, response) => {
      response.writeHead(200, { ...cbor, 'content-encoding': 'gzip' })
      response.end(gzipSync(new Uint8Array(10_000_000)))
    })
    expect(codeOf(answer)).toBe('SOURCE_TOO_LARGE')
  })

  test('whose body stops coming is left when the time is over', async () => {
    const given = ports()
    const answer = asked((_, response) => {
      response.writeHead(200, cbor)
      response.write(Uint8Array.of(0xa1), () => given.expire())
    }, given)
    expect(codeOf(await answer)).toBe('SOURCE_TIMEOUT')
  })

  test('that never says a word is left when the time is over', async () => {
    const given = ports()
    expect(codeOf(await asked(() => given.expire(), given))).toBe('SOURCE_TIMEOUT')
  })

  test.each([301, 302, 303, 307, 308])('that redirects with %i leads nowhere', async status => {
    let followed = false
    const elsewhere = await serve((_, response) => {
      followed = true
      response.writeHead(200, cbor).end()
    })
    const answer = await asked((_, response) => {
      response.writeHead(status, { location: elsewhere }).end()
    })
    expect(codeOf(answer)).toBe('SOURCE_REDIRECTS')
    expect(followed).toBe(false)
  })

  test.each([
    [200, { 'content-type': 'text/html' }, 'SOURCE_WRONG_TYPE'],
    [200, { 'content-type': 'application/json' }, 'SOURCE_WRONG_TYPE'],
    [200, {}, 'SOURCE_WRONG_TYPE'],
    [204, cbor, 'SOURCE_BROKEN'],
    [206, cbor, 'SOURCE_BROKEN'],
    [403, cbor, 'SOURCE_REFUSES'],
    [404, cbor, 'SOURCE_HAS_NONE'],
    [418, cbor, 'SOURCE_BROKEN'],
    [429, cbor, 'SOURCE_BUSY'],
    [500, cbor, 'SOURCE_BROKEN'],
    [503, cbor, 'SOURCE_BUSY'],
  ])('that answers %i as %o is told apart by a code', async (status, headers, code) => {
    const answer = await asked((_, response) => {
      response.writeHead(status, headers as Record<string, string>).end()
    })
    expect(codeOf(answer)).toBe(code)
  })

  test('that is none of HTTP, or hangs up, is unreachable', async () => {
    const speak = async (greet: (socket: Socket) => void): Promise<string> => {
      const server = createSocketServer(socket => {
        socket.on('error', () => undefined)
        greet(socket)
      })
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      closing.push(() => server.close())
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      return codeOf(await httpSource(origin, ports()).ask(question))
    }
    expect(await speak(socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))).toBe('SOURCE_UNREACHABLE')
    expect(await speak(socket => socket.destroy())).toBe('SOURCE_UNREACHABLE')
    const short =
      'HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\ncontent-length: 9\r\n\r\nabc'
    expect(await speak(socket => socket.end(short))).toBe('SOURCE_UNREACHABLE')
  })

  test('that sends headers without end is unreachable', async () => {
    const server = createSocketServer(socket => {
      socket.on('error', () => undefined)
      socket.write('HTTP/1.1 200 OK\r\n')
      const more = (): void => {
        if (!socket.destroyed) socket.write(`x: ${'y'.repeat(1_000)}\r\n`, more)
      }
      more()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => server.close())
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(codeOf(await httpSource(origin, ports()).ask(question))).toBe('SOURCE_UNREACHABLE')
  })
})

test('nobody listens: unreachable', async () => {
  const origin = await serve(() => undefined)
  for (const close of closing.splice(0)) close()
  expect(codeOf(await httpSource(origin, ports()).ask(question))).toBe('SOURCE_UNREACHABLE')
})

test('who aborts hears the reason, not an answer', async () => {
  const stop = new AbortController()
  const origin = await serve(() => stop.abort(new Error('enough')))
  await expect(httpSource(origin, ports()).ask(question, stop.signal)).rejects.toThrow('enough')
})
