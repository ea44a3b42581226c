/** Entries that no replica wrote, and answers to a pull that carry them. */

import { utf8 } from '../../src/base/bytes.ts'
import { bytesOfDigest } from '../../src/base/ids.ts'
import type { Instant } from '../../src/base/time.ts'
import { identityKey } from '../../src/protocol/replica/entry-hash.ts'
import { blankEntry, type EntryView, entryKind } from '../../src/wire/entry.ts'
import { SyncPageWriter, syncAnswerCodec } from '../../src/wire/sync.ts'
import { commitKey, type FakeNode } from './replica-network.ts'

/** What an attested but lying author could put into a batch. */
export function forge(options: {
  key: string
  value?: string
  ms: number
  counter?: number
}): EntryView {
  const entry = blankEntry()
  entry.kind = entryKind.register
  entry.ms = entry.tagMs = options.ms
  entry.counter = entry.tagCounter = options.counter ?? 0
  entry.sequence = 1
  entry.key = utf8(options.key)
  entry.keyEnd = entry.key.length
  entry.value = utf8(options.value ?? 'forged')
  entry.valueEnd = entry.value.length
  if (options.key.startsWith('own/')) {
    entry.signature = new Uint8Array(64).fill(1)
    entry.signatureStart = 0
  }
  return entry
}

/** The only page of `from`, with entries by `author`. */
export function answerOf(author: FakeNode, entries: EntryView[], from: FakeNode): Uint8Array {
  const writer = new SyncPageWriter()
  for (const entry of entries) writer.add(entry)
  const groupClock = from.replica.groupClock(0 as Instant) ?? 0
  return syncAnswerCodec.encode({
    log: new Uint8Array(16).fill(3),
    next: 1,
    isLast: true,
    marks: [],
    groupClock,
    floor: 0,
    syncedAt: groupClock,
    page: writer.finish(
      () => identityKey(author.id),
      () => bytesOfDigest(commitKey),
    ),
  })
}
