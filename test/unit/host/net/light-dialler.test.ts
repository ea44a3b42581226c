/** Hostile nodes over real connections: what any of them costs a light client is bounded, and told by a code. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Connection, Stream } from '@libp2p/interface'
import { describe, expect, onTestFinished, test } from 'vitest'
import { statusOfCode } from '../../../../src/api/errors.ts'
import { lightRoutes } from '../../../../src/api/light-contract.ts'
import { CoterieError } from '../../../../src/base/errors.ts'
import type { NetworkId } from '../../../../src/base/ids.ts'
import { FrameStream } from '../../../../src/host/net/frame-stream.ts'
import type { DialledAnswer, LightDiallerPorts } from '../../../../src/host/net/light-dialler.ts'
import { httpSource } from '../../../../src/light/source.ts'
import { encodeAnswer } from '../../../../src/wire/answer.ts'
import { decodeLightQuestion } from '../../../../src/wire/light-question.ts'
import { FakeAdmission } from '../../../fixtures/fake-admission.ts'
import { dialler, hostileNode, streamNode } from '../../../fixtures/light-streams.ts'
import { patience, until } from '../../../fixtures/patience.ts'

const question = { path: '/light/checkpoint?cosigners=2', bytesMax: 4_096 } as const

const codeOf = (answer: DialledAnswer): string => (answer.kind === 'bytes' ? 'bytes' : answer.code)

/** Time that passes when the test says so: for all questions, or for those that were asked before `take`. */
function clockwork(): LightDiallerPorts & {
  readonly expire: () => void
  readonly take: () => () => void
} {
  let waiting: AbortController[] = []
  const take = (): (() => void) => {
    const taken = waiting
    waiting = []
    return () => {
      for (const deadline of taken) deadline.abort()
    }
  }
  return {
    deadline: () => {
      const deadline = new AbortController()
      waiting.push(deadline)
      return deadline.signal
    },
    expire: () => take()(),
    take,
  }
}

async function asked(
  answer: Parameters<typeof hostileNode>[0],
  ports?: LightDiallerPorts,
): Promise<DialledAnswer> {
  const { address, network } = await hostileNode(answer)
  const { source } = await dialler(network, ports ?? clockwork())
  return await source(address).ask(question)
}

/** The question, read; then what the test does. */
const then =
  (act: (stream: Stream, connection: Connection) => void | Promise<void>) =>
  async (stream: Stream, connection: Connection): Promise<void> => {
    await new FrameStream(stream, 4_096).read(patience())
    await act(stream, connection)
  }

/** A length and so many bytes. */
const frame = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.of(bytes.length >> 16, (bytes.length >> 8) & 255, bytes.length & 255, ...bytes)

test('an answer is bytes, and the question came as it was asked', async () => {
  const heard: unknown[] = []
  const answer = await asked(async stream => {
    heard.push(decodeLightQuestion(await new FrameStream(stream, 4_096).read(patience())))
    stream.send(frame(encodeAnswer({ kind: 'answer', body: Uint8Array.of(0xa0) })))
  })
  expect(answer).toEqual({ kind: 'bytes', bytes: Uint8Array.of(0xa0) })
  expect(heard).toEqual([{ kind: 'checkpoint', cosigners: 2 }])
})

