/** When nothing is recovered: without the right key, beside the living, over what is there already. And what two recoveries come to. */
import { afterEach, expect, test } from 'vitest'
import { concatBytes, fromHex, utf8 } from '../../../src/base/bytes.ts'
import { HostError } from '../../../src/base/errors.ts'
import { hours, minutes, seconds } from '../../../src/base/time.ts'
import { HolderCircle } from '../../fakes/custody-network.ts'
import { LostNetwork, phaseOf, survivorAddress, textAt } from '../../fakes/lost-network.ts'
import { FakeDisk } from '../../fakes/page-store.ts'

let lost: LostNetwork
afterEach(() => lost.simulation.stop())

test('nothing comes back without the key, from a changed record, or by a caller of the key', async () => {
  lost = await LostNetwork.of(4)
  const { disk, simulation } = lost
  const { node } = await lost.startOn('node-2')
  const { record } = disk
  if (record === undefined) throw new Error('a record was kept')
  await simulation.until(() => phaseOf(node) === 'alone')
  expect(await lost.refusal(node)).toBe('WRONG_PHASE')
  await lost.circle.bringTo(node)
  // In front stands in clear up to which page it goes: whoever changes that keeps pages or loses them, which a host may do anyway.
  for (const at of [8, 39, 40, 200, record.length - 1]) {
    disk.record = record.map((byte, i) => (i === at ? byte ^ 1 : byte))
    expect(await lost.refusal(node)).toBe('RECORD_NOT_OPENED')
  }
  disk.record = record.subarray(0, 40)
  expect(await lost.refusal(node)).toBe('RECORD_NOT_OPENED')
  disk.record = undefined
  expect(await lost.refusal(node)).toBe('NOTHING_TO_RECOVER')
  for (const caller of ['door/http', 'checkpoint', '']) {
    for (const sealed of [record, record.subarray(8)]) {
      const opened = () => node.custody.decrypt({ caller, sealed })
      expect(opened).toThrow(expect.objectContaining({ code: 'NOT_OPENED' }))
    }
  }
  // Nor does what a caller had sealed pass for a record.
  const passed = node.custody.encrypt({ caller: 'door/http', plaintext: record })
  disk.record = concatBytes(record.subarray(0, 8), passed)
  expect(await lost.refusal(node)).toBe('RECORD_NOT_OPENED')
  disk.record = record
  expect(await lost.recover(node)).toMatchObject({ root: lost.root })
})

test('a record of another quorum key or of another network does not open', async () => {
  lost = await LostNetwork.of(7)
  const { simulation } = lost
  const elsewhere = await LostNetwork.of(8)
  await elsewhere.simulation.stop()
  const node = await lost.survivor()
  const { record } = lost.disk
  lost.disk.record = elsewhere.disk.record
  expect(await lost.refusal(node)).toBe('RECORD_NOT_OPENED')
  lost.disk.record = record
  // Another key of the same people in the same network.
  const other = new HolderCircle(simulation)
  const { node: maker } = await simulation.start('node-3', { bootstrap: [] })
  await other.provision(maker)
  const { node: third } = await lost.startOn('node-4', { bootstrap: [] })
  await simulation.until(() => phaseOf(third) === 'alone')
  await other.bringTo(third)
  expect(await lost.refusal(third)).toBe('RECORD_NOT_OPENED')
})

test('beside a member that lives, before it is known that nobody does, and over a state of its own a node recovers nothing', async () => {
  lost = await LostNetwork.of(9)
  const { simulation } = lost
  const { node: early } = await lost.startOn('node-2')
  await lost.circle.bringTo(early)
  expect([phaseOf(early), await lost.refusal(early)]).toEqual(['joining', 'NOT_ALONE_YET'])
  await simulation.until(() => phaseOf(early) === 'alone')
  await lost.recover(early)
  expect(await lost.refusal(early)).toBe('RECOVERY_TOO_LATE')
  const disk = new FakeDisk()
  disk.record = lost.disk.record
  disk.rollBack(lost.disk.photograph())
  const { node: late } = await lost.startOn('node-3', { bootstrap: [survivorAddress] }, disk)
  await simulation.until(() => phaseOf(late) === 'active')
  await lost.circle.bringTo(late)
  expect(await lost.refusal(late)).toBe('RECOVERY_TOO_LATE')
})

