import { expect, test } from 'vitest'
import type { NodeId } from '../../../../src/base/ids.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { type Duration, milliseconds, seconds } from '../../../../src/base/time.ts'
import { DialLoop, type DialLoopDeps } from '../../../../src/host/net/dial-loop.ts'
import { seededRandom } from '../../../fakes/beat-network.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'
import { FakeAdmission } from '../../../fixtures/fake-admission.ts'

const idOf = (name: string): NodeId => new FakeAdmission({ name }).node
const [peer, other] = [idOf('peer'), idOf('other')]

/** A loop in virtual time, and what it tells. */
function loopWith(
  time: VirtualTime,
  dial: DialLoopDeps['dialler']['dial'],
  redialWaitMax: Duration = seconds(30),
) {
  const connected = new Set<NodeId>()
  const barred = new Set<NodeId>()
  const refused: NodeId[] = []
  const codes: string[] = []
  const loop = new DialLoop({
    dialler: {
      dial,
      isConnected: node => connected.has(node),
      isBarred: node => barred.has(node),
    },
    clock: time.clock,
    timers: time.timers,
    random: seededRandom(3),
    log: silentLogger,
    handlers: {
      dialRefused: node => void refused.push(node),
      dialFailed: code => void codes.push(code),
    },
    limits: { redialWait: milliseconds(200), redialWaitMax },
  })
  return { loop, connected, barred, refused, codes }
}

function world(
  answer: (addresses: readonly string[]) => NodeId | string,
  redialWaitMax?: Duration,
) {
  const time = new VirtualTime()
  const dials: { readonly at: number; readonly addresses: readonly string[] }[] = []
  const made = loopWith(
    time,
    async addresses => {
      dials.push({ at: time.now, addresses })
      const result = answer(addresses)
      const node = [peer, other].find(each => each === result)
      if (node === undefined) throw new Error(`${result}: no`)
      made.connected.add(node)
      return node
    },
    redialWaitMax,
  )
  return { time, dials, ...made }
}

test('an address that does not answer is tried for ever, never more than 30 s apart', async () => {
  const { time, dials, loop } = world(() => 'UNREACHABLE')
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  await time.advance(seconds(3600))
  const gaps = dials.slice(1).map((dial, i) => dial.at - (dials[i]?.at ?? 0))
  expect(Math.max(...gaps)).toBeLessThanOrEqual(30_001)
  expect(Math.min(...gaps.slice(10))).toBeGreaterThanOrEqual(15_000)
  expect(dials.at(-1)?.at).toBeGreaterThan(3_560_000)
  await loop.stop()
  expect(time.pending).toBe(0)
})

test('an address whose node is connected is left alone, and tried soon once the node is lost', async () => {
  const { time, dials, connected, loop } = world(() => peer)
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  await time.advance(seconds(300))
  expect(dials).toHaveLength(1)
  connected.delete(peer)
  loop.lost(peer)
  await time.advance(milliseconds(200))
  expect(dials).toHaveLength(2)
  await loop.stop()
})

