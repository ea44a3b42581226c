/** What a light client found, as people read it: the answer, each node's own, what is left to trust, how to repeat it. */
import { base64 } from '@scure/base'
import { type JsonEntry, valueOfBytes } from '../api/values.ts'
import type { LightReport, NodeView, ValueView } from '../light/report.ts'
import { summaryOf } from './entry-text.ts'
import { paint, printable, printLine, shortId } from './output.ts'

const colours = { trusted: 'green', refused: 'red', undetermined: 'yellow' } as const
const marks = { pass: '+', fail: '!', skipped: '-' } as const

/** Prints a report; `repeat` is the command that makes it again. */
export function printReport(report: LightReport, repeat: string): void {
  printLine(`${headline(report)} ${printable(report.sentence)}`)
  if (report.head !== null) {
    const { cut, root, signers } = report.head
    printLine(`State at ${cut}: root ${root}, signed by ${signers.length} machines.`)
  }
  printLine()
  for (const node of report.nodes) printNode(node)
  const { manifest, policy } = report
  if (manifest !== null) {
    printLine(
      `Held against manifest ${manifest.nonce} (${manifest.hash}), policy ${policy}, at ${report.at}.`,
    )
  }
  printList('Still to be trusted:', report.trusts)
  printList('Not proven:', report.provesNot)
  printLine(`To repeat it: ${repeat}`)
}

/** Prints what a key holds, and on what that rests. */
export function printValue(report: LightReport, repeat: string): void {
  const { value } = report
  if (value === null) return printReport(report, repeat)
  printLine(summaryOf(value.key, entryOf(value), 'holds nothing'))
  const machines = report.head?.signers.length ?? 0
  printLine(`Proven for ${value.cut}, under a state that ${machines} machines signed.`)
  if (report.simulated)
    printLine(paint('magenta', 'The machines are SIMULATED: this protects nothing.'))
  for (const node of report.nodes.filter(
    ({ code, state }) => code !== 'TRUSTED' || state !== 'fresh',
  )) {
    printNode(node)
  }
}

/** Simulated is never called trusted. */
function headline({ verdict, code, state, simulated }: LightReport): string {
  const word = state === null ? '' : `, ${state}`
  if (verdict === 'trusted') {
    return simulated ? paint('magenta', `SIMULATED${word}`) : paint('green', `TRUSTED${word}`)
  }
  const told = paint(colours[verdict], `${verdict.toUpperCase()} (${code})${word}`)
  return simulated ? `${paint('magenta', 'SIMULATED')} ${told}` : told
}

function printNode({ source, node, platform, state, head, checks, ...more }: NodeView): void {
  const name = node === null ? 'nobody known' : shortId(node)
  const where = platform === null ? '' : ` on ${platform}`
  const word = state === null ? more.code : state
  printLine(
    `${paint('bold', source)} ${name}${where}: ${paint(colours[more.verdict], printable(word))}`,
  )
  for (const { id, outcome, why } of checks) {
    const line = `  ${marks[outcome]} ${id}: ${printable(why ?? outcome)}`
    printLine(outcome === 'fail' ? paint('red', line) : line)
  }
  const { fields, inspection } = more
  const failed = inspection?.checks.filter(({ outcome }) => outcome === 'fail') ?? []
  for (const { id, found, expected } of failed) {
    printLine(`    ${id}: found     ${printable(found ?? '')}`)
    printLine(`    ${id}: expected  ${printable(expected ?? '')}`)
  }
  if (inspection?.validUntil != null)
    printLine(`    its evidence holds until ${inspection.validUntil} at most`)
  if (head !== null && fields !== null) {
    const { machines, quorum, differing } = fields
    const others = differing === 0 ? '' : `; ${differing} say something else`
    printLine(
      `    root ${head.root} at ${head.cut}: ${machines} machines of ${quorum} needed${others}`,
    )
  }
}

function printList(heading: string, items: readonly string[]): void {
  if (items.length === 0) return
  printLine(paint('bold', heading))
  for (const item of items) printLine(`  ${printable(item)}`)
}

function entryOf({ key, content }: ValueView): JsonEntry | null {
  const shown = (text: string) => valueOfBytes(base64.decode(text))
  switch (content?.kind) {
    case undefined:
      return null
    case 'register':
      return { kind: 'register', key, value: shown(content.value) }
    case 'set':
      return { kind: 'set', key, elements: content.elements.map(shown) }
    case 'multi':
      return { kind: 'multi', key, values: content.values.map(shown) }
    case 'counter':
      return { kind: 'counter', key, value: content.value }
  }
}
