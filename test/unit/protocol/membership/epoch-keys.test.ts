import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOfDigest, type Digest, digestOf, type NodeId } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { days, hours, type Instant, instant, minutes } from '../../../../src/base/time.ts'
import {
  EpochKeys,
  type IncomingKey,
  type KeyConditions,
  openOnlyMax,
} from '../../../../src/protocol/membership/epoch-keys.ts'
import { type EpochKeyKind, epochKeyId, epochKeyLife } from '../../../../src/wire/epoch-key.ts'
import { digestOfText, identity, seeded } from './people.ts'

const removalDigest = digestOfText('set')
const conditions: KeyConditions = { removalDigest, isRemoved: () => false }
const creators = Array.from({ length: 20 }, (_, i) => identity(`creator ${i}`).member)
const random = seeded('keys')
const start = instant(1000)

interface Making {
  kind?: EpochKeyKind
  creator?: number
  digest?: Digest
  since?: Instant
  lifeLeft?: number | null
}

function incoming(making: Making = {}): IncomingKey & { id: Digest; bytes: Uint8Array } {
  const { kind = 'traffic', creator = 0, digest = removalDigest, since = start } = making
  const bytes = random.bytes(32)
  const key = new Secret(bytes)
  const member = creators[creator]
  if (member === undefined) throw new Error('too few creators')
  const id = epochKeyId(kind, key)
  const life = epochKeyLife[kind]
  const announcement = {
    ...{ kind, id: bytesOfDigest(id), creator: member.keys.identity, life },
    ...{ removalDigest: bytesOfDigest(digest), signature: new Uint8Array(64) },
  }
  const lifeLeft = making.lifeLeft === undefined ? life : making.lifeLeft
  return { announcement, key, since, lifeLeft, countedFor: member.node, id, bytes }
}

test('the smallest usable id seals, whatever the order in which keys came', () => {
  const made = Array.from({ length: 6 }, (_, creator) => incoming({ creator }))
  const smallest = made.map(({ id }) => id).toSorted()[0]
  for (const order of [made, made.toReversed()]) {
    const keys = new EpochKeys()
    for (const one of order) {
      const copy = { ...one, key: new Secret(one.bytes.slice()) }
      keys.hold(copy, conditions, start)
    }
    expect(keys.sealing('traffic', conditions, start)?.id).toBe(smallest)
  }
})

test('a key seals for one rotation, opens for two, and is then wiped and of no use', () => {
  const keys = new EpochKeys()
  const one = incoming()
  keys.hold(one, conditions, start)
  const life = epochKeyLife.traffic ?? 0
  const at = (part: number): Instant => (start + life * part) as Instant
  expect(keys.sealing('traffic', conditions, at(0.49))?.id).toBe(one.id)
  expect(keys.sealing('traffic', conditions, at(0.5))).toBeUndefined()
  expect(keys.opening(one.id, at(0.99))?.id).toBe(one.id)
  expect(keys.opening(one.id, at(1))).toBeUndefined()
  expect(keys.fold(conditions, at(0.99))).toEqual([])
  expect(one.key.isWiped).toBe(false)
  expect(keys.fold(conditions, at(1))).toEqual([{ kind: 'traffic', id: one.id }])
  expect(one.key.isWiped).toBe(true)
  expect([...one.bytes].every(byte => byte === 0)).toBe(true)
  expect(() => one.key.use(bytes => bytes.length)).toThrow('a wiped secret is never used')
  expect(keys.counts(at(1)).traffic).toBe(0)
})

test('traffic keys live at most twelve hours, storage keys thirty days, commit keys without end', () => {
  expect(epochKeyLife.traffic ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(hours(12))
  expect(epochKeyLife.storage).toBe(days(30))
  expect(epochKeyLife.commit).toBeNull()
})

test('a pull hands on what is left, so that no chain of pulls makes a life longer', () => {
  const life = epochKeyLife.traffic ?? 0
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3_600_000 }), { maxLength: 12 }), waits => {
      const made = incoming()
      let holder = new EpochKeys()
      holder.hold(made, conditions, start)
      let now = start
      for (const wait of waits) {
        const askedAt = now
        now = (now + wait) as Instant
        const granted = holder.toGrant(made.id, now)
        if (granted === undefined) {
          expect(now - start).toBeGreaterThan(life - waits.length)
          return
        }
        const next = new EpochKeys()
        const key = new Secret(made.bytes.slice())
        // The answer took a while: what is left counts from the asking, which is the cautious side.
        const since = Math.max(askedAt, now - 50) as Instant
        next.hold({ ...made, ...granted, key, since }, conditions, now)
        expect(next.opening(made.id, (start + life) as Instant)).toBeUndefined()
        holder = next
      }
    }),
    { numRuns: 50 },
  )
})

