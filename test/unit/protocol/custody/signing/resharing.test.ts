/** What happens to locks, epochs and shares when a key is handed on. */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../../src/base/bytes.ts'
import { Secret } from '../../../../../src/base/secret.ts'
import { KemKey } from '../../../../../src/crypto/kem.ts'
import {
  HandoverBook,
  handoverBodies,
} from '../../../../../src/protocol/custody/signing/handover.ts'
import { KeyShare } from '../../../../../src/protocol/custody/signing/key-share.ts'
import { LockTable } from '../../../../../src/protocol/custody/signing/lock-table.ts'
import {
  isWhatWasSealed,
  openShare,
  sealShare,
} from '../../../../../src/protocol/custody/signing/sealed-share.ts'
import { say } from '../../../../../src/protocol/custody/signing/statements.ts'
import { accusationCodec, handoverCodec } from '../../../../../src/wire/key-ceremony.ts'
import { proposalId, type SigningGroup } from '../../../../../src/wire/signing-group.ts'
import { statementCodec } from '../../../../../src/wire/signing-statement.ts'
import { SigningNetwork } from '../../../../fakes/signing-network.ts'
import { makeGroup, oneLock, worldOf } from '../../../../fakes/signing-schedule.ts'

const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte)
const [anna, eve] = [utf8('pay Anna'), utf8('pay Eve')]
const made = makeGroup(3, { threshold: 2 })

/** The key of `made` goes on to `names`, dealt by the first two. */
function handOn(
  world: SigningNetwork,
  names: readonly string[],
  takePart: readonly string[],
): SigningGroup | undefined {
  const proposal = world.proposal(names, { threshold: 2 }, { group: made.group, dealers: [1, 2] })
  world.begin(proposal, takePart)
  world.run(world.now + 60_000)
  return world.nodes.flatMap(node => node.told('made')).at(-1)?.share.group
}

test('what was signed in one epoch is locked in the next, and the same message can be signed again', () => {
  const world = worldOf(made, 11)
  world.sign('x', made.group, anna, oneLock, 1)
  world.run()
  world.add('p')
  world.add('q')
  const next = handOn(world, ['a', 'p', 'q'], ['a', 'b', 'c', 'p', 'q']) as SigningGroup
  expect(toHex(next.publicKey)).toBe(toHex(made.group.publicKey))
  world.sign('x', next, eve, oneLock, 2)
  world.run()
  world.sign('y', next, anna, oneLock, 3)
  world.run()
  expect(world.node('x').told('notSigned')).toMatchObject([
    { request: 2, code: 'LOCKED_OTHERWISE' },
  ])
  expect(world.node('y').told('signed')).toHaveLength(1)
})

test('old signers that gave up have no share any more, and who was not asked cannot sign alone', () => {
  const world = worldOf(made, 12)
  world.add('p')
  // c is out of reach all the while, and keeps its share of the old epoch.
  expect(handOn(world, ['a', 'b', 'p'], ['a', 'b', 'p'])?.epoch).toBe(2)
  for (const name of ['a', 'b']) {
    const [gone] = world.node(name).told('gaveUp')
    expect(gone?.group.epoch).toBe(2)
    expect(world.node(name).shares.values().next().value?.isLive).toBe(false)
  }
  world.sign('x', made.group, anna, oneLock)
  world.run()
  expect(world.node('x').told('signed')).toEqual([])
  expect(world.node('x').told('notSigned')[0]?.code).toBe('EPOCH_ENDED')
})

test('an old signer writes and signs its table once, for whoever takes it and however often', () => {
  const world = worldOf(made, 12)
  world.add('p')
  handOn(world, ['b', 'c', 'p'], ['a', 'b', 'c', 'p'])
  const confirmed = world.sent.find(
    ({ from, to, bytes }) =>
      from.name === 'p' &&
      to === world.node('a').id &&
      statementCodec.decode(bytes).kind === 'confirmation',
  )
  world.now += 60_000
  world.hand(world.node('a'), confirmed?.bytes as Uint8Array)
  const pages = world.sent.filter(
    ({ from, bytes }) => from.name === 'a' && statementCodec.decode(bytes).kind === 'handover',
  )
  expect(pages.length).toBeGreaterThanOrEqual(4)
  expect(new Set(pages.map(({ bytes }) => bytes)).size).toBe(1)
})

test('a lost share is repaired by handing the key on, and whoever lost it signs again', () => {
  const world = worldOf(made, 13)
  world.node('c').isUp = false
  world.add('c again', 'c')
  const next = handOn(world, ['a', 'b', 'c again'], ['a', 'b', 'c again']) as SigningGroup
  world.node('a').isUp = false
  world.sign('x', next, anna, oneLock)
  world.run()
  expect(world.node('x').told('signed')).toHaveLength(1)
})