test('who founds anew leaves alone what only the quorum opens, and it comes back later', async () => {
  lost = await LostNetwork.of(10)
  const { simulation, disk } = lost
  const [pages, record] = [disk.photograph(), disk.record]
  const founder = await lost.startOn('node-2', { found: true })
  await simulation.until(() => phaseOf(founder.node) === 'active')
  await lost.circle.bringTo(founder.node)
  expect(await lost.refusal(founder.node)).toBe('RECOVERY_TOO_LATE')
  await simulation.settle(founder.node.state.set('new', utf8('x'), { ack: 'local' }))
  await simulation.time.advance(minutes(1))
  expect(founder.node.status().warnings.map(({ code }) => code)).toEqual(['STATE_TO_RECOVER'])
  expect([disk.photograph(), disk.record]).toEqual([pages, record])
  await simulation.settle(founder.crash())
  const { node } = await lost.startOn('node-3', { bootstrap: [] })
  await simulation.until(() => phaseOf(node) === 'alone')
  await lost.circle.bringTo(node)
  expect(await lost.recover(node)).toMatchObject({ root: lost.root })
})

test('a member without the quorum key keeps what only the key opens, and lets it go once it has the key', async () => {
  lost = await LostNetwork.of(14)
  const { simulation, disk } = lost
  const [pages, record] = [disk.photograph(), disk.record]
  // As people do it by reflex: a network founded anew elsewhere, and everybody joins.
  const { node: founder } = await simulation.start('node-2', { found: true, bootstrap: [] })
  await simulation.until(() => phaseOf(founder) === 'active')
  const { node } = await lost.startOn('node-3', { bootstrap: [survivorAddress] })
  await simulation.until(() => phaseOf(node) === 'active')
  for (let i = 0; i < 3; i++) {
    await simulation.settle(node.state.set(`new-${i}`, utf8('x')))
    await simulation.time.advance(seconds(12))
  }
  expect(disk.record).toEqual(record)
  for (const [number, bytes] of pages) expect(disk.pages.get(number)).toEqual(bytes)
  await lost.circle.bringTo(node)
  await simulation.settle(node.state.set('last', utf8('x')))
  await simulation.time.advance(seconds(12))
  expect(disk.record).not.toEqual(record)
})

test('another root than the one written down comes back to whoever names it, and to nobody else', async () => {
  lost = await LostNetwork.of(11)
  const node = await lost.survivor()
  const asked = node.custody.recover({ root: 'ab'.repeat(32) })
  const refused = await lost.simulation.settle(asked.catch((error: Error) => error))
  expect(refused).toMatchObject({
    code: 'ROOT_MISMATCH',
    message: expect.stringContaining(lost.root),
  })
  expect(phaseOf(node)).toBe('alone')
  expect(await lost.recover(node, lost.root)).toMatchObject({ root: lost.root })
  expect(textAt(node, 'key-2')).toBe('value-2')
})

test('two that recovered apart from each other are one network when they meet, and say the earlier time', async () => {
  const older = new FakeDisk()
  lost = await LostNetwork.of(12, async ([first], { simulation, disk }) => {
    await simulation.time.advance(seconds(12))
    older.rollBack(disk.photograph())
    older.record = disk.record
    await simulation.settle(first!.node.state.set('later', utf8('x')))
  })
  const { simulation } = lost
  // All that came back is older than what is pruned: nobody takes it for removed because another never had it.
  await simulation.time.advance(hours(30))
  const one = await lost.survivor()
  const newest = await lost.recover(one)
  const { node: two } = await lost.startOn('node-3', { bootstrap: [] }, older)
  await simulation.until(() => phaseOf(two) === 'alone')
  await lost.circle.bringTo(two)
  const oldest = await lost.recover(two)
  expect(oldest.cut).toBeLessThan(newest.cut)
  await simulation.settle(two.state.set('apart', utf8('y'), { ack: 'local' }))
  // A third that knows both brings them together.
  await simulation.start('node-4', { bootstrap: [survivorAddress, '/memory/3'] })
  await simulation.until(() => textAt(one, 'apart') === 'y', minutes(5))
  await simulation.until(() => textAt(two, 'later') === 'x', minutes(5))
  await simulation.time.advance(seconds(10))
  expect([await lost.claimedBy(one), await lost.claimedBy(two)]).toEqual([oldest, oldest])
  await simulation.time.advance(minutes(5))
  const [held, ...others] = [one, two].map(node => node.status().state)
  expect(others).toEqual([expect.objectContaining({ root: held?.root, entries: held?.entries })])
  expect([textAt(one, 'later'), textAt(two, 'later')]).toEqual(['x', 'x'])
})

