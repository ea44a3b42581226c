/** `coterie members --at TIME`: who was a member, as the audit record of a node says. */
import { membersAt } from '../../protocol/audit/members-at.ts'
import { recordFault, verifiedRecord } from '../audit-file.ts'
import { momentOf } from '../moment.ts'
import { printJson, printNote, printTable, printWarning, shortId } from '../output.ts'
import { type ReachFlags, withNode } from '../reach.ts'

/** As long as the largest record takes from a slow disk, in milliseconds. */
const patience = 60_000

/** Prints who was a member at `time`, from the record of the node that the flags name, once it is verified. */
export async function printMembersAt(time: string, flags: ReachFlags): Promise<void> {
  const moment = momentOf(time, Date.now())
  const file = await withNode(flags, (client, signal) => client.audit(signal), patience)
  const past = membersAt(verifiedRecord(file), moment)
  if ('code' in past) throw recordFault(past)
  const at = new Date(moment).toISOString()
  if (flags.json === true) return printJson({ at, ...past })
  printTable(
    ['NODE', 'PLATFORM', 'MEASUREMENT', 'INSTANCE', 'EVIDENCE', 'POLICY', 'VERDICT UNTIL', 'ENTRY'],
    past.members.map(member => [
      shortId(member.node),
      member.platform,
      member.measurement,
      ...[member.instance, member.evidence, member.policy].map(digest => digest.slice(0, 8)),
      member.until.slice(0, 19),
      member.isSigned ? 'signed' : 'unsigned',
    ]),
  )
  printNote(
    `At ${at}, as ${shortId(past.by ?? 'a node')} saw it; its last entry then: ${past.lastEntry}.`,
  )
  if (!past.isSigned) {
    printWarning(
      'Nobody signed the last entries that this answer comes from: whoever had the files could make them up.',
    )
  }
  if (past.hasEnded)
    printWarning('That node wrote no more: whoever came and went later is not here.')
}
