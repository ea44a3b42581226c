/** How many ceremonies a node takes part in, and for whom. */
import { expect, test } from 'vitest'
import type { NodeId } from '../../../src/base/ids.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { milliseconds } from '../../../src/base/time.ts'
import { Ceremonies } from '../../../src/node/drivers/ceremonies.ts'
import { EventLog } from '../../../src/node/event-log.ts'
import type { Proposal } from '../../../src/wire/signing-group.ts'
import { seededRandom } from '../../fakes/beat-network.ts'
import { SigningNetwork } from '../../fakes/signing-network.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const terms = { threshold: 2, locks: false }
const pace = { patience: milliseconds(1_000), repeat: milliseconds(100) }

/** The ceremonies of one old signer of a group of a, b and c, whom nobody ever answers. */
function alone(name: string, room = 64) {
  const world = new SigningNetwork(['a', 'b', 'c'])
  const group = world.found(['a', 'b', 'c'], terms)
  for (const each of ['p', 'q', 'r']) world.add(each)
  const node = world.node(name)
  const [share] = node.shares.values()
  const time = new VirtualTime()
  const host = { clock: time.clock, timers: time.timers }
  const ceremonies = new Ceremonies({
    ...{ host, identity: node.identity, sign: node.sign, attested: world.attested, pace },
    events: new EventLog({ clock: time.clock, log: silentLogger }),
    random: seededRandom(1),
    decapsulate: () => undefined,
    send: () => undefined,
    liveShare: () => share,
    hasRoom: shares => shares <= room,
    made: () => undefined,
    gaveUp: () => undefined,
  })
  const handOn = (names: readonly string[]): Proposal =>
    world.proposal(names, terms, { group, dealers: [1, 2] })
  const open = (proposal: Proposal, by = 'a' as NodeId): string => {
    try {
      void ceremonies.open(proposal, by)
      return 'opened'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  return { time, world, handOn, open }
}

test('an old signer that is needed for nothing finds room for more, however many never ended', async () => {
  const { time, handOn, open } = alone('c')
  for (let i = 0; i < 40; i++) {
    expect(open(handOn(['p', 'q']))).toBe('opened')
    await time.advance(pace.patience)
  }
})

test('one proposer has no more than five ceremonies under way, and leaves room for others', () => {
  const { world, open } = alone('c')
  const propose = (by: string): string => open(world.proposal(['a', 'c'], terms), by as NodeId)
  const answers = Array.from({ length: 7 }, () => propose('a'))
  expect(answers).toEqual([...Array(5).fill('opened'), ...Array(2).fill('CEREMONIES_FULL')])
  expect(propose('b')).toBe('opened')
})

test('who holds as many shares as it can still hands keys on, and receives none, nor promises to', () => {
  const full = alone('a', 0)
  expect(full.open(full.world.proposal(['a', 'b'], terms))).toBe('SHARES_FULL')
  expect(full.open(full.handOn(['p', 'q']))).toBe('opened')
  const successor = alone('a', 0)
  expect(successor.open(successor.handOn(['a', 'q']))).toBe('opened')
  const last = alone('a', 1)
  const answers = [1, 2].map(() => last.open(last.world.proposal(['a', 'b'], terms)))
  expect(answers).toEqual(['opened', 'SHARES_FULL'])
})
