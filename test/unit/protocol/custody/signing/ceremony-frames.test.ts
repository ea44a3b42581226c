/** Nobody brings honest participants to say what others take for a cheat of theirs, or to work and talk without end. */
import { expect, test } from 'vitest'
import { toHex } from '../../../../../src/base/bytes.ts'
import type { NodeId } from '../../../../../src/base/ids.ts'
import { say } from '../../../../../src/protocol/custody/signing/statements.ts'
import {
  accusationCodec,
  complaintCodec,
  dealtShareCodec,
} from '../../../../../src/wire/key-ceremony.ts'
import {
  readable,
  type SigningStatement,
  type StatementKind,
  statementBodyBytesMax,
  statementCodec,
} from '../../../../../src/wire/signing-statement.ts'
import { SigningNetwork, type TestSigner } from '../../../../fakes/signing-network.ts'

const names = ['a', 'b', 'c', 'd']
const honest = ['a', 'b', 'c']

function resaid(
  said: SigningStatement,
  by: TestSigner,
  body: Uint8Array,
  kind: StatementKind = said.kind,
): Uint8Array {
  const { network, subject, epoch, session } = said
  return say(by, { network, subject, epoch, session }, { kind, body })
}

type Bend = (said: SigningStatement, cheat: TestSigner, to: NodeId) => Uint8Array | undefined

/** A ceremony in which `d` says something else than it should. */
function ceremonyWith(bend: (world: SigningNetwork) => Bend): SigningNetwork {
  const world = new SigningNetwork(names)
  const cheat = world.node('d')
  const bent = bend(world)
  cheat.bend = (bytes, to) => bent(statementCodec.decode(bytes), cheat, to)
  world.begin(world.proposal(names, { threshold: 3 }), names)
  world.run()
  return world
}

/** Whom the honest accuse: nobody but the cheat, in words that can be read. */
function expectNobodyFramed(world: SigningNetwork): void {
  const spoken = world.sent.filter(({ from }) => from.name !== 'd')
  for (const { bytes, from } of spoken) {
    expect(readable(statementCodec, bytes)?.kind, `what ${from.name} said`).toBeDefined()
  }
  const cheat = toHex(world.node('d').identity)
  for (const name of honest) {
    expect(world.node(name).told('made')).toEqual([])
    const ends = world.node(name).told('failed')
    expect(ends.map(({ accusation }) => toHex(accusation.accused))).toEqual([cheat])
  }
}

const big = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7)

test.each<[StatementKind, number]>([
  ['echo', statementBodyBytesMax],
  ['dealt-share', 2_000],
  ['dealt-share', statementBodyBytesMax],
  ['complaint', statementBodyBytesMax],
  ['confirmation', statementBodyBytesMax],
  ['abort', statementBodyBytesMax - 100],
  ['abort', statementBodyBytesMax],
])('of %s, %i bytes that mean nothing bring nobody to say what is too long', (kind, bytes) => {
  const instead: StatementKind = kind === 'abort' || kind === 'complaint' ? 'confirmation' : kind
  expectNobodyFramed(
    ceremonyWith(world => (said, cheat, to) => {
      if (said.kind === 'abort') return undefined
      if (said.kind !== instead) return statementCodec.encode(said)
      // One participant alone hears it: what the others think of it they have from that one.
      return to === world.node('a').id ? resaid(said, cheat, big(bytes), kind) : undefined
    }),
  )
})

test('a share with fields that nobody knows beside what is signed frames nobody', () => {
  expectNobodyFramed(
    ceremonyWith(world => (said, cheat, to) => {
      if (said.kind === 'abort') return undefined
      if (said.kind !== 'dealt-share') return statementCodec.encode(said)
      if (to !== world.node('a').id) return undefined
      const body = dealtShareCodec.decode(said.body)
      const wrong = dealtShareCodec.encode({ ...body, sealed: body.sealed.toReversed() })
      const extensions = new Map([[64, big(3_000)]])
      const bent = statementCodec.decode(resaid(said, cheat, wrong))
      return statementCodec.encode({ ...bent, extensions } as SigningStatement)
    }),
  )
})

test('whoever hears a false word of a false accusation is not accused of one in turn', () => {
  expectNobodyFramed(
    ceremonyWith(world => (said, cheat, to) => {
      if (said.kind !== 'confirmation') return statementCodec.encode(said)
      if (to !== world.node('a').id) return undefined
      const accused = world.node('b').identity
      const body = accusationCodec.encode({ code: 'ABORT_FALSE', accused, statements: [] })
      return resaid(said, cheat, body, 'abort')
    }),
  )
})

/** The machine of one node, with a cheat's words told to it as often as a test likes. */
function told(world: SigningNetwork, name: string, bytes: Uint8Array): number {
  const before = world.flights.length
  world.hand(world.node(name), bytes)
  return world.flights.length - before
}

test('a share that does not open is complained of once, however often it comes', () => {
  const world = new SigningNetwork(names)
  const cheat = world.node('d')
  const a = world.node('a')
  let wrong: Uint8Array | undefined
  cheat.bend = (bytes, to) => {
    const said = statementCodec.decode(bytes)
    if (said.kind === 'opening' || said.kind === 'abort') return undefined
    if (said.kind !== 'dealt-share' || to !== a.id) return bytes
    const body = dealtShareCodec.decode(said.body)
    wrong = resaid(said, cheat, dealtShareCodec.encode({ ...body, sealed: new Uint8Array(80) }))
    return wrong
  }
  world.begin(world.proposal(names, { threshold: 3 }), names)
  world.run(5_000)
  const complaints = (): number =>
    world.sent.filter(({ bytes }) => statementCodec.decode(bytes).kind === 'complaint').length
  expect(complaints()).toBeGreaterThan(0)
  expect(Array.from({ length: 20 }, () => told(world, 'a', wrong as Uint8Array))).toEqual(
    new Array(20).fill(0),
  )
})

test('what complains after the end is heard by nobody: there is nothing left to open', () => {
  const world = new SigningNetwork(names)
  world.begin(world.proposal(names, { threshold: 3 }), names)
  world.run()
  const [cheat, a] = [world.node('d'), world.node('a')]
  const dealt = world.sent.find(
    ({ from, to, bytes }) =>
      from === a && to === cheat.id && statementCodec.decode(bytes).kind === 'dealt-share',
  )
  const bytes = dealt?.bytes as Uint8Array
  const body = complaintCodec.encode({ dealt: bytes, opened: null })
  expect(told(world, 'a', resaid(statementCodec.decode(bytes), cheat, body, 'complaint'))).toBe(0)
  expect(a.told('failed')).toEqual([])
  expect(a.told('made')).toHaveLength(1)
})

test('over links slower than what is said again, those who are through stop telling each other so', () => {
  const world = new SigningNetwork(names)
  world.begin(world.proposal(names, { threshold: 3 }), names)
  const rounds: number[] = []
  // Each statement takes three seconds, and who answered answers again after two.
  for (let round = 0; round < 60; round++) {
    const flights = world.flights.splice(0)
    rounds.push(flights.length)
    world.now += 3_000
    for (const flight of flights) world.deliver(flight)
  }
  for (const name of names) expect(world.node(name).told('made')).toHaveLength(1)
  expect(rounds.slice(-8)).toEqual(new Array(8).fill(0))
})