test('a key whose life is over when it arrives is wiped at once', () => {
  const keys = new EpochKeys()
  const late = incoming({ lifeLeft: 100 })
  expect(keys.hold(late, conditions, (start + 100) as Instant)).toBe(false)
  expect(late.key.isWiped).toBe(true)
})

test('when the removal set grows no key is usable, and all still open', () => {
  const keys = new EpochKeys()
  const held = (['traffic', 'storage', 'commit'] as const).map(kind => incoming({ kind }))
  for (const one of held) keys.hold(one, conditions, start)
  const grown = { ...conditions, removalDigest: digestOfText('grown') }
  for (const { announcement, id } of held) {
    expect(keys.sealing(announcement.kind, conditions, start)?.id).toBe(id)
    expect(keys.sealing(announcement.kind, grown, start)).toBeUndefined()
    expect(keys.opening(id, start)?.id).toBe(id)
  }
  expect(keys.announcements(grown, start)).toEqual([])
})

test('a key of a removed creator never seals', () => {
  const keys = new EpochKeys()
  const one = incoming({ creator: 3 })
  keys.hold(one, conditions, start)
  const removed = creators[3]?.node
  const isRemoved = (node: NodeId): boolean => node === removed
  expect(keys.sealing('traffic', { ...conditions, isRemoved }, start)).toBeUndefined()
})

test('a creator that floods gets two usable keys; its others open until younger ones push them out', () => {
  const keys = new EpochKeys()
  const honest = incoming({ creator: 1 })
  keys.hold(honest, conditions, start)
  const flood = Array.from({ length: 40 }, () => incoming({ creator: 0 }))
  flood.forEach((one, i) => {
    keys.hold(one, conditions, (start + i) as Instant)
    keys.fold(conditions, (start + i) as Instant)
  })
  const now = (start + 40) as Instant
  const usable = keys.announcements(conditions, now).map(({ id }) => digestOf(id))
  expect(usable).toHaveLength(3)
  expect(usable).toContain(honest.id)
  expect(usable).toContain(flood[0]?.id)
  expect(usable).toContain(flood[1]?.id)
  expect(keys.counts(now).traffic).toBe(3 + openOnlyMax)
  expect(flood[2]?.key.isWiped).toBe(true)
  expect(flood.at(-1)?.key.isWiped).toBe(false)
})

test('a commit key stays while an entry names it, and goes when none does', () => {
  const keys = new EpochKeys()
  const old = { ...conditions, removalDigest: digestOfText('grown') }
  const [named, unnamed] = [incoming({ kind: 'commit' }), incoming({ kind: 'commit', creator: 1 })]
  for (const one of [named, unnamed]) keys.hold(one, conditions, start)
  keys.nameCommitKeys([named.id])
  const soon = (start + minutes(9)) as Instant
  expect(keys.fold(old, soon)).toEqual([])
  const later = (start + minutes(10)) as Instant
  expect(keys.fold(old, later)).toEqual([{ kind: 'commit', id: unnamed.id }])
  expect(keys.opening(named.id, (start + days(365)) as Instant)?.id).toBe(named.id)
  keys.nameCommitKeys([])
  expect(keys.fold(old, later)).toEqual([{ kind: 'commit', id: named.id }])
  expect(named.key.isWiped).toBe(true)
})

test('a usable commit key stays though nothing names it yet', () => {
  const keys = new EpochKeys()
  const one = incoming({ kind: 'commit' })
  keys.hold(one, conditions, start)
  expect(keys.fold(conditions, (start + days(2)) as Instant)).toEqual([])
  expect(keys.sealing('commit', conditions, (start + days(2)) as Instant)?.id).toBe(one.id)
})

test('sixteen commit keys that nobody names yet do not push out one that is named', () => {
  const keys = new EpochKeys()
  const old = { ...conditions, removalDigest: digestOfText('grown') }
  const named = incoming({ kind: 'commit' })
  keys.hold(named, conditions, start)
  keys.nameCommitKeys([named.id])
  for (let i = 0; i < 40; i++)
    keys.hold(incoming({ kind: 'commit', creator: 2 }), conditions, start)
  keys.fold(old, (start + minutes(11)) as Instant)
  expect(named.key.isWiped).toBe(false)
})

test('it wakes for each end of a span and never for one that has passed', () => {
  const keys = new EpochKeys()
  expect(keys.wakeAt(start)).toBeNull()
  keys.hold(incoming(), conditions, start)
  const life = epochKeyLife.traffic ?? 0
  expect(keys.wakeAt(start)).toBe(start + life / 2)
  expect(keys.wakeAt((start + life / 2) as Instant)).toBe(start + life)
  expect(keys.wakeAt((start + life) as Instant)).toBeNull()
})