describe('a hostile node', () => {
  test('whose answer never ends is left after the bytes that were agreed', async () => {
    let sent = 0
    const ended = Promise.withResolvers<void>()
    const answer = await asked(
      then(async stream => {
        stream.addEventListener('close', () => ended.resolve())
        const chunk = new Uint8Array(64 * 1_024)
        // A length of 16 MiB, and then bytes for as long as anybody takes them.
        stream.send(Uint8Array.of(255, 255, 255))
        while (stream.status === 'open') {
          sent += chunk.length
          if (!stream.send(chunk)) await stream.onDrain({ signal: patience() })
        }
      }),
    )
    expect(codeOf(answer)).toBe('SOURCE_TOO_LARGE')
    await ended.promise
    // What windows and buffers took on the way, and no more.
    expect(sent).toBeLessThan(64 * 1_024 * 1_024)
  })

  test('whose frame is longer than was agreed is left at its length', async () => {
    const long = frame(encodeAnswer({ kind: 'answer', body: new Uint8Array(4_097) }))
    expect(codeOf(await asked(then(stream => void stream.send(long))))).toBe('SOURCE_TOO_LARGE')
  })

  test('that sends on behind its answer gave that answer, and the stream ends', async () => {
    const ended = Promise.withResolvers<void>()
    const answer = await asked(
      then(async stream => {
        stream.addEventListener('close', () => ended.resolve())
        stream.send(frame(encodeAnswer({ kind: 'answer', body: Uint8Array.of(1) })))
        const more = new Uint8Array(16 * 1_024)
        while (stream.status === 'open') {
          if (!stream.send(more)) await stream.onDrain({ signal: patience() })
        }
      }),
    )
    expect(answer).toEqual({ kind: 'bytes', bytes: Uint8Array.of(1) })
    await ended.promise
  })

  test.each<[string, Uint8Array]>([
    ['of no kind', Uint8Array.of(7, 1, 2, 3)],
    ['without a byte', new Uint8Array(0)],
    ['that refuses in no known way', Uint8Array.of(1, 0xff)],
  ])('whose frame is one %s is broken', async (_, bytes) => {
    expect(codeOf(await asked(then(stream => void stream.send(frame(bytes)))))).toBe(
      'SOURCE_BROKEN',
    )
  })

  test('whose answer stops coming is left when the time is over', async () => {
    const ports = clockwork()
    const answer = await asked(
      then(stream => {
        stream.send(Uint8Array.of(0, 0, 100, 0, 1))
        ports.expire()
      }),
      ports,
    )
    expect(codeOf(answer)).toBe('SOURCE_TIMEOUT')
  })

  test('that never says a word is left when the time is over', async () => {
    const ports = clockwork()
    expect(codeOf(await asked(then(ports.expire), ports))).toBe('SOURCE_TIMEOUT')
  })

  test.each<[string, (stream: Stream) => void | Promise<void>]>([
    ['resets', stream => stream.abort(new Error('no'))],
    ['closes without a word', stream => stream.close()],
    [
      'closes in the middle',
      async stream => {
        stream.send(Uint8Array.of(0, 0, 100, 0, 1))
        await stream.close()
      },
    ],
  ])('that %s is unreachable', async (_, act) => {
    expect(codeOf(await asked(then(act)))).toBe('SOURCE_UNREACHABLE')
  })

  test('that does not speak the protocol has none', async () => {
    expect(codeOf(await asked(null))).toBe('SOURCE_HAS_NONE')
  })

  test('of another network refuses, and hears no question', async () => {
    const heard: Stream[] = []
    const { address } = await hostileNode(stream => void heard.push(stream))
    const { source } = await dialler('ab'.repeat(32) as NetworkId)
    expect(codeOf(await source(address).ask(question))).toBe('SOURCE_REFUSES')
    expect(heard).toEqual([])
  })

  test('with another key than its address names is unreachable, and hears no question', async () => {
    const heard: Stream[] = []
    const { address, network } = await hostileNode(stream => void heard.push(stream))
    const { source } = await dialler(network)
    const other = address.replace(/12D3\w+$/, new FakeAdmission({ name: 'another' }).node)
    expect(codeOf(await source(other).ask(question))).toBe('SOURCE_UNREACHABLE')
    expect(heard).toEqual([])
  })

  test('that is no node at all, or is gone, is unreachable', async () => {
    const web = createServer((_, response) => response.end('hello'))
    await new Promise<void>(resolve => web.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void web.close())
    const { port } = web.address() as AddressInfo
    const { address, network, stop } = await hostileNode(null)
    const { source } = await dialler(network)
    const elsewhere = source(address.replace(/\/tcp\/\d+/, `/tcp/${port}`))
    expect(codeOf(await elsewhere.ask(question))).toBe('SOURCE_UNREACHABLE')
    await stop()
    expect(codeOf(await source(address).ask(question))).toBe('SOURCE_UNREACHABLE')
  })
})

test('refusals of a node read as their statuses do over HTTP', async () => {
  const { attestation, lightManifest, lightCheckpoint, lightEvidence, lightProof } = lightRoutes
  const asked = [attestation, lightManifest, lightCheckpoint, lightEvidence, lightProof]
  const codes = new Set(asked.flatMap(({ errors }) => errors))
  expect(codes.size).toBeGreaterThan(8)
  const node = await streamNode('refuses')
  const { source } = await dialler(node.admission.network)
  const dialled = source(node.address)
  for (const code of codes) {
    node.handlers.lightAnswer = async () => {
      throw new CoterieError(code, 'no')
    }
    const overHttp = await httpSource('http://node.example', {
      fetch: async () => new Response(null, { status: statusOfCode[code] }),
      deadline: () => new AbortController().signal,
    }).ask({ ...question, type: 'application/cbor' })
    const answer = await dialled.ask(question)
    expect([code, codeOf(answer)]).toEqual([code, codeOf(overHttp as DialledAnswer)])
  }
})

test('the connection is kept between questions, and dialled anew when it was lost', async () => {
  const first = await streamNode('restarts')
  const { source } = await dialler(first.admission.network)
  const dialled = source(first.address)
  const ask = async (): Promise<string> => codeOf(await dialled.ask(question))
  expect(await Promise.all([ask(), ask(), ask(), ask(), ask(), ask()])).toEqual(
    Array(6).fill('bytes'),
  )
  expect(first.net.socketCount()).toBe(1)
  await first.net.stop()
  expect(await ask()).toBe('SOURCE_UNREACHABLE')
  const listen = [first.address.replace(/\/p2p\/.*$/, '')]
  const again = await streamNode('restarts', first.admission.network, { listen })
  await until(async () => (await ask()) === 'bytes')
  expect(again.net.socketCount()).toBe(1)
})

