/** A node at the mercy of light clients: what they hold of it is bounded, and members are served meanwhile. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, onTestFinished, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { CoterieError } from '../../../../src/base/errors.ts'
import { systemClock } from '../../../../src/host/clock.ts'
import { FrameStream } from '../../../../src/host/net/frame-stream.ts'
import { lightQuestionsId } from '../../../../src/host/net/libp2p-node.ts'
import { lightLimits } from '../../../../src/host/net/options.ts'
import type { Timers } from '../../../../src/host/port.ts'
import { systemTimers } from '../../../../src/host/timers.ts'
import { decodeAnswer } from '../../../../src/wire/answer.ts'
import { lightAnswerBytesMax } from '../../../../src/wire/light-answers.ts'
import { lightQuestionBytesMax } from '../../../../src/wire/light-question.ts'
import { testNetwork } from '../../../fixtures/fake-admission.ts'
import { rawLightClient, type StreamNode, streamNode } from '../../../fixtures/light-streams.ts'
import { rawMember } from '../../../fixtures/net-node.ts'
import { patience, until } from '../../../fixtures/patience.ts'

const protocol = lightQuestionsId(testNetwork)
const frameBytesMax = lightAnswerBytesMax + 1

async function connected(node: StreamNode, client?: Libp2p): Promise<Connection> {
  const raw = client ?? (await rawLightClient(testNetwork))
  return await raw.dial(multiaddr(node.address), { force: true })
}

async function opened(connection: Connection): Promise<FrameStream & { readonly raw: Stream }> {
  const raw = await connection.newStream(protocol, { signal: patience() })
  return Object.assign(new FrameStream(raw, frameBytesMax), { raw })
}

/** What comes back: the answer as text, a code, or `nothing`. */
async function answerOf(frames: FrameStream): Promise<string> {
  const bytes = await frames.read(patience()).catch(() => undefined)
  if (bytes === undefined) return 'nothing'
  const answer = decodeAnswer(bytes)
  return answer.kind === 'answer' ? Buffer.from(answer.body).toString() : answer.code
}

async function asked(connection: Connection, text = 'what?'): Promise<string> {
  try {
    const frames = await opened(connection)
    await frames.write([utf8(text)], patience())
    const answer = await answerOf(frames)
    frames.raw.abort(new Error('asked'))
    return answer
  } catch {
    // The stream or its connection was cut before a word was said.
    return 'nothing'
  }
}

/** Answers that wait until the test lets them go. */
function held(node: StreamNode): { readonly letGo: () => void; readonly waiting: () => number } {
  const gate = Promise.withResolvers<void>()
  let waiting = 0
  node.handlers.lightAnswer = async question => {
    waiting++
    await gate.promise
    return question
  }
  onTestFinished(() => gate.resolve())
  return { letGo: () => gate.resolve(), waiting: () => waiting }
}

/** Timers of questions that end when the test says so; all others are real. */
function heldTimers(): Timers & { readonly expire: () => void } {
  const waiting = new Set<() => void>()
  return {
    after(span, action) {
      if (span !== lightLimits.patience) return systemTimers.after(span, action)
      waiting.add(action)
      return () => void waiting.delete(action)
    },
    expire() {
      for (const action of [...waiting]) action()
    },
  }
}

test('a question is answered, and what the node refuses has its code', async () => {
  const node = await streamNode('node')
  const connection = await connected(node)
  expect(await asked(connection)).toBe('what?')
  node.handlers.lightAnswer = async () => {
    throw new CoterieError('NOT_PUBLIC', 'no')
  }
  expect(await asked(connection)).toBe('NOT_PUBLIC')
  node.handlers.lightAnswer = async () => {
    throw new Error('a secret of this process')
  }
  expect(await asked(connection)).toBe('INTERNAL')
  node.handlers.lightAnswer = async () => new Uint8Array(lightAnswerBytesMax + 1)
  expect(await asked(connection)).toBe('INTERNAL')
  await until(() => node.net.lightCounts().answers === 0)
})

test('the largest answer there is comes through', async () => {
  const node = await streamNode('node')
  node.handlers.lightAnswer = async () => utf8('x'.repeat(lightAnswerBytesMax))
  expect((await asked(await connected(node))).length).toBe(lightAnswerBytesMax)
})

test.each<[string, Uint8Array]>([
  ['longer than any question', Uint8Array.of(0, lightQuestionBytesMax >> 8, 1)],
  ['of the greatest length there is', Uint8Array.of(255, 255, 255)],
])('a frame that says it is %s is not waited for', async (_, length) => {
  const node = await streamNode('node')
  let count = 0
  node.handlers.lightAnswer = async question => {
    count++
    return question
  }
  const connection = await connected(node)
  const frames = await opened(connection)
  frames.raw.send(length)
  expect(await answerOf(frames)).toBe('nothing')
  expect(count).toBe(0)
  expect(await asked(connection)).toBe('what?')
})

