/** What is left of ten thousand writers that came, wrote and went. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest, type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { hours, type Instant, instant } from '../../../../src/base/time.ts'
import { hmacSha256, sha256 } from '../../../../src/crypto/hash.ts'
import { Core, settingsOf } from '../../../../src/protocol/replica/core.ts'
import { Marks } from '../../../../src/protocol/replica/marks.ts'
import { Merge } from '../../../../src/protocol/replica/merge.ts'
import { BatchWriter } from '../../../../src/wire/batch.ts'
import { blankEntry, type EntryView, entryKind } from '../../../../src/wire/entry.ts'
import { commitKey, network, openRules } from '../../../fakes/replica-network.ts'

const self = nodeIdOfKey(sha256(utf8('self')))
const life = (i: number): NodeId => nodeIdOfKey(sha256(utf8(`life ${i}`)))

function emptyCore(): Core {
  return new Core(
    {
      random: { bytes: count => new Uint8Array(count) },
      commitSalt: (_, data) => hmacSha256(utf8('salt'), data),
      sign: () => new Uint8Array(64),
    },
    settingsOf({ self, network, rules: openRules }),
  )
}

function entryOf(change: Partial<EntryView>): EntryView {
  const entry = Object.assign(blankEntry(), change)
  entry.keyEnd = entry.key.length
  entry.valueEnd = entry.value.length
  entry.elementEnd = entry.element.length
  return entry
}

/** One life: overwrites the same register, tags the same element, removes the tag of the life before. */
function batchOfLife(ms: number, before: number): Uint8Array {
  const writer = new BatchWriter()
  const key = utf8('set')
  const element = utf8('e')
  const at = { ms, tagMs: ms }
  writer.add(entryOf({ ...at, key: utf8('last'), value: utf8(String(ms)) }), 0)
  const tag = { kind: entryKind.set, key, element }
  writer.add(entryOf({ ...at, ...tag, counter: 1, tagCounter: 1 }), 0)
  if (before >= 0) {
    const removed = { isRemoved: true, tagAuthor: 1, tagMs: ms - 1000, tagCounter: 1 }
    writer.add(entryOf({ ...tag, ...removed, ms, counter: 2 }), 0)
  }
  return writer.finish(bytesOfDigest(commitKey), () =>
    before < 0 ? new Uint8Array(32) : sha256(utf8(`life ${before}`)),
  )
}

const lives = Array.from({ length: 10_000 }, (_, i) => life(i))

test('after ten thousand lives and a day, tables hold who is named and nobody else', () => {
  const core = emptyCore()
  const merge = new Merge(core)
  const start = Date.UTC(2026, 0, 1)
  core.clock.start(start, instant(0))
  for (const [i, node] of lives.entries()) {
    const now = instant(i * 1000)
    core.membersChanged([
      { node: self, instance: 'self', phase: 'active' },
      { node, instance: 'restarting', phase: 'active' },
    ])
    merge.batch(node, { sequence: 1, bytes: batchOfLife(start + i * 1000, i - 1) }, now)
    core.prune(now)
  }
  core.membersChanged([{ node: self, instance: 'self', phase: 'active' }])
  expect(core.map.entryCount).toBe(2)
  const later = instant(lives.length * 1000 + hours(26))
  core.prune(later as Instant)
  // The register, the last live tag, and the two authors and nobody more.
  let rows = 0
  for (let row = 0; row < core.map.cells.rowCount; row++) if (core.map.cells.has(row, 0x20)) rows++
  expect(rows).toBe(2)
  expect([...core.map.authors.indexes()].length).toBeLessThanOrEqual(3)
  expect(core.quota.usageOf('restarting').entries).toBe(2)
})

test('marks of ten thousand departed authors are folded, none is forgotten, and a return unfolds one', () => {
  const marks = new Marks()
  for (const [i, author] of lives.entries()) {
    marks.merged(author, 1)
    marks.synced(author, i + 1)
    marks.keep(new Set([self]))
  }
  expect([...marks.all()].length).toBeLessThanOrEqual(4096)
  expect(marks.hasForgotten).toBe(false)
  for (const i of [0, 1, 5_000, 5_903, 9_999]) expect(marks.markOf(lives[i]!)).toBe(i + 1)
  expect(marks.heldOf(lives[0]!)).toBe(0)
  marks.claimed(lives[7]!, 3, 'an instance')
  expect(marks.markOf(lives[7]!)).toBe(8)
  expect(marks.markOf(self)).toBe(0)
})

test('batches that name made-up authors and keys in entries that do not stay grow no table', () => {
  const core = emptyCore()
  const merge = new Merge(core)
  const start = Date.UTC(2026, 0, 1)
  core.clock.start(start, instant(0))
  const key = utf8('set')
  for (let batch = 1; batch <= 12; batch++) {
    const writer = new BatchWriter()
    // Stamped two days ago: signed and well formed, and merged by nobody.
    const ms = start - hours(48)
    const old = { kind: entryKind.set, key, element: utf8('e'), isRemoved: true, ms }
    for (let i = 1; i <= 1000; i++) {
      writer.add(entryOf({ ...old, counter: i, tagAuthor: i, tagMs: ms - 1000 }), 0)
    }
    const made = (i: number): Uint8Array => sha256(utf8(`made up ${batch} ${i}`))
    const bytes = writer.finish(made(0), made)
    merge.batch(life(0), { sequence: batch, bytes }, instant(batch))
  }
  expect(core.map.entryCount).toBe(0)
  expect([...core.map.authors.indexes()].length).toBeLessThan(6000)
  expect([...core.map.commitKeys.indexes()].length).toBeLessThan(6000)
})
