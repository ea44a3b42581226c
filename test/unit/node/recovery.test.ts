/** The way back when every node of a network is gone: what comes back, as what, and what a host can show instead. */
import { afterEach, expect, test } from 'vitest'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { hours, milliseconds, seconds } from '../../../src/base/time.ts'
import { LostNetwork, phaseOf, survivorAddress, textAt } from '../../fakes/lost-network.ts'
import { isWhole, type SimulatedNode } from '../../fakes/simulation.ts'
import { nextManifest } from '../../fixtures/network.ts'

let lost: LostNetwork
afterEach(() => lost.simulation.stop())

const same = (manifest: Manifest): Manifest => manifest
const newcomer = (): Promise<SimulatedNode> =>
  lost.simulation.start('node-3', { bootstrap: [survivorAddress] })

test('what all nodes of a lost network held comes back to a fresh one with shares of the key, and from it to others', async () => {
  lost = await LostNetwork.of(1)
  const { simulation } = lost
  const node = await lost.survivor()
  expect(node.status().state.entries).toBe(0)
  const offer = await simulation.settle(node.custody.recoverable())
  expect(offer).toMatchObject({ root: lost.root, entries: 8 })
  expect(await lost.recover(node)).toEqual({ root: lost.root, cut: offer.cut })
  expect(phaseOf(node)).toBe('active')
  expect(textAt(node, 'key-3')).toBe('value-3')
  expect(node.state.get('set')).toMatchObject({ elements: [utf8('element')] })
  expect(node.state.get('counter')).toMatchObject({ value: 7n })
  const { node: other } = await newcomer()
  await simulation.until(() => phaseOf(other) === 'active')
  expect(textAt(other, 'key-4')).toBe('value-4')
  await simulation.settle(other.state.set('after', utf8('x')))
  await simulation.until(() => textAt(node, 'after') === 'x')
})

test('everybody who goes on with a recovered state says so, from the first checkpoint on, until a newer manifest is in force', async () => {
  lost = await LostNetwork.of(2)
  const { simulation } = lost
  const node = await lost.survivor()
  const told = await lost.recover(node)
  const { node: other } = await newcomer()
  const claims = new Set<string>()
  for (let i = 0; i < 120; i++) {
    await simulation.time.advance(seconds(0.1))
    const claim = await lost.claimedBy(other).catch(() => undefined)
    if (claim !== undefined) claims.add(JSON.stringify(claim))
  }
  const { cut, root } = told
  expect([...claims]).toEqual([JSON.stringify({ cut, root })])
  expect(await lost.claimedBy(node)).toEqual({ cut, root })
  const warned = () => [node, other].map(each => each.status().warnings.map(({ code }) => code))
  expect(warned()).toEqual([['RECOVERED'], ['RECOVERED']])
  node.applyManifest(nextManifest(simulation.fixture, same).envelopeBytes)
  await simulation.time.advance(seconds(20))
  expect(isWhole(other, 2)).toBe(true)
  expect(warned()).toEqual([[], []])
  expect([await lost.claimedBy(node), await lost.claimedBy(other)]).toEqual([null, null])
})

test('a newcomer whose only teacher ended too soon tells its operator why it makes no checkpoints, until a newer manifest', async () => {
  lost = await LostNetwork.of(2)
  const { simulation } = lost
  const survivor = await lost.startOn('node-2')
  await simulation.until(() => phaseOf(survivor.node) === 'alone')
  await lost.circle.bringTo(survivor.node)
  await lost.recover(survivor.node)
  const { node } = await newcomer()
  while (phaseOf(node) !== 'active') await simulation.time.advance(milliseconds(1))
  await simulation.settle(survivor.crash())
  const warned = () => node.status().warnings.map(({ code }) => code)
  await simulation.time.advance(seconds(50))
  expect(warned()).not.toContain('CHECKPOINTS_WITHHELD')
  await simulation.time.advance(seconds(20))
  expect(warned()).toContain('CHECKPOINTS_WITHHELD')
  expect(node.status().next).toContain('have the manifest set approve a manifest')
  node.applyManifest(nextManifest(simulation.fixture, same).envelopeBytes)
  await simulation.time.advance(seconds(5))
  expect(warned()).not.toContain('CHECKPOINTS_WITHHELD')
  expect(await lost.claimedBy(node)).toBeNull()
})