test('who founds anew over a store with a damaged page empties it no more than a sound one', async () => {
  lost = await LostNetwork.of(38)
  const { simulation, disk } = lost
  const [pages, record] = [disk.photograph(), disk.record]
  disk.failRead = new HostError('STORE_DAMAGED', 'A page cannot be read.')
  const { node } = await lost.startOn('node-2', { found: true })
  await simulation.until(() => phaseOf(node) === 'active')
  await simulation.settle(node.state.set('new', utf8('x'), { ack: 'local' }))
  await simulation.time.advance(minutes(2))
  expect([disk.photograph(), disk.record, disk.clears]).toEqual([pages, record, 0])
  expect(node.status().warnings.map(({ code }) => code)).toEqual(['STATE_TO_RECOVER'])
})

test('a member makes a damaged store with a record whole again', async () => {
  lost = await LostNetwork.of(39)
  const { simulation, disk } = lost
  const old = [...disk.pages.keys()]
  const { node: founder } = await simulation.start('node-2', { found: true, bootstrap: [] })
  await simulation.until(() => phaseOf(founder) === 'active')
  disk.failRead = new HostError('STORE_DAMAGED', 'A page cannot be read.')
  const { node } = await lost.startOn('node-3', { bootstrap: [survivorAddress] })
  await simulation.until(() => phaseOf(node) === 'active')
  await simulation.settle(node.state.set('new', utf8('x')))
  disk.failPut = disk.failRead
  await simulation.time.advance(minutes(2))
  expect(disk.clears).toBeGreaterThan(0)
  disk.failPut = undefined
  await simulation.time.advance(minutes(2))
  expect(node.status().warnings).toEqual([])
  expect([disk.pages.size > 0, old.some(number => disk.pages.has(number))]).toEqual([true, false])
})

test('a directory that cannot be read is not taken for one in which nothing lies', async () => {
  lost = await LostNetwork.of(36)
  const { simulation } = lost
  const refusalOn = async (broken: FakeDisk, name: string): Promise<unknown> => {
    const { node } = await lost.startOn(name, { bootstrap: [] }, broken)
    await simulation.until(() => phaseOf(node) === 'alone')
    await lost.circle.bringTo(node)
    return await lost.refusal(node)
  }
  const closed = new FakeDisk()
  closed.failOpen = new HostError('STORE_FAILED', 'The cache on disk failed.')
  expect(await refusalOn(closed, 'node-2')).toBe('STORE_FAILED')
  const anew = new FakeDisk()
  anew.beganAnew = true
  expect(await refusalOn(anew, 'node-3')).toBe('STORE_DAMAGED')
})

test('a machine that was removed brings nothing back, and does not say that it did', async () => {
  lost = await LostNetwork.of(35, async ([first, second], { simulation }) => {
    const { instance } = first!.node.members().find(({ node }) => node === second!.node.id)!
    const subject = fromHex(instance)!
    first!.node.remove([simulation.removalOf({ scope: 'instance', subject })])
    await simulation.time.advance(seconds(5))
    await simulation.settle(first!.node.state.set('after', utf8('x'), { ack: 'local' }))
  })
  const { simulation } = lost
  const { node } = await lost.startOn('node-1')
  await simulation.until(() => phaseOf(node) === 'alone')
  await lost.circle.bringTo(node)
  expect(await lost.refusal(node)).toBe('REMOVED')
  expect(phaseOf(node)).toBe('removed')
  expect(node.status().warnings.map(({ code }) => code)).not.toContain('RECOVERED')
})

test('removals come back with the state', async () => {
  lost = await LostNetwork.of(13, async ([first], { simulation }) => {
    const subject = new Uint8Array(32).fill(7)
    first!.node.remove([simulation.removalOf({ scope: 'identity', subject })])
    await simulation.time.advance(seconds(5))
    await simulation.settle(first!.node.state.set('after', utf8('under a key of its own')))
  })
  const node = await lost.survivor()
  expect(node.status().removals.count).toBe(0)
  await lost.recover(node)
  expect(node.status().removals.count).toBe(1)
  expect([textAt(node, 'key-0'), textAt(node, 'after')]).toEqual([
    'value-0',
    'under a key of its own',
  ])
})
