import { expect, test } from 'vitest'
import {
  CoterieError,
  HostError,
  InvariantError,
  ifReadable,
  PeerFault,
  UsageError,
} from '../../../src/base/errors.ts'

test("what can be read of a peer's bytes is given, and their fault is nothing, with its reason for who asks", () => {
  const fault = new PeerFault('BAD_BYTES', 'bytes')
  const read = (): number => {
    throw fault
  }
  const told: PeerFault[] = []
  expect(ifReadable(() => 0, told.push.bind(told))).toBe(0)
  expect(told).toEqual([])
  expect(ifReadable(read)).toBeUndefined()
  expect(ifReadable(read, each => told.push(each))).toBeUndefined()
  expect(told).toEqual([fault])
})

test.each([
  new InvariantError('ours'),
  new HostError('HOST', 'of the machine'),
  new UsageError('USAGE', 'of the caller'),
  new CoterieError('OTHER', 'another'),
  new TypeError('a mistake'),
])('%s is no fault of a peer and passes', error => {
  const told: PeerFault[] = []
  const read = (): never => {
    throw error
  }
  expect(() => ifReadable(read, each => told.push(each))).toThrow(error)
  expect(told).toEqual([])
})