test('a recovered network that is lost again comes back with all that was written since', async () => {
  lost = await LostNetwork.of(20)
  const { simulation, disk } = lost
  const first = await lost.startOn('node-2')
  await simulation.until(() => phaseOf(first.node) === 'alone')
  await lost.circle.bringTo(first.node)
  await lost.recover(first.node)
  const old = [...disk.pages.keys()]
  await simulation.settle(first.node.state.set('between', utf8('x'), { ack: 'local' }))
  await simulation.settle(first.node.state.delete('key-0', { ack: 'local' }))
  await simulation.time.advance(seconds(12))
  // Under keys of its own: nothing is sealed any more under one that lay on a disk.
  expect(old.filter(number => disk.pages.has(number))).toEqual([])
  await simulation.settle(first.crash())
  const { node } = await lost.startOn('node-3', { bootstrap: [] })
  await simulation.until(() => phaseOf(node) === 'alone')
  await lost.circle.bringTo(node)
  await lost.recover(node)
  const texts = ['between', 'key-0', 'key-1'].map(key => textAt(node, key))
  expect(texts).toEqual(['x', undefined, 'value-1'])
})

test('what was written a moment before the last node was stopped comes back', async () => {
  lost = await LostNetwork.of(33)
  const { simulation } = lost
  const first = await lost.startOn('node-2')
  await simulation.until(() => phaseOf(first.node) === 'alone')
  await lost.circle.bringTo(first.node)
  await lost.recover(first.node)
  await simulation.time.advance(seconds(12))
  await simulation.settle(first.node.state.set('last', utf8('x'), { ack: 'local' }))
  await simulation.settle(first.node.stop())
  const { node } = await lost.startOn('node-3', { bootstrap: [] })
  await simulation.until(() => phaseOf(node) === 'alone')
  await lost.circle.bringTo(node)
  await lost.recover(node)
  expect(textAt(node, 'last')).toBe('x')
})

test('a record that was made while new keys waited to be published still comes back', async () => {
  lost = await LostNetwork.of(34)
  const { simulation } = lost
  const first = await lost.startOn('node-2')
  await simulation.until(() => phaseOf(first.node) === 'alone')
  await lost.circle.bringTo(first.node)
  await lost.recover(first.node)
  const { node: other } = await newcomer()
  await simulation.until(() => phaseOf(other) === 'active')
  await simulation.time.advance(seconds(12))
  const set = (key: string) => first.node.state.set(key, new Uint8Array(8192), { ack: 'local' })
  // While the first is on its way the others are in no page, and nobody was promised more than that.
  for (let i = 0; i < 4; i++) await set(`waits-${i}`)
  await simulation.settle(first.node.stop())
  await simulation.settle(other.stop())
  const { node } = await lost.startOn('node-4', { bootstrap: [] })
  await simulation.until(() => phaseOf(node) === 'alone')
  await lost.circle.bringTo(node)
  expect(await simulation.settle(node.custody.recoverable())).toMatchObject({ root: null })
  await lost.recover(node)
  const held = ['waits-0', 'waits-3'].map(key => node.state.get(key) !== undefined)
  expect(held).toEqual([true, false])
  expect(textAt(node, 'key-4')).toBe('value-4')
})

test('days after the cut the state comes back as well, and what was removed before it does not', async () => {
  lost = await LostNetwork.of(3, async ([first], { simulation }) => {
    await simulation.settle(first!.node.state.delete('key-1'))
  })
  const { simulation } = lost
  await simulation.time.advance(hours(30))
  const node = await lost.survivor()
  expect(await lost.recover(node)).toMatchObject({ root: lost.root })
  // What stands under the name of a node that is gone goes after a day.
  expect(node.status().state.entries).toBe(6)
  expect([textAt(node, 'key-0'), textAt(node, 'key-1')]).toEqual(['value-0', undefined])
  const { node: other } = await newcomer()
  await simulation.until(() => phaseOf(other) === 'active')
  await simulation.until(() => textAt(other, 'key-0') === 'value-0')
  await simulation.time.advance(seconds(60))
  expect([node, other].map(each => each.status().state.entries)).toEqual([6, 6])
})

test('a page that was lost, changed, swapped or put back from another time stops a recovery before anything is merged', async () => {
  lost = await LostNetwork.of(5, async ([first], { simulation }) => {
    await simulation.time.advance(seconds(12))
    await simulation.settle(first!.node.state.set('later', utf8('x')))
  })
  const { disk } = lost
  const whole = disk.photograph()
  const [a = 0, b = 0] = [...whole.keys()]
  expect(whole.size).toBeGreaterThan(1)
  const node = await lost.survivor()
  const flipped = whole.get(a)!.map((byte, i) => (i === 100 ? byte ^ 1 : byte))
  const attacks: (() => void)[] = [
    () => disk.pages.delete(a),
    () => disk.pages.delete(b),
    () => disk.pages.set(a, flipped),
    () => {
      disk.pages.set(a, whole.get(b)!)
      disk.pages.set(b, whole.get(a)!)
    },
    () => disk.pages.set(b, whole.get(a)!),
    () => disk.pages.clear(),
  ]
  for (const attack of attacks) {
    attack()
    expect(await lost.refusal(node)).toBe('PAGES_MISSING')
    expect([phaseOf(node), node.status().state.entries]).toEqual(['alone', 0])
    disk.rollBack(whole)
  }
  // What no record names is not looked at.
  disk.pages.set(999, whole.get(a)!)
  expect(await lost.recover(node)).toMatchObject({ root: lost.root })
})

