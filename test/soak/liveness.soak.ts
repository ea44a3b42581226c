/** What is left of members that came and went. */
import { expect, test } from 'vitest'
import { type Digest, type NetworkId, nodeIdOfKey } from '../../src/base/ids.ts'
import { instant, seconds } from '../../src/base/time.ts'
import { Liveness } from '../../src/protocol/liveness/liveness.ts'
import { heartbeatCodec } from '../../src/wire/heartbeat.ts'
import { seededRandom } from '../fakes/beat-network.ts'

function heapBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

test('100,000 members that came and went leave nothing behind', () => {
  expect(globalThis.gc, 'run with --expose-gc').toBeDefined()
  const random = seededRandom(1)
  const root = new Uint8Array(32)
  const roots = { publicRoot: root, privateRoot: root }
  const content = {
    phase: 'active',
    groupClock: 1,
    logPosition: 0,
    load: 0,
    checkpoint: null,
    ...roots,
  } as const
  let progress = 0
  const turn = (): number => ++progress
  const source = { content: () => ({ ...content, progress: turn() }), turn }
  const sign = (): Uint8Array => random.bytes(64)
  const self = nodeIdOfKey(random.bytes(32))
  const network = '11'.repeat(32) as NetworkId
  const instance = '22'.repeat(32) as Digest
  const options = { self, instance, network, interval: seconds(1), startsAt: instant(0) }
  const machine = new Liveness({ source, random, sign }, options)
  let now = 0
  const generation = (count: number): void => {
    for (let each = 0; each < count; each++) {
      const node = nodeIdOfKey(random.bytes(32))
      machine.step({ kind: 'memberAdded', node, instance }, instant(now))
      for (let sequence = 1; sequence <= 6; sequence++) {
        const own = machine
          .step({ kind: 'tick' }, instant(now))
          .find(({ kind }) => kind === 'sendBeat')
        now = Math.max(now, machine.wakeAt())
        const payload = heartbeatCodec.encode({
          ...content,
          progress: sequence,
          random: random.bytes(16),
          citations: [],
        })
        const signedBody = random.bytes(400)
        machine.step(
          { kind: 'beatReceived', author: node, sequence, payload, signedBody },
          instant(now),
        )
        expect(own === undefined || own.kind === 'sendBeat').toBe(true)
      }
      machine.step({ kind: 'memberGone', node }, instant(now))
    }
  }
  generation(5_000)
  const before = heapBytes()
  generation(100_000)
  // 100,000 forgotten members with one map entry each would be more than this.
  expect(heapBytes() - before).toBeLessThan(2 * 1024 * 1024)
})
