import { expect, test } from 'vitest'
import { BoundedMap } from '../../../src/base/bounded-map.ts'

test('what is taken out is handed over and not wiped, once', () => {
  const evicted: string[] = []
  const map = new BoundedMap<number, string>(2, value => evicted.push(value))
  map.set(1, 'one')
  map.set(2, 'two')
  expect(map.take(1)).toBe('one')
  expect(map.take(1)).toBeUndefined()
  expect([map.size, evicted]).toEqual([1, []])
  map.clear()
  expect(evicted).toEqual(['two'])
})
