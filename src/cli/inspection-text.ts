/** An inspection as people read it: the answer first, then each check, then what is left to trust. */
import type { Check } from '../attestation/checks.ts'
import type { Inspection } from '../attestation/inspection.ts'
import { paint, printable, printLine } from './output.ts'

const colours = { trusted: 'green', refused: 'red', undetermined: 'yellow' } as const
const marks = { pass: '+', fail: '!', skipped: '-' } as const

export interface Beside {
  /** Files of folders that are no endorsements. */
  readonly passedOver: readonly string[]
  /** What to do about a no; empty where nothing helps. */
  readonly next: string
}

/** Prints what was found out. */
export function printInspection(inspection: Inspection, beside: Beside): void {
  const { verdict, code, checks, validUntil, missing, advisories } = inspection
  const answer = paint(
    colours[verdict],
    verdict === 'trusted' ? 'TRUSTED' : `${verdict.toUpperCase()} (${code})`,
  )
  printLine(`${answer} ${printable(inspection.sentence)}`)
  printLine()
  for (const check of checks) printCheck(check)
  printLine()
  const software =
    inspection.policy === 'default' ? 'the default policy' : `policy ${inspection.policy}`
  printLine(
    `Held against ${software}${validUntil === null ? '.' : `; holds until ${validUntil} at most.`}`,
  )
  printList('To fetch:', missing)
  printList('Advisories of the vendor:', advisories)
  printList('Still to be trusted:', inspection.trusts)
  printList('Not proven:', inspection.provesNot)
  printList('No endorsements, passed over:', beside.passedOver)
  if (beside.next !== '') printLine(`next: ${beside.next}`)
}

function printCheck({ id, outcome, why, found, expected }: Check): void {
  const line = `${marks[outcome]} ${id}: ${printable(why ?? outcome)}`
  printLine(outcome === 'fail' ? paint('red', line) : line)
  if (found !== undefined && expected === found)
    return printLine(`    found, as expected  ${printable(found)}`)
  if (found !== undefined) printLine(`    found     ${printable(found)}`)
  if (expected !== undefined) printLine(`    expected  ${printable(expected)}`)
}

function printList(heading: string, items: readonly string[]): void {
  if (items.length === 0) return
  printLine(paint('bold', heading))
  for (const item of items) printLine(`  ${printable(item)}`)
}
