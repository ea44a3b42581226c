/** What a signer puts beside what it signs goes no further: nobody's request is spoilt by it. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../../../src/base/bytes.ts'
import { type SigningStatement, statementCodec } from '../../../../../src/wire/signing-statement.ts'
import { makeGroup, oneLock, worldOf } from '../../../../fakes/signing-schedule.ts'

const made = makeGroup(3, { threshold: 2 })

test.each([100, 200, 250, 300, 3_000, 140_000])(
  'a vote with %i bytes that nobody signed costs the vote at most',
  bytes => {
    const world = worldOf(made, 21)
    const cheat = world.node('a')
    cheat.bend = words => {
      const said = statementCodec.decode(words)
      if (said.kind !== 'lock-vote') return words
      const extensions = new Map([[64, new Uint8Array(bytes)]])
      return statementCodec.encode({ ...said, extensions } as SigningStatement)
    }
    world.sign('x', made.group, utf8('pay Anna'), oneLock)
    world.run()
    expect(world.node('x').told('notSigned')).toEqual([])
    expect(world.node('x').told('signed')).toHaveLength(1)
    // And what who asks says is of a size that can be read.
    const requests = world.sent.filter(({ from }) => from.name === 'x')
    expect(Math.max(...requests.map(sent => sent.bytes.length))).toBeLessThan(4_000)
  },
)