test('a known member’s addresses are redialled without giving up', async () => {
  let up = true
  const { time, dials, connected, loop } = world(() => (up ? peer : 'UNREACHABLE'))
  loop.addNode(peer, ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.2/tcp/1'])
  loop.start()
  await time.advance(seconds(1))
  up = false
  connected.delete(peer)
  loop.lost(peer)
  await time.advance(seconds(7200))
  up = true
  await time.advance(seconds(31))
  expect(connected.has(peer)).toBe(true)
  expect(dials.at(-1)?.addresses).toHaveLength(2)
  await loop.stop()
})

test('a barred node is not dialled while it is barred', async () => {
  const { time, dials, barred, loop } = world(() => peer)
  barred.add(peer)
  loop.addNode(peer, ['/ip4/192.0.2.1/tcp/1'])
  loop.start()
  await time.advance(seconds(120))
  expect(dials).toEqual([])
  barred.delete(peer)
  await time.advance(seconds(31))
  expect(dials).toHaveLength(1)
  await loop.stop()
})

test('this node’s own address is dialled once', async () => {
  const { time, dials, loop } = world(() => 'SELF_DIAL')
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  await time.advance(seconds(600))
  expect(dials).toHaveLength(1)
  await loop.stop()
})

test('a member is forgotten when another lives at its address, the address is not', async () => {
  const { time, dials, loop } = world(addresses =>
    addresses[0]?.includes('p2p') ? 'UNEXPECTED_PEER' : other,
  )
  loop.addNode(peer, [`/ip4/192.0.2.1/tcp/1/p2p/${peer}`])
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  await time.advance(seconds(600))
  expect(dials).toHaveLength(2)
  expect(loop.view().map(({ node }) => node)).toEqual([other])
  await loop.stop()
})

test('the last refusal of an address is remembered by its code', async () => {
  const { time, loop } = world(() => 'MEASUREMENT_MISMATCH')
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  await time.advance(seconds(1))
  expect(loop.view()[0]?.lastRefusal).toBe('MEASUREMENT_MISMATCH')
  await loop.stop()
})

test('a refusal is asked for again ever more rarely, however fast the network is', async () => {
  const { time, dials, loop } = world(() => 'MEASUREMENT_MISMATCH', seconds(2))
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  await time.advance(seconds(600))
  expect(dials.length).toBeLessThan(50)
  await time.advance(seconds(60))
  const last = dials.at(-1)?.at ?? 0
  expect(time.now - last).toBeLessThanOrEqual(30_001)
  await loop.stop()
})

test('an address that was silent for long and then refuses is asked again soon', async () => {
  let code = 'UNREACHABLE'
  const { time, dials, loop } = world(() => code, seconds(2))
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  await time.advance(seconds(120))
  code = 'BANNED'
  const before = dials.length
  await time.advance(seconds(4))
  expect(dials.length - before).toBeGreaterThanOrEqual(3)
  await loop.stop()
})

test('a machine that refuses the redial of a member is told, a silent one is not, nor a stranger’s', async () => {
  let answer: NodeId | string = peer
  const { time, connected, refused, loop } = world(() => answer)
  loop.addAddress('/ip4/192.0.2.9/tcp/1')
  loop.addNode(peer, ['/ip4/192.0.2.1/tcp/1'])
  answer = 'DIAL_REFUSED'
  loop.start()
  await time.advance(milliseconds(50))
  expect(refused, 'the address is nobody’s yet').toEqual([peer])
  answer = 'UNREACHABLE'
  await time.advance(seconds(60))
  expect(refused).toEqual([peer])
  answer = peer
  await time.advance(seconds(60))
  connected.delete(peer)
  answer = 'UNEXPECTED_PEER'
  loop.lost(peer)
  await time.advance(milliseconds(200))
  expect(refused.length).toBeGreaterThan(1)
  await loop.stop()
})

test('an identity is dialled once where another answers in its place, however often it is told of there', async () => {
  const [there, elsewhere] = [['/ip4/192.0.2.1/tcp/1'], ['/ip4/192.0.2.2/tcp/1']]
  const { time, dials, loop } = world(() => 'UNEXPECTED_PEER')
  loop.start()
  const told: boolean[] = []
  for (let second = 0; second < 250; second++) {
    told.push(loop.addNode(peer, there))
    await time.advance(seconds(1))
  }
  expect(told).toEqual([true, ...Array(249).fill(false)])
  expect(dials).toHaveLength(1)
  expect(loop.addNode(peer, elsewhere), 'it moved').toBe(true)
  await time.advance(seconds(60))
  expect(dials.map(({ addresses }) => addresses)).toEqual([there, elsewhere])
  await time.advance(seconds(300))
  expect(loop.addNode(peer, elsewhere), 'that was long ago').toBe(true)
  await loop.stop()
})

test('forty nodes found at once are dialled four at a time, and dead addresses hold up nobody for long', async () => {
  const time = new VirtualTime()
  const dials: string[] = []
  const over = Promise.withResolvers<never>()
  const { loop } = loopWith(time, async addresses => {
    dials.push(...addresses)
    return await over.promise
  })
  loop.start()
  for (let i = 0; i < 40; i++) loop.addNode(idOf(`found ${i}`), [`/ip4/192.0.2.1/tcp/${i + 1}`])
  await time.advance(seconds(1))
  expect(dials).toHaveLength(4)
  await time.advance(seconds(20))
  expect(new Set(dials).size).toBe(40)
  over.reject(new Error('UNREACHABLE: no'))
  await loop.stop()
  expect(time.pending).toBe(0)
})

test('whoever was never tried goes before whoever failed', async () => {
  const time = new VirtualTime()
  const dials: string[] = []
  const { loop } = loopWith(
    time,
    async ([address = '']) => {
      dials.push(address)
      await new Promise<void>(resolve => time.timers.after(seconds(4), resolve))
      throw new Error('UNREACHABLE: no')
    },
    milliseconds(200),
  )
  loop.start()
  for (let i = 0; i < 60; i++) loop.addNode(idOf(`dead ${i}`), ['/ip4/192.0.2.1/tcp/1'])
  await time.advance(seconds(60))
  loop.addNode(idOf('fresh'), ['/ip4/192.0.2.2/tcp/1'])
  await time.advance(seconds(3))
  expect(dials).toContain('/ip4/192.0.2.2/tcp/1')
  const stopped = loop.stop()
  await time.advance(seconds(5))
  await stopped
})

test('who hangs up only after seconds was busy, and is not told as one that refuses', async () => {
  const time = new VirtualTime()
  let patience = seconds(5)
  const { loop, refused, codes } = loopWith(
    time,
    async () => {
      await new Promise<void>(resolve => time.timers.after(patience, resolve))
      throw new Error('DIAL_REFUSED: no')
    },
    seconds(1),
  )
  loop.start()
  loop.addNode(peer, ['/ip4/192.0.2.1/tcp/1'])
  await time.advance(seconds(20))
  expect(codes).toContain('UNREACHABLE')
  expect(refused).toEqual([])
  patience = seconds(1)
  await time.advance(seconds(20))
  expect(refused).toContain(peer)
  const stopped = loop.stop()
  await time.advance(seconds(5))
  await stopped
})

test('whoever takes connections and is done with no handshake is asked ever more rarely, however fast the network is', async () => {
  const time = new VirtualTime()
  const dials: number[] = []
  const { loop } = loopWith(
    time,
    async (_addresses, { answered }) => {
      dials.push(time.now)
      answered()
      await new Promise<void>(resolve => time.timers.after(seconds(10), resolve))
      throw new Error('HANDSHAKE_TIMEOUT: no')
    },
    seconds(2),
  )
  loop.start()
  loop.addNode(peer, ['/ip4/192.0.2.1/tcp/1'])
  await time.advance(seconds(300))
  const rests = dials.slice(1).map((dial, i) => dial - (dials[i] ?? 0) - 10_000)
  expect(Math.max(...rests)).toBeLessThanOrEqual(10_000)
  expect(Math.min(...rests.slice(5))).toBeGreaterThanOrEqual(5_000)
  const stopped = loop.stop()
  await time.advance(seconds(10))
  await stopped
})

test('what ended for want of a document is dialled soon once one came, and a refusal of another kind is not', async () => {
  const { time, dials, loop } = world(addresses =>
    addresses[0] === '/ip4/192.0.2.1/tcp/1' ? 'UNDETERMINED' : 'BANNED',
  )
  const dialsOf = (address: string) => dials.filter(({ addresses }) => addresses[0] === address)
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.addAddress('/ip4/192.0.2.2/tcp/1')
  loop.start()
  await time.advance(seconds(600))
  const before = [dialsOf('/ip4/192.0.2.1/tcp/1').length, dialsOf('/ip4/192.0.2.2/tcp/1').length]
  // Until just after the next dial of each, so that the one after it is far.
  await time.until(() => dialsOf('/ip4/192.0.2.1/tcp/1').length > (before[0] ?? 0))
  const [open, banned] = [
    dialsOf('/ip4/192.0.2.1/tcp/1').length,
    dialsOf('/ip4/192.0.2.2/tcp/1').length,
  ]
  loop.retry('UNDETERMINED')
  await time.advance(milliseconds(200))
  expect(dialsOf('/ip4/192.0.2.1/tcp/1')).toHaveLength(open + 1)
  expect(dialsOf('/ip4/192.0.2.2/tcp/1').length - banned).toBeLessThanOrEqual(1)
  await loop.stop()
})

test('documents that come all the time put no dial off, and bring none sooner than the first pause', async () => {
  const { time, dials, loop } = world(() => 'UNDETERMINED')
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  for (let i = 0; i < 600; i++) {
    await time.advance(milliseconds(50))
    loop.retry('UNDETERMINED')
  }
  expect(dials.length).toBeGreaterThan(100)
  expect(dials.length).toBeLessThanOrEqual(301)
  await loop.stop()
})

test('a document that comes while a dial is under way counts when that dial fails', async () => {
  const time = new VirtualTime()
  const dials: number[] = []
  const { loop } = loopWith(time, async () => {
    dials.push(time.now)
    await new Promise<void>(resolve => time.timers.after(seconds(1), resolve))
    throw new Error('UNDETERMINED: no')
  })
  loop.addAddress('/ip4/192.0.2.1/tcp/1')
  loop.start()
  await time.advance(seconds(600))
  const count = dials.length
  await time.until(() => dials.length > count)
  loop.retry('UNDETERMINED')
  await time.advance(milliseconds(1_250))
  expect(dials).toHaveLength(count + 2)
  const stopped = loop.stop()
  await time.advance(seconds(2))
  await stopped
})