test('an older directory as a whole comes back as what it is: recovered, with its own time', async () => {
  let [pages, record]: [ReadonlyMap<number, Uint8Array>, Uint8Array?] = [new Map()]
  lost = await LostNetwork.of(6, async ([first], { simulation, disk }) => {
    await simulation.time.advance(seconds(12))
    ;[pages, record] = [disk.photograph(), disk.record]
    await simulation.settle(first!.node.state.set('later', utf8('x')))
  })
  const node = await lost.survivor()
  const offer = await lost.simulation.settle(node.custody.recoverable())
  lost.disk.rollBack(pages)
  // Older pages under a newer record are not whole.
  expect(await lost.refusal(node)).toBe('PAGES_MISSING')
  lost.disk.record = record
  const { root, cut } = await lost.recover(node)
  expect(cut).toBeLessThan(offer.cut)
  expect(root).not.toBe(lost.root)
  expect(textAt(node, 'later')).toBeUndefined()
  await lost.simulation.time.advance(seconds(8))
  expect(await lost.claimedBy(node)).toEqual({ cut, root })
})

test('a manifest that was set back brings nothing back: whom a later one bars would come with it', async () => {
  lost = await LostNetwork.of(30, async ([first], { simulation }) => {
    const { envelopeBytes } = nextManifest(simulation.fixture, manifest => manifest)
    first!.node.applyManifest(envelopeBytes)
    await simulation.time.advance(seconds(12))
  })
  const node = await lost.survivor()
  const { nonce } = await lost.simulation.settle(node.custody.recoverable())
  expect(nonce).toBeGreaterThan(node.status().manifest.nonce)
  expect(await lost.refusal(node)).toBe('MANIFEST_OLDER')
  expect([phaseOf(node), node.status().state.entries]).toEqual(['alone', 0])
})

test('after a try that failed another record is not mixed into what that one brought', async () => {
  let [pages, record]: [ReadonlyMap<number, Uint8Array>, Uint8Array?] = [new Map()]
  lost = await LostNetwork.of(31, async ([first], { simulation, disk }) => {
    await simulation.time.advance(seconds(12))
    ;[pages, record] = [disk.photograph(), disk.record]
    await simulation.settle(first!.node.state.set('later', utf8('x')))
  })
  const node = await lost.survivor()
  const another = lost.recover(node, 'ab'.repeat(32)).catch((error: { code: string }) => error.code)
  expect(await another).toBe('ROOT_MISMATCH')
  const [nowPages, now] = [lost.disk.photograph(), lost.disk.record]
  lost.disk.rollBack(pages)
  lost.disk.record = record
  expect(await lost.refusal(node)).toBe('RECORD_CHANGED')
  lost.disk.rollBack(nowPages)
  lost.disk.record = now
  expect(await lost.recover(node)).toMatchObject({ root: lost.root })
})

test.each([true, false])(
  'who founds anew before a slow disk has said what lies there waits for it (a record: %s)',
  async hasRecord => {
    lost = await LostNetwork.of(32)
    const { simulation, disk } = lost
    if (!hasRecord) disk.record = undefined
    const held = Promise.withResolvers<void>()
    disk.gate = held.promise
    const [pages, record] = [disk.photograph(), disk.record]
    const founder = await lost.startOn('node-2', { found: true })
    await simulation.until(() => phaseOf(founder.node) === 'active')
    await simulation.settle(founder.node.state.set('new', utf8('x'), { ack: 'local' }))
    await simulation.time.advance(seconds(30))
    expect([disk.photograph(), disk.record]).toEqual([pages, record])
    held.resolve()
    await simulation.time.advance(seconds(30))
    const warned = founder.node.status().warnings.map(({ code }) => code)
    expect(warned.includes('STATE_TO_RECOVER')).toBe(hasRecord)
    // What nobody can open any more makes room.
    expect([...disk.photograph().keys()].some(number => pages.has(number))).toBe(hasRecord)
  },
)