test('a stream ends with its answer, and the connection stays for the next question', async () => {
  const heard: (readonly [Stream, Connection])[] = []
  const { address, network } = await hostileNode(
    then((...each) => {
      heard.push(each)
      // It never closes the stream by itself.
      each[0].send(frame(encodeAnswer({ kind: 'answer', body: Uint8Array.of(1) })))
    }),
  )
  const dialled = (await dialler(network, clockwork())).source(address)
  expect(codeOf(await dialled.ask(question))).toBe('bytes')
  await until(() => heard[0]?.[0].status !== 'open')
  expect(codeOf(await dialled.ask(question))).toBe('bytes')
  expect(new Set(heard.map(([, { id }]) => id)).size).toBe(1)
})

test('a connection over which an answer never came is not asked again, and closed', async () => {
  const ports = clockwork()
  const connections: Connection[] = []
  const { address, network } = await hostileNode(
    then((stream, connection) => {
      if (connections.push(connection) === 1) ports.expire()
      else stream.send(frame(encodeAnswer({ kind: 'answer', body: Uint8Array.of(1) })))
    }),
  )
  const dialled = (await dialler(network, ports)).source(address)
  expect(codeOf(await dialled.ask(question))).toBe('SOURCE_TIMEOUT')
  expect(codeOf(await dialled.ask(question))).toBe('bytes')
  const [first, second] = connections
  expect(first?.id).not.toBe(second?.id)
  await until(() => first?.status !== 'open')
  expect(second?.status).toBe('open')
})

test('a connection that was slow once serves what is under way to its end, and nothing new', async () => {
  const ports = clockwork()
  const waiting: (readonly [Stream, Connection])[] = []
  const { address, network } = await hostileNode(then((...each) => void waiting.push(each)))
  const { source } = await dialler(network, ports)
  const dialled = source(address)
  const ask = async (place: number): Promise<readonly [Promise<DialledAnswer>, Connection]> => {
    const answer = dialled.ask(question)
    await until(() => waiting.length > place)
    return [answer, waiting[place]?.[1] as Connection]
  }
  const [slow, first] = await ask(0)
  const expire = ports.take()
  const [other] = await ask(1)
  expire()
  expect(codeOf(await slow)).toBe('SOURCE_TIMEOUT')
  const [later, second] = await ask(2)
  expect(second.id).not.toBe(first.id)
  const answer = frame(encodeAnswer({ kind: 'answer', body: Uint8Array.of(1) }))
  for (const [stream] of waiting.slice(1)) stream.send(answer)
  expect([codeOf(await other), codeOf(await later)]).toEqual(['bytes', 'bytes'])
  await until(() => first.status !== 'open')
})

test('who aborts hears the reason, and the next question is answered', async () => {
  const stop = new AbortController()
  let count = 0
  const { address, network } = await hostileNode(
    then(stream => {
      if (count++ === 0) stop.abort(new Error('enough'))
      else stream.send(frame(encodeAnswer({ kind: 'answer', body: Uint8Array.of(1) })))
    }),
  )
  const dialled = (await dialler(network, clockwork())).source(address)
  await expect(dialled.ask(question, stop.signal)).rejects.toThrow('enough')
  await expect(dialled.ask(question, stop.signal)).rejects.toThrow('enough')
  expect(codeOf(await dialled.ask(question))).toBe('bytes')
})

test('what is no question of the light protocol is asked of nobody', async () => {
  const { address, network } = await hostileNode(() => expect.unreachable('a stream was opened'))
  const dialled = (await dialler(network, clockwork())).source(address)
  for (const path of ['/verify', '/v1/state/secret', '/light/checkpoint?cosigners=2&x=1']) {
    expect(codeOf(await dialled.ask({ ...question, path }))).toBe('SOURCE_HAS_NONE')
  }
  const body = Uint8Array.of(1)
  expect(codeOf(await dialled.ask({ ...question, body }))).toBe('SOURCE_HAS_NONE')
})

test.each([
  'http://127.0.0.1:9000',
  '/ip4/127.0.0.1/tcp/9600',
  '/ip4/127.0.0.1/udp/9600/quic-v1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  '/unix/run/coterie.sock',
  '',
])('%j is no address to dial', async address => {
  const { source } = await dialler('ab'.repeat(32) as NetworkId)
  expect(() => source(address)).toThrow(expect.objectContaining({ code: 'BAD_ADDRESS' }))
})
