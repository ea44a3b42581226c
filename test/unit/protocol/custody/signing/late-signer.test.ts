/** A signer that offers and never gives: it costs one request its patience, and not each. */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../../src/base/bytes.ts'
import { statementCodec } from '../../../../../src/wire/signing-statement.ts'
import { makeGroup, worldOf } from '../../../../fakes/signing-schedule.ts'

test('whom one request waited for in vain the next one asks last, until it gives a good share again', () => {
  const made = makeGroup(4, { threshold: 2, locks: false })
  const world = worldOf(made, 9)
  const kindOf = (bytes: Uint8Array): string => statementCodec.decode(bytes).kind
  const a = world.node('a')
  a.bend = bytes => (kindOf(bytes) === 'signature-share' ? undefined : bytes)
  const setsOf = (request: number): number => {
    const before = world.sent.length
    world.sign('x', made.group, utf8('a message'), null, request)
    world.run()
    const asked = world.sent.slice(before).filter(({ bytes }) => kindOf(bytes) === 'sign-request')
    return new Set(asked.map(({ bytes }) => toHex(bytes))).size
  }
  expect([setsOf(1), setsOf(2), setsOf(3)]).toEqual([2, 1, 1])
  expect(world.node('x').told('signed')).toHaveLength(3)
})
