/** Reads of libp2p's own streams, of a sender that waits for nobody. */
import type { Stream } from '@libp2p/interface'
import { pipe, streamPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { type PacedStream, paced } from '../../../../src/host/net/paced-reads.ts'

const loopTurns = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
const piece = (index: number): Uint8Array => new Uint8Array(100).fill(index)

/** A stream that is read with at most 250 bytes waiting, and its other end. */
async function world(): Promise<{
  readonly sender: Stream
  readonly reader: Stream
  readonly slow: PacedStream
}> {
  const [sender, reader] = await streamPair()
  return { sender, reader, slow: paced(reader, 250) }
}

/** Lets everything arrive that was sent. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await loopTurns()
}

test('a stream whose reader is busy is held back, and goes on where it was when the reader comes', async () => {
  const { sender, reader, slow } = await world()
  const chunks = slow[Symbol.asyncIterator]()
  const first = chunks.next()
  const sent = Array.from({ length: 50 }, (_, index) => piece(index))
  const sending = (async () => {
    for (const each of sent) {
      sender.send(each)
      await loopTurns()
    }
  })()
  const got: number[] = [...((await first).value ?? new Uint8Array()).subarray()]
  await sending
  await settle()
  expect(reader.readStatus).toBe('paused')
  await sender.close()
  for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) got.push(...chunk.subarray())
  expect(Uint8Array.from(got)).toEqual(Uint8Array.from(sent.flatMap(each => [...each])))
})

test('a reader that keeps up is never held back', async () => {
  const { sender, reader, slow } = await world()
  let bytes = 0
  const reading = (async () => {
    for await (const chunk of slow) bytes += chunk.byteLength
  })()
  for (let index = 0; index < 50; index++) {
    sender.send(piece(index))
    await settle()
    expect(reader.readStatus).toBe('readable')
  }
  await sender.close()
  await reading
  expect(bytes).toBe(5_000)
})

test('a stream that breaks while it is held back ends its reader with the reason, after what had come', async () => {
  const { sender, reader, slow } = await world()
  const chunks = slow[Symbol.asyncIterator]()
  const first = chunks.next()
  for (let index = 0; index < 10; index++) {
    sender.send(piece(index))
    await loopTurns()
  }
  await first
  await settle()
  expect(reader.readStatus).toBe('paused')
  reader.abort(new Error('broken'))
  let bytes = 0
  const rest = (async () => {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      bytes += next.value.byteLength
    }
  })()
  await expect(rest).rejects.toThrow('broken')
  expect(bytes).toBeGreaterThan(200)
})

test('the sender is told to go on only if the reader wants more: what gathered may be too much again', async () => {
  const { sender, reader, slow } = await world()
  const window = reader as Stream & Record<'sendPause' | 'sendResume', () => void>
  const told: string[] = []
  for (const step of ['sendPause', 'sendResume'] as const) {
    const tell = window[step].bind(reader)
    window[step] = () => {
      told.push(step)
      tell()
    }
  }
  const chunks = slow[Symbol.asyncIterator]()
  const first = chunks.next()
  for (let index = 0; index < 4; index++) {
    sender.send(piece(index))
    await settle()
  }
  await first
  expect(told).toEqual(['sendPause'])
  // Under way before the sender heard that it should wait.
  for (let index = 0; index < 9; index++) reader.push(piece(index))
  while (!told.includes('sendResume')) await chunks.next()
  expect(told).toEqual(['sendPause', 'sendResume', 'sendPause'])
  expect(reader.readStatus).toBe('paused')
  reader.abort(new Error('enough'))
})

test('a pipe of libp2p reads it at its own pace too', async () => {
  const { sender, reader, slow } = await world()
  const hold = Promise.withResolvers<void>()
  let bytes = 0
  const reading = pipe(slow, async source => {
    for await (const chunk of source) {
      bytes += chunk.byteLength
      await hold.promise
    }
  })
  for (let index = 0; index < 50; index++) {
    sender.send(piece(index))
    await loopTurns()
  }
  await settle()
  expect([bytes, reader.readStatus]).toEqual([100, 'paused'])
  hold.resolve()
  await sender.close()
  await reading
  expect(bytes).toBe(5_000)
})