test('of two ceremonies at once for one key one at most comes to a group that signs', () => {
  const world = worldOf(made, 14)
  for (const name of ['p', 'q']) world.add(name)
  const proposals = [
    world.proposal(['a', 'b', 'p'], { threshold: 2 }, { group: made.group, dealers: [1, 2] }),
    world.proposal(['b', 'c', 'q'], { threshold: 2 }, { group: made.group, dealers: [2, 3] }),
  ]
  for (const proposal of proposals)
    world.begin(proposal, ['a', 'b', 'c', ...(proposal === proposals[0] ? ['p'] : ['q'])])
  world.run(world.now + 60_000)
  const groups = new Map(
    world.nodes
      .flatMap(node => node.told('made'))
      .map(({ share }) => [toHex(share.id), share.group]),
  )
  expect(groups.size).toBe(1)
  const successors = new Set(
    world.nodes
      .flatMap(node => node.told('gaveUp'))
      .map(({ group }) => toHex(group.participants[2]?.identity as Uint8Array)),
  )
  expect(successors.size).toBe(1)
})

test('fewer than the threshold hand nothing over: newcomers wait, and the old epoch goes on', () => {
  const world = worldOf(made, 15)
  const p = world.add('p')
  // The newcomer hears one old signer give up, and no other: it has no locks to go by.
  world.node('a').bend = bytes =>
    statementCodec.decode(bytes).kind === 'handover' ? undefined : bytes
  world.node('b').bend = bytes =>
    statementCodec.decode(bytes).kind === 'handover' ? undefined : bytes
  handOn(world, ['a', 'b', 'p'], ['a', 'b', 'c', 'p'])
  expect(
    world.sent.some(
      ({ bytes, from }) => from.name === 'c' && statementCodec.decode(bytes).kind === 'handover',
    ),
  ).toBe(true)
  expect(p.told('made')).toEqual([])
})

test('once all have confirmed, nobody can end the ceremony for others any more: the old epoch may be gone', () => {
  const world = worldOf(made, 16)
  const p = world.add('p')
  p.bend = (bytes, to) => {
    const said = statementCodec.decode(bytes)
    // It hands the words of others on, so it has heard all of them.
    if (said.kind !== 'confirmation' || toHex(said.sender) === toHex(p.identity)) return bytes
    const accused = world.node('a').identity
    const body = accusationCodec.encode({ code: 'SILENT', accused, statements: [] })
    world.flights.unshift({ from: p, to, bytes: say(p, said, { kind: 'abort', body }) })
    return bytes
  }
  const next = handOn(world, ['b', 'c', 'p'], ['a', 'b', 'c', 'p']) as SigningGroup
  for (const name of ['b', 'c']) expect(world.node(name).told('made')).toHaveLength(1)
  expect(world.nodes.flatMap(node => node.told('failed'))).toEqual([])
  world.sign('x', next, anna, oneLock)
  world.run()
  expect(world.node('x').told('signed')).toHaveLength(1)
})

test('an old signer that is needed for nothing leaves what takes too long, and gives up once it hears that all confirmed', () => {
  const world = worldOf(made, 17)
  const p = world.add('p')
  const c = world.node('c')
  const late: Uint8Array[] = []
  for (const name of ['a', 'b', 'p']) {
    world.node(name).bend = (bytes, to) => {
      if (to !== c.id) return bytes
      late.push(bytes)
      return undefined
    }
  }
  handOn(world, ['a', 'b', 'p'], ['a', 'b', 'c', 'p'])
  expect(p.told('made')).toHaveLength(1)
  expect(c.told('failed').map(({ accusation }) => accusation.code)).toEqual(['SILENT'])
  expect([c.told('stalled'), c.wakeAt()]).toEqual([[], Infinity])
  for (const bytes of late) world.hand(c, bytes)
  expect(c.told('gaveUp').map(({ group }) => group.epoch)).toEqual([2])
})

test('an old signer that is needed for nothing believes the first who ends the ceremony', () => {
  const world = worldOf(made, 18)
  const p = world.add('p')
  const c = world.node('c')
  const proposal = world.proposal(
    ['a', 'p'],
    { threshold: 2 },
    { group: made.group, dealers: [1, 2] },
  )
  world.begin(proposal, ['c'])
  const { network, epoch, session } = proposal
  const about = { network, epoch, session, subject: proposalId(proposal) }
  const body = accusationCodec.encode({ code: 'SILENT', accused: c.identity, statements: [] })
  world.hand(c, say(p, about, { kind: 'abort', body }))
  expect(c.told('failed')).toMatchObject([{ silent: [p.id] }])
})

