/** A record from anybody: refused by its code or believed, and believed whole only as its node wrote it. */
import { membersAt } from '../../src/protocol/audit/members-at.ts'
import { verifyRecord } from '../../src/protocol/audit/verify.ts'
import { auditFrames } from '../../src/wire/audit-entry.ts'
import { recordOf, Writer } from '../fixtures/audit.ts'
import { fuzz, type Target } from './harness.ts'
import { type Draw, mutate } from './mutator.ts'

const first = new Writer(1).note('member-admitted', { node: new Writer(3).node }).sign('stop')
const second = new Writer(2, { after: first }).note('custody-phase', { phase: 'X' }).sign()
const samples = [
  recordOf(...first.entries),
  recordOf(...first.entries, ...second.entries),
  recordOf(...second.entries),
]
const written = new Set(
  [...first.entries, ...second.entries].map(entry => Buffer.from(entry).toString('hex')),
)

const targets: Readonly<Record<string, Target>> = {
  auditFrames: bytes => {
    const frames = auditFrames(bytes)
    if (frames === undefined || frames.wholeBytes <= bytes.length) return
    throw new Error('read beyond the end')
  },
  verifyRecord: bytes => {
    const report = verifyRecord(bytes)
    if ('code' in report) return
    membersAt(report, report.entries[0]?.at ?? 0)
    const last = report.chains.at(-1)
    if (last?.signedThrough !== last?.last) throw new Error('an end without a signature')
    const isTheirs = last?.node === first.node || last?.node === second.node
    const frames = auditFrames(bytes)?.entries ?? []
    // Nobody but the mutator has touched them, and it has no key.
    const end = Buffer.from(frames.at(-1) ?? []).toString('hex')
    if (isTheirs && !written.has(end)) throw new Error('an end that the node did not write')
  },
}

fuzz(Object.entries(targets), (draw: Draw) => mutate(samples, draw))