test('one connection has so many questions under way, and the rest are told to ask later', async () => {
  const node = await streamNode('node')
  const { letGo, waiting } = held(node)
  const connection = await connected(node)
  const first = Array.from({ length: lightLimits.asksPerConnection }, () => asked(connection))
  await until(() => waiting() === lightLimits.asksPerConnection)
  expect(await asked(connection)).toBe('TOO_MANY_STREAMS')
  // Another client is served all the same.
  const other = asked(await connected(node))
  await until(() => waiting() === lightLimits.asksPerConnection + 1)
  letGo()
  expect(new Set(await Promise.all([...first, other]))).toEqual(new Set(['what?']))
  await until(() => node.net.lightCounts().answers === 0)
  expect(await asked(connection)).toBe('what?')
})

test('all clients together have so many answers under way, and members are answered meanwhile', async () => {
  const node = await streamNode('node')
  const { letGo, waiting } = held(node)
  const busy: Promise<string>[] = []
  while (busy.length < lightLimits.answersMax) {
    const connection = await connected(node)
    for (let i = 0; i < lightLimits.asksPerConnection; i++) busy.push(asked(connection))
  }
  await until(() => waiting() === lightLimits.answersMax)
  expect(node.net.lightCounts().answers).toBe(lightLimits.answersMax)
  expect(await asked(await connected(node))).toBe('TOO_MANY_STREAMS')
  const member = await streamNode('member', testNetwork, {
    bootstrap: [node.address.replace(/\/p2p\/.*$/, '')],
  })
  await until(() => member.net.connections().length === 1)
  const answer = await member.net.ask(node.admission.node, 'hello', utf8('member'), patience())
  expect(Buffer.from(answer).toString()).toBe('member')
  letGo()
  await Promise.all(busy)
})

test('a question that never comes, and an answer that nobody reads, end with the time for them', async () => {
  const timers = heldTimers()
  const node = await streamNode('node', testNetwork, { timers })
  const connection = await connected(node)
  const silent = await opened(connection)
  silent.raw.send(Uint8Array.of(0, 0, 9, 1))
  let made = 0
  node.handlers.lightAnswer = async () => {
    made++
    return new Uint8Array(lightAnswerBytesMax)
  }
  const deaf = await connection.newStream(protocol, { signal: patience() })
  deaf.pause()
  deaf.send(Uint8Array.of(0, 0, 1, 7))
  await until(() => made === 1)
  expect(node.net.lightCounts().answers).toBe(1)
  timers.expire()
  await until(() => node.net.lightCounts().answers === 0 && silent.raw.status !== 'open')
  node.handlers.lightAnswer = async question => question
  expect(await asked(connection)).toBe('what?')
})

test('who goes takes the answer along', async () => {
  const node = await streamNode('node')
  const aborted = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  node.handlers.lightAnswer = async (question, signal) => {
    signal.addEventListener('abort', () => aborted.resolve())
    begun.resolve()
    await aborted.promise
    return question
  }
  const connection = await connected(node)
  const frames = await opened(connection)
  await frames.write([utf8('what?')], patience())
  await begun.promise
  connection.abort(new Error('gone'))
  await aborted.promise
  await until(() => node.net.lightCounts().connections === 0)
  expect(node.net.lightCounts().answers).toBe(0)
})

test('who asks on and on is cut off, and may come back', async () => {
  const now = systemClock.monotonic()
  const clock = { wall: () => systemClock.wall(), monotonic: () => now }
  const node = await streamNode('node', testNetwork, { clock })
  const client = await rawLightClient(testNetwork)
  const connection = await connected(node, client)
  const answers: string[] = []
  while (connection.status === 'open') answers.push(await asked(connection))
  const burst = 5 * lightLimits.asksPerSecond
  expect(answers).toEqual([...Array<string>(burst).fill('what?'), 'nothing'])
  expect(await asked(await connected(node, client))).toBe('what?')
})

test('what comes behind a question is thrown away with its stream', async () => {
  const node = await streamNode('node')
  const connection = await connected(node)
  const frames = await opened(connection)
  await frames.write([utf8('what?')], patience())
  expect(await answerOf(frames)).toBe('what?')
  frames.raw.send(new Uint8Array(8 * lightQuestionBytesMax))
  await until(() => frames.raw.status !== 'open')
  expect(await asked(connection)).toBe('what?')
})

test('places are few, and the client that has asked nothing for longest gives way', async () => {
  const node = await streamNode('node')
  const connections: Connection[] = []
  for (let i = 0; i < lightLimits.connectionsMax; i++) connections.push(await connected(node))
  await until(() => node.net.lightCounts().connections === lightLimits.connectionsMax)
  const [first, second] = connections as [Connection, Connection]
  expect(await asked(first)).toBe('what?')
  connections.push(await connected(node))
  await until(() => second.status !== 'open')
  const metric = node.net.metrics().find(({ name }) => name === 'coterie_net_light_clients')
  expect(metric?.samples[0]?.value).toBe(lightLimits.connectionsMax)
  expect(await asked(first)).toBe('what?')
  expect(connections.filter(({ status }) => status !== 'open')).toEqual([second])
})

test('a member gets nothing by the protocol of light clients', async () => {
  const node = await streamNode('node')
  const { libp2p } = await rawMember('member')
  onTestFinished(async () => void (await libp2p.stop()))
  const connection = await libp2p.dial(multiaddr(node.address))
  await until(() => node.net.connections().length === 1)
  expect(await asked(connection)).toBe('nothing')
  expect(node.net.lightCounts()).toEqual({ connections: 0, answers: 0 })
})
