/** One broken member against honest ones: they stay up, go on working, and agree. */
import { afterEach, expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { bytesOfDigest, type Digest, keyOfNodeId } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { milliseconds, minutes, seconds } from '../../../src/base/time.ts'
import { sha256 } from '../../../src/crypto/hash.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { askProtocols } from '../../../src/host/net/port.ts'
import { ackCodec } from '../../../src/wire/ack.ts'
import { checkpointCodec, checkpointMessage, claimCodec } from '../../../src/wire/checkpoint.ts'
import { keyRequestCodec } from '../../../src/wire/epoch-key.ts'
import { evidenceDigest } from '../../../src/wire/evidence.ts'
import { heartbeatCodec } from '../../../src/wire/heartbeat.ts'
import { helloCodec } from '../../../src/wire/hello.ts'
import { limits } from '../../../src/wire/limits.ts'
import { recordRequestCodec } from '../../../src/wire/member-record.ts'
import { type SyncAnswer, SyncPageWriter, syncAnswerCodec } from '../../../src/wire/sync.ts'
import { HostileMember } from '../../fakes/hostile-member.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation
afterEach(() => simulation.stop())
// Minutes of virtual time are seconds of a processor that others use as well.

const emptyPage = new SyncPageWriter().finish(
  () => new Uint8Array(32),
  () => new Uint8Array(32),
)

interface Siege {
  readonly hostile: HostileMember
  readonly honest: readonly SimulatedNode[]
}

/** A network that a broken member founded, and `count` honest members of it. */
async function siege(seed: number, count: number): Promise<Siege> {
  simulation = new Simulation(seed)
  const hostile = await HostileMember.found(simulation)
  const honest: SimulatedNode[] = []
  for (let i = 0; i < count; i++) honest.push(await simulation.start(`honest-${i}`))
  await simulation.until(() => honest.every(({ node }) => isWhole(node, count + 1)))
  return { hostile, honest }
}

const textAt = ({ node }: SimulatedNode, key: string): string | undefined => {
  const entry = node.state.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

/** Each honest node writes, another honest one holds it, and all end with one root. */
async function expectInOrder({ honest }: Siege, round: string): Promise<void> {
  expect(honest.map(({ node }) => node.status().phase)).toEqual(honest.map(() => 'active'))
  const writes = honest.map(({ node }, i) => node.state.set(`${round}/${i}`, utf8(round)))
  for (const write of writes) await simulation.settle(write)
  const holdsAll = (one: SimulatedNode): boolean =>
    honest.every((_, i) => textAt(one, `${round}/${i}`) === round)
  await simulation.until(() => honest.every(holdsAll), minutes(2))
  const roots = (): number => new Set(honest.map(({ node }) => node.status().state.root)).size
  await simulation.until(() => roots() === 1, minutes(5))
}

/** Bytes that no member sends: nothing, noise of several sizes, and CBOR that means nothing here. */
function garbage(hostile: HostileMember): readonly Uint8Array[] {
  const noise = [1, 16, 300, 5_000].map(size => hostile.random.bytes(size))
  const cbor = [[0xa0], [0xa1, 0x00, 0x01], [0x9f], [0x5b, 255, 255, 255, 255, 255, 255, 255, 255]]
  const largest = new Uint8Array(limits.frameBytesMax).fill(0x81)
  return [new Uint8Array(0), ...noise, ...cbor.map(bytes => Uint8Array.from(bytes)), largest]
}

function beat(hostile: HostileMember): Uint8Array {
  return heartbeatCodec.encode({
    ...{ phase: 'active', random: hostile.random.bytes(16), groupClock: 2 ** 47 },
    ...{ publicRoot: new Uint8Array(32), privateRoot: new Uint8Array(32).fill(1) },
    ...{ logPosition: 0, load: 0, progress: 1, citations: [], checkpoint: null },
  })
}

test('garbage on every protocol costs its sender the connection and nobody else anything', async () => {
  const world = await siege(21, 2)
  const { hostile, honest } = world
  const [victim] = honest
  if (victim === undefined) throw new Error('somebody honest was started')
  for (const bytes of garbage(hostile)) {
    for (const protocol of askProtocols) {
      const answer = await hostile.ask(victim, protocol, bytes)
      expect(typeof answer, `${protocol} of ${bytes.length} bytes is refused`).toBe('string')
    }
    await hostile.tell(victim, 'announce', bytes)
    await hostile.tell(victim, 'ack', bytes)
    await hostile.tell(victim, 'signing', bytes)
    if (bytes.length <= 5_000) {
      await hostile.tell(victim, 'ack', hostile.frame('ack', bytes))
      expect(typeof (await hostile.ask(victim, 'sync', hostile.frame('sync', bytes)))).toBe(
        'string',
      )
    }
    await simulation.time.advance(milliseconds(50))
  }
  await expectInOrder(world, 'after garbage')
})

test('garbage in gossip, sealed and signed or not, reaches no state and ends no node', async () => {
  const world = await siege(22, 2)
  const { hostile, honest } = world
  const stranger = new SigningKey(new Secret(hostile.random.bytes(32)))
  let sequence = 1_000_000
  for (const victim of honest) {
    for (const bytes of garbage(hostile)) {
      for (const topic of ['delta', 'heartbeat'] as const) {
        hostile.whisper(victim, topic, bytes)
        if (bytes.length > 2_000) continue
        hostile.whisper(victim, topic, hostile.envelope(topic, ++sequence, bytes))
        hostile.whisper(victim, topic, hostile.envelope(topic, ++sequence, bytes, stranger))
        const forged = hostile.envelope(topic, ++sequence, bytes)
        forged[forged.length - 20] = (forged[forged.length - 20] ?? 0) ^ 1
        hostile.whisper(victim, topic, forged)
      }
    }
  }
  await simulation.time.advance(seconds(5))
  await expectInOrder(world, 'after gossip')
})

test('a flood and a replay of everything leave the honest at work', async () => {
  const world = await siege(23, 2)
  const { hostile, honest } = world
  await expectInOrder(world, 'before')
  for (const victim of honest) {
    for (let i = 0; i < 400; i++) {
      const author = new SigningKey(new Secret(sha256(utf8(`made up ${i}`))))
      hostile.whisper(victim, 'delta', hostile.envelope('delta', 1, utf8('flood'), author))
      const unknownKey = hostile.envelope('heartbeat', i, utf8('flood'))
      unknownKey.set(hostile.random.bytes(32))
      hostile.whisper(victim, 'heartbeat', unknownKey)
    }
    for (const { topic, data } of hostile.recorded) hostile.whisper(victim, topic, data)
    await simulation.time.advance(seconds(1))
  }
  await expectInOrder(world, 'after the flood')
})

test('keys and records with made-up names are refused, and marks of nothing are a fault', async () => {
  const world = await siege(24, 2)
  const { hostile, honest } = world
  const [victim] = honest
  if (victim === undefined) throw new Error('somebody honest was started')
  const { digest } = hostile.self.node.status().removals
  for (let i = 0; i < 20; i++) {
    const request = keyRequestCodec.encode({
      id: hostile.random.bytes(32),
      nonce: new Uint8Array(16),
      removalDigest: i % 2 === 0 ? bytesOfDigest(digest as Digest) : hostile.random.bytes(32),
    })
    const answer = await hostile.ask(victim, 'key', request)
    expect(['KEY_UNKNOWN', 'REMOVALS_DIFFER']).toContain(answer)
    const identity = recordRequestCodec.encode({ identity: hostile.random.bytes(32) })
    expect(await hostile.ask(victim, 'record', identity)).toBeInstanceOf(Uint8Array)
  }
  const author = sha256(utf8('nobody'))
  const acks = [ackCodec.encode({ author, mark: 1 }), ackCodec.encode({ author, mark: 2 ** 50 })]
  for (const ack of acks) await hostile.tell(victim, 'ack', hostile.frame('ack', ack))
  await expectInOrder(world, 'after questions')
})

/** A greeting that opens the gate, and in the same breath announces a key that nobody signed. */
function greeting(hostile: HostileMember, removalDigest: Digest): Uint8Array {
  const { manifest, evidence } = hostile.self.net().admission.self()
  return helloCodec.encode({
    ...{ phase: 'active', removalDigest: bytesOfDigest(removalDigest) },
    manifest: { nonce: manifest.nonce, hash: bytesOfDigest(manifest.hash) },
    ...{ possession: new Uint8Array(64), evidence: bytesOfDigest(evidenceDigest(evidence)) },
    announcements: [
      {
        ...{ kind: 'traffic', id: hostile.random.bytes(32), life: 1000 },
        ...{ creator: hostile.signing.publicKey, removalDigest: bytesOfDigest(removalDigest) },
        signature: new Uint8Array(64),
      },
    ],
  })
}

interface Lies {
  readonly told: () => number
  kinds: readonly ('endless' | 'noise' | 'sealed' | 'marks')[]
}

/** Answers to pulls: noise, sealed noise, marks that nobody reached, and pages that lead nowhere. */
function lies({ hostile, honest }: Siege): Lies {
  let told = 0
  const lying: Lies = { told: () => told, kinds: ['endless'] }
  hostile.lie = (protocol, _request, from) => {
    if (protocol !== 'sync') return undefined
    const kind = lying.kinds[told % lying.kinds.length]
    told++
    const groupClock = Math.floor(simulation.time.clock.wall())
    const authors = [from, ...honest.map(({ node }) => node.id)].filter((id, i, all) => {
      return all.indexOf(id) === i
    })
    const marks = authors.map(node => ({ author: keyOfNodeId(node), mark: 4_000_000_000 }))
    const answer: SyncAnswer = {
      ...{ log: hostile.random.bytes(16), next: told, isLast: kind === 'marks', floor: 0 },
      ...{ groupClock, syncedAt: groupClock, marks: kind === 'marks' ? marks : [] },
      page: emptyPage,
    }
    const noise = hostile.random.bytes(400)
    const lie =
      kind === 'noise'
        ? noise
        : hostile.frame('sync', kind === 'sealed' ? noise : syncAnswerCodec.encode(answer))
    return new Promise(resolve => {
      simulation.time.timers.after(seconds(1), () => resolve(lie))
    })
  }
  return lying
}

test('forged pages, claims of marks and pages without end keep no joiner out and hide no write', async () => {
  const world = await siege(25, 2)
  await expectInOrder(world, 'before')
  const lying = lies(world)
  const joiner = await simulation.start('joiner')
  await simulation.until(() => joiner.node.status().phase === 'active', minutes(5))
  expect(lying.told()).toBeGreaterThan(10)
  const all = { ...world, honest: [...world.honest, joiner] }
  await expectInOrder(all, 'beside pages without end')
  lying.kinds = ['noise', 'sealed', 'marks']
  const told = lying.told()
  for (const round of ['first', 'second']) {
    await simulation.time.advance(seconds(40))
    await expectInOrder(all, round)
  }
  expect(lying.told() - told).toBeGreaterThan(6)
})

test('a joiner whose first sync was a lie, marks of the dead included, ends with the state of the others', async () => {
  const world = await siege(27, 3)
  const [departed, ...rest] = world.honest
  await expectInOrder(world, 'before')
  await departed?.crash()
  lies(world).kinds = ['marks']
  const joiner = await simulation.start('joiner')
  await simulation.until(() => joiner.node.status().phase === 'active', minutes(5))
  expect(textAt(joiner, 'before/0')).toBeUndefined()
  await simulation.until(() => textAt(joiner, 'before/0') === 'before', minutes(10))
  await expectInOrder({ ...world, honest: [...rest, joiner] }, 'after')
})

test('a neighbour whose greeting ends in a fault is not taken for one that could acknowledge', async () => {
  const { hostile, honest } = await siege(28, 1)
  const [victim] = honest
  if (victim === undefined) throw new Error('somebody honest was started')
  const { node } = victim
  const digest = hostile.self.node.status().removals.digest as Digest
  hostile.muted.add('hello')
  hostile.lie = protocol =>
    protocol === 'hello' ? Promise.resolve(greeting(hostile, digest)) : undefined
  simulation.network.partition([hostile.id], [node.id])
  simulation.network.heal()
  const faults = simulation.time.now
  await simulation.until(() => node.peers().length > 0)
  await simulation.until(() => node.peers().length === 0)
  expect(simulation.time.now).toBeGreaterThan(faults)
  const write = simulation.settle(node.state.set('key', utf8('value')))
  await expect(write).rejects.toMatchObject({ code: 'NO_PEER_TO_ACK' })
})

test('whoever signs two beats of one number ends removed everywhere, and the rest agree', async () => {
  const world = await siege(26, 3)
  const { hostile, honest } = world
  const [first, second] = honest
  if (first === undefined || second === undefined) throw new Error('three were started')
  // One half hears one beat and the other half the other: gossip between them brings both together.
  hostile.whisper(first, 'heartbeat', hostile.envelope('heartbeat', 5_000_000, beat(hostile)))
  const other = hostile.envelope('heartbeat', 5_000_000, beat(hostile))
  hostile.whisper(second, 'heartbeat', other)
  hostile.whisper(first, 'heartbeat', other)
  const knows = ({ node }: SimulatedNode): boolean =>
    node.members().some(member => member.node === hostile.id) ||
    node.peers().some(peer => peer.node === hostile.id)
  await simulation.until(() => !honest.some(knows))
  await simulation.until(() => honest.every(({ node }) => node.status().keys.traffic > 0))
  await expectInOrder(world, 'after the removal')
  await simulation.time.advance(minutes(2))
  expect(honest.some(knows)).toBe(false)
  expect(new Set(honest.map(({ node }) => node.status().removals.digest)).size).toBe(1)
  expect(honest.map(({ node }) => node.status().removals.count)).toEqual([1, 1, 1])
  expect(textAt(hostile.self, 'after the removal/0')).toBeUndefined()
})

test('whoever signs two checkpoints at one place of its chain ends removed everywhere, and the rest agree', async () => {
  const world = await siege(27, 3)
  const { hostile, honest } = world
  const knows = ({ node }: SimulatedNode): boolean =>
    node.members().some(member => member.node === hostile.id)
  await simulation.until(() => hostile.recorded.some(({ topic }) => topic === 'heartbeat'))
  // Only a beat that cites what the victim just said is listened to: each is shown one state, in a beat of its own.
  let sequence = 5_000_000
  await simulation.until(() => {
    for (const [i, victim] of honest.entries()) {
      for (const root of [i, i + 1]) {
        const payload = heartbeatCodec.encode({
          ...heartbeatCodec.decode(beat(hostile)),
          citations: hostile.heard().slice(-8),
          checkpoint: checkpointOf(hostile, root),
        })
        hostile.whisper(victim, 'heartbeat', hostile.envelope('heartbeat', ++sequence, payload))
      }
    }
    return !honest.some(knows)
  })
  await simulation.time.advance(minutes(2))
  expect(honest.some(knows)).toBe(false)
  expect(new Set(honest.map(({ node }) => node.status().removals.digest)).size).toBe(1)
  expect(honest.map(({ node }) => node.status().removals.count)).toEqual([1, 1, 1])
  await expectInOrder(world, 'after the removal')
})

/** Signed by the hostile member at one place of its chain, whatever it says. */
function checkpointOf(hostile: HostileMember, root: number): Uint8Array {
  const hash = new Uint8Array(32)
  const roots = { publicRoot: new Uint8Array(32).fill(root), privateRoot: hash, commitKey: null }
  const claim = claimCodec.encode({
    ...{ network: bytesOfDigest(simulation.fixture.network), cut: 1000, ...roots },
    ...{ removals: hash, manifest: hash },
  })
  const place = { node: hostile.signing.publicKey, sequence: 99, previous: hash, groupClock: 3000 }
  const placed = { ...place, claim }
  const signature = hostile.signing.sign(checkpointMessage(placed))
  return checkpointCodec.encode({ ...placed, signature })
}
