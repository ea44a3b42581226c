import { expect, test } from 'vitest'
import { after, type Instant, milliseconds } from '../../../src/base/time.ts'
import { Drive } from '../../../src/node/drive.ts'
import type { Machine } from '../../../src/protocol/machine.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

type Input = { readonly kind: 'tick' } | { readonly kind: 'say'; readonly word: string }

/** Echoes each word as an effect and wants a tick 100 ms after the last word. */
class Echo implements Machine<Input, string> {
  wake: Instant | null = null
  isInside = false

  step(input: Input, now: Instant): readonly string[] {
    expect(this.isInside).toBe(false)
    if (input.kind === 'tick') {
      this.wake = null
      return ['tick']
    }
    this.wake = after(now, milliseconds(100))
    return [`${input.word}-1`, `${input.word}-2`]
  }

  wakeAt(): Instant | null {
    return this.wake
  }
}

const driven = (time: VirtualTime, apply: (effect: string) => void) => {
  const machine = new Echo()
  const { clock, timers } = time
  const ports = { clock, timers }
  const drive = new Drive<Input, string>(machine, ports, { tick: { kind: 'tick' }, apply })
  return { machine, drive }
}

test('an input that an effect causes waits until all effects before it are applied', () => {
  const applied: string[] = []
  const { drive } = driven(new VirtualTime(), effect => {
    applied.push(effect)
    if (effect === 'first-1') drive.feed({ kind: 'say', word: 'second' })
  })
  drive.feed({ kind: 'say', word: 'first' })
  expect(applied).toEqual(['first-1', 'first-2', 'second-1', 'second-2'])
})

test('a machine is ticked when it asked for it, and not after it changed its mind', async () => {
  const time = new VirtualTime()
  const applied: string[] = []
  const { drive } = driven(time, effect => applied.push(effect))
  drive.feed({ kind: 'say', word: 'a' })
  await time.advance(milliseconds(60))
  drive.feed({ kind: 'say', word: 'b' })
  await time.advance(milliseconds(60))
  expect(applied).not.toContain('tick')
  await time.advance(milliseconds(40))
  expect(applied.filter(effect => effect === 'tick')).toHaveLength(1)
  expect(time.pending).toBe(0)
})

test('a stopped drive takes nothing and leaves no alarm', async () => {
  const time = new VirtualTime()
  const applied: string[] = []
  const { drive } = driven(time, effect => applied.push(effect))
  drive.feed({ kind: 'say', word: 'a' })
  drive.stop()
  drive.stop()
  drive.feed({ kind: 'say', word: 'b' })
  await time.advance(milliseconds(1000))
  expect(applied).toEqual(['a-1', 'a-2'])
  expect(time.pending).toBe(0)
})

test('a machine that throws is not stuck: the next input is taken', () => {
  const time = new VirtualTime()
  const applied: string[] = []
  const { drive } = driven(time, effect => {
    if (effect === 'bad-1') throw new RangeError('an effect failed')
    applied.push(effect)
  })
  expect(() => drive.feed({ kind: 'say', word: 'bad' })).toThrow(RangeError)
  drive.feed({ kind: 'say', word: 'good' })
  expect(applied).toEqual(['good-1', 'good-2'])
})
