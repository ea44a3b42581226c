import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type HeldFor, HeldMessages } from '../../../../src/protocol/membership/held.ts'
import { digestOfText, identity } from './people.ts'

const reasons: readonly HeldFor[] = [
  { kind: 'author', node: identity('a').member.node },
  { kind: 'author', node: identity('b').member.node },
  { kind: 'key', id: digestOfText('k') },
]

const from = identity('neighbour').member.node

test('what waits for one thing is released by it, oldest first, and by nothing else', () => {
  const held = new HeldMessages<string>()
  const [author, other, key] = reasons as [HeldFor, HeldFor, HeldFor]
  held.hold(author, 'first', { from, size: 10 })
  held.hold(key, 'second', { from, size: 10 })
  held.hold(author, 'third', { from, size: 10 })
  expect(held.release(other)).toEqual([])
  expect(held.release(author)).toEqual(['first', 'third'])
  expect(held.release(author)).toEqual([])
  expect(held.release(key)).toEqual(['second'])
  expect(held.bytes).toBe(0)
})

test('by default 256 messages and one mebibyte are held together', () => {
  const held = new HeldMessages<number>()
  const [author, , key] = reasons as [HeldFor, HeldFor, HeldFor]
  for (let i = 0; i < 300; i++) held.hold(i % 2 === 0 ? author : key, i, { from, size: 1 })
  expect(held.count).toBe(256)
  const large = new HeldMessages<number>()
  for (let i = 0; i < 8; i++) large.hold(author, i, { from, size: 256 * 1024 })
  expect(large.count).toBe(4)
  expect(large.release(author)).toEqual([4, 5, 6, 7])
})

test('whatever arrives, both bounds hold and the youngest are kept', () => {
  const arrival = fc.record({
    reason: fc.integer({ min: 0, max: reasons.length - 1 }),
    size: fc.integer({ min: 0, max: 60 }),
    releases: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 60 }), arrivals => {
      const held = new HeldMessages<number>({ countMax: 8, bytesMax: 100 })
      let model: { reason: HeldFor; message: number; size: number }[] = []
      arrivals.forEach(({ reason, size, releases }, message) => {
        const why = reasons[reason] as HeldFor
        if (releases) {
          const waiting = model.filter(one => one.reason === why)
          expect(held.release(why)).toEqual(waiting.map(one => one.message))
          model = model.filter(one => one.reason !== why)
        } else {
          held.hold(why, message, { from, size })
          model.push({ reason: why, message, size })
          const bytes = (): number => model.reduce((sum, one) => sum + one.size, 0)
          while (model.length > 8 || bytes() > 100) model.shift()
        }
        expect(held.count).toBeLessThanOrEqual(8)
        expect(held.bytes).toBeLessThanOrEqual(100)
        expect(held.count).toBe(model.length)
      })
    }),
  )
})

test('a message larger than the whole bound pushes nothing out', () => {
  const held = new HeldMessages<string>({ countMax: 8, bytesMax: 100 })
  const [author] = reasons as [HeldFor]
  held.hold(author, 'small', { from, size: 10 })
  expect(held.hold(author, 'huge', { from, size: 101 })).toBe(1)
  expect(held.release(author)).toEqual(['small'])
})

test('a neighbour that floods pushes out its own messages, in number and in bytes', () => {
  const [author, other] = reasons as [HeldFor, HeldFor, HeldFor]
  const flooder = identity('flooder').member.node
  for (const [countMax, bytesMax] of [
    [8, 1000],
    [1000, 80],
  ] as const) {
    const held = new HeldMessages<string>({ countMax, bytesMax })
    for (const name of ['one', 'two', 'three']) held.hold(author, name, { from, size: 10 })
    for (let i = 0; i < 100; i++) held.hold(other, `flood ${i}`, { from: flooder, size: 10 })
    expect(held.release(author)).toEqual(['one', 'two', 'three'])
    expect(held.release(other)).toEqual([95, 96, 97, 98, 99].map(i => `flood ${i}`))
  }
})
