import { expect, test } from 'vitest'
import { membersAt, type PastMembers } from '../../../../src/protocol/audit/members-at.ts'
import { verifyRecord } from '../../../../src/protocol/audit/verify.ts'
import { recordOf, Writer } from '../../../fixtures/audit.ts'

const [ada, bob] = [new Writer(11).node, new Writer(12).node]
const admitted = (node: string, evidence: string) => ({
  ...{ node, evidence, instance: '1a'.repeat(32), measurement: 'node-1', policy: '2b'.repeat(32) },
  ...{ platform: 'tdx', manifest: '3c'.repeat(32), until: '2030-01-01T00:00:00.000Z', owner: null },
})

function asked(entries: readonly Uint8Array[], time: number): PastMembers {
  const report = verifyRecord(recordOf(...entries))
  if ('code' in report) throw new Error(report.code)
  const past = membersAt(report, time)
  if ('code' in past) throw new Error(past.code)
  return past
}

const names = ({ members }: PastMembers): readonly string[] => members.map(({ node }) => node)

test('who came and had not gone was a member then, by the evidence and policy of the latest judgement', () => {
  const writer = new Writer(1)
  const times = [writer.now]
  const note = (kind: string, facts: Parameters<Writer['note']>[1]): void => {
    times.push(writer.note(kind, facts).now)
  }
  note('member-admitted', admitted(ada, 'aa'))
  note('member-admitted', admitted(bob, 'bb'))
  note('member-renewed', admitted(ada, 'ac'))
  note('member-gone', { node: bob, code: 'REMOVED' })
  writer.sign()
  const at = (place: number): PastMembers => asked(writer.entries, times[place] ?? 0)
  expect([0, 1, 2, 4].map(place => names(at(place)).length)).toEqual([0, 1, 2, 1])
  expect(at(2).members.find(({ node }) => node === ada)).toMatchObject({
    ...{ evidence: 'aa', policy: '2b'.repeat(32), measurement: 'node-1', owner: null },
  })
  expect(at(3).members.find(({ node }) => node === ada)?.evidence).toBe('ac')
  expect(at(4)).toMatchObject({ by: writer.node, hasEnded: false })
})

test('a restart is a new node, whose members are its own', () => {
  const first = new Writer(1).note('member-admitted', admitted(ada, 'aa')).sign('stop')
  const second = new Writer(2, { after: first, start: first.now + 60_000 })
  const began = second.now
  second.note('member-admitted', admitted(bob, 'bb')).sign()
  const all = [...first.entries, ...second.entries]
  const between = asked(all, first.now + 30_000)
  expect(names(between)).toEqual([ada])
  expect(between).toMatchObject({ by: first.node, hasEnded: true })
  expect(names(asked(all, began))).toEqual([])
  expect(asked(all, second.now).by).toBe(second.node)
  expect(names(asked(all, second.now))).toEqual([bob])
})

test('an answer from what nobody signed says so, member by member', () => {
  const first = new Writer(1).note('member-admitted', admitted(ada, 'aa')).sign('interval')
  const signedAt = first.now
  first.note('member-admitted', admitted(bob, 'bb'))
  const second = new Writer(2, { after: first, start: first.now + 60_000 })
  second.note('member-admitted', admitted(ada, 'ac'))
  const third = new Writer(3, { after: second, start: second.now + 60_000 })
  third.note('member-admitted', admitted(bob, 'bd')).sign()
  const all = [...first.entries, ...second.entries, ...third.entries]
  const before = asked(all, signedAt)
  expect([before.isSigned, before.members[0]?.isSigned]).toEqual([true, true])
  const tail = asked(all, first.now)
  expect(tail.isSigned).toBe(false)
  expect(new Map(tail.members.map(({ node, isSigned }) => [node, isSigned]))).toEqual(
    new Map([
      [ada, true],
      [bob, false],
    ]),
  )
  const whole = asked(all, second.now)
  expect([whole.isSigned, whole.members[0]?.isSigned]).toEqual([false, false])
  expect(asked(all, third.now)).toMatchObject({ isSigned: true, members: [{ isSigned: true }] })
})

test('a record without its beginning answers from where it says again who is in', () => {
  const writer = new Writer(1).note('member-admitted', admitted(ada, 'aa'))
  const early = writer.note('custody-phase', { phase: 'X' }).now
  writer.note('members-carried', { count: 1 }).note('member-carried', admitted(ada, 'aa'))
  const late = writer.note('member-admitted', admitted(bob, 'bb')).now
  writer.sign()
  const report = verifyRecord(recordOf(...writer.entries.slice(2)))
  if ('code' in report) throw new Error(report.code)
  expect(membersAt(report, early)).toMatchObject({ code: 'AUDIT_NOT_COVERED' })
  expect(membersAt(report, 0)).toMatchObject({ code: 'AUDIT_NOT_COVERED' })
  expect(
    asked(writer.entries.slice(2), late)
      .members.map(({ node }) => node)
      .sort(),
  ).toEqual([ada, bob].sort())
})