test('a table of many pages is whole when all of them came, in any order, and no other way', () => {
  const locks = new LockTable()
  for (let i = 0; i < 5000; i++) {
    const lock = new Uint8Array(32)
    new DataView(lock.buffer).setUint32(0, i * 7919)
    locks.take(lock, filled(9))
  }
  const bodies = handoverBodies(locks, filled(1)).map(bytes => handoverCodec.decode(bytes))
  expect(bodies).toHaveLength(3)
  const book = new HandoverBook(filled(1))
  expect(bodies.toReversed().map(body => book.hear(filled(5), body))).toEqual([false, false, true])
  expect(toHex(book.union.entries())).toBe(toHex(locks.entries()))
  expect(book.count).toBe(1)
  const [first, second, third] = bodies as [never, never, never] as [
    (typeof bodies)[0],
    (typeof bodies)[0],
    (typeof bodies)[0],
  ]
  const bent = { ...second, locks: second.locks.with(3, (second.locks[3] ?? 0) ^ 1) }
  for (const pages of [
    [first, second],
    [first, bent, third],
    [first, first, third],
    [first, { ...second, successor: filled(2) }, third],
    [first, { ...second, table: filled(2) }, third],
    [first, { ...second, page: 2 }, third],
  ]) {
    const other = new HandoverBook(filled(1))
    for (const page of pages) other.hear(filled(5), page)
    expect(other.count).toBe(0)
    expect(other.union.size).toBe(0)
  }
})

test('a share belongs to one identity, and is not another’s', () => {
  const world = new SigningNetwork(['a', 'b', 'c'])
  const share = made.shares[0]?.use(bytes => new Secret(bytes.slice())) as Secret
  const { group } = made
  expect(() => new KeyShare({ group, identity: world.node('b').identity, share })).toThrow(
    'belongs to the identity',
  )
  expect(() => new KeyShare({ group, identity: filled(9), share })).toThrow(
    'belongs to the identity',
  )
  expect(new KeyShare({ group, identity: world.node('a').identity, share }).index).toBe(1)
})

test('a sealed share opens for its receiver in its ceremony alone, and shows what was sealed', () => {
  const kem = new KemKey(new Secret(filled(3)))
  const about = { network: filled(1), subject: filled(2), epoch: 1, session: filled(4, 16) }
  const context = { about, dealer: filled(5), receiver: filled(6) }
  const opened = { share: filled(7), seed: filled(8) }
  const body = sealShare(context, kem.publicKey, opened)
  if (body === undefined) throw new Error('not sealed')
  const ports = { decapsulate: (bytes: Uint8Array) => kem.decapsulate(bytes) }
  expect(openShare(context, body, ports)).toEqual(opened)
  for (const other of [
    { ...context, dealer: filled(6) },
    { ...context, receiver: filled(5) },
    { ...context, about: { ...about, subject: filled(9) } },
    { ...context, about: { ...about, session: filled(9, 16) } },
    { ...context, about: { ...about, network: filled(9) } },
  ]) {
    expect(openShare(other, body, ports)).toBeUndefined()
    expect(isWhatWasSealed(other, kem.publicKey, { body, opened })).toBe(false)
  }
  expect(isWhatWasSealed(context, kem.publicKey, { body, opened })).toBe(true)
  expect(
    isWhatWasSealed(context, kem.publicKey, { body, opened: { ...opened, seed: filled(1) } }),
  ).toBe(false)
  expect(
    isWhatWasSealed(context, kem.publicKey, { body, opened: { ...opened, share: filled(1) } }),
  ).toBe(false)
  expect(openShare(context, { ...body, sealed: body.sealed.toReversed() }, ports)).toBeUndefined()
  expect(
    openShare(context, { ...body, encapsulation: body.encapsulation.slice(1) }, ports),
  ).toBeUndefined()
  expect(sealShare(context, filled(1, 7), opened)).toBeUndefined()
})

test('a signer with more locks than can be handed over keeps its epoch: its key would be lost without them', () => {
  const world = worldOf(made, 19)
  const [share] = world.node('a').shares.values()
  const entries = new Uint8Array(131_072 * 64)
  const view = new DataView(entries.buffer)
  for (let at = 0; at < entries.length; at += 64) view.setUint32(at, at)
  share?.locks.absorb(entries)
  expect(share?.locks.isPortable).toBe(true)
  share?.locks.absorb(filled(0xff, 64))
  expect([share?.giveUpFor(filled(1)), share?.isLive]).toEqual([false, true])
})
