import { expect, test } from 'vitest'
import { largestBucket, paddedLength } from '../../../src/wire/padding.ts'

test('a bucket holds its body, is a bucket itself and costs at most what is said', () => {
  const buckets = new Set<number>()
  const wrong: number[] = []
  for (let length = 0; length <= 262_144; length++) {
    const padded = paddedLength(length, 256)
    buckets.add(padded)
    const most = length > 4096 ? length * 1.0625 : Math.max(256, 2 * length)
    const isBucket = paddedLength(padded, 256) === padded
    if (padded < length || padded > most || !isBucket) wrong.push(length)
  }
  expect(wrong).toEqual([])
  expect(buckets.size).toBe(133)
})

test('the largest bucket below a limit is a bucket, and the next one is above', () => {
  for (const limit of [1024, 4028, 4096, 65_468, 262_076, 262_144]) {
    const bucket = largestBucket(limit)
    expect(bucket).toBeLessThanOrEqual(limit)
    expect(paddedLength(bucket, 256)).toBe(bucket)
    expect(paddedLength(bucket + 1, 256)).toBeGreaterThan(limit)
  }
})
