/** `coterie log audit …`: the audit record of a node, taken out and verified. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import { nodeId } from '../../base/ids.ts'
import { readAtMost } from '../../host/bounded-read.ts'
import type { RecordReport } from '../../protocol/audit/verify.ts'
import { continues, cutRecord, entriesWithin } from '../../protocol/audit/window.ts'
import { entryJson, entryLine, recordBytesMax, recordFault, verifiedRecord } from '../audit-file.ts'
import { momentOf } from '../moment.ts'
import { printable, printJson, printLine, printWarning } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'

interface ExportFlags extends ReachFlags {
  readonly from?: string
  readonly to?: string
  readonly out?: string
}

interface VerifyFlags {
  readonly node?: string
  readonly after?: string
  readonly whole?: boolean
  readonly json?: boolean
}

/** As long as the largest record takes from a slow disk, in milliseconds. */
const patience = 60_000

export function auditCommand(): Command {
  return new Command('audit')
    .description('the hash-chained record of who was let in and what was done with keys')
    .addCommand(exportCommand())
    .addCommand(verifyCommand())
}

function exportCommand(): Command {
  return addReachOptions(new Command('export'))
    .description('take the record out of a running node: for people, as JSON, or as a file to keep')
    .option('--from <time>', 'leave out what came before: RFC 3339, or -2h')
    .option('--to <time>', 'leave out what came after, up to the next signature')
    .option('--out <file>', 'write a new file that log audit verify reads; with --json, JSON')
    .action(async (flags: ExportFlags) => {
      const now = Date.now()
      const [from, to] = [flags.from, flags.to].map(text => text && momentOf(text, now))
      const window = { from: from || undefined, to: to || undefined }
      const file = await withNode(flags, (client, signal) => client.audit(signal), patience)
      const isWhole = flags.json !== true && flags.from === undefined && flags.to === undefined
      // What does not verify is kept as well: it is what somebody will want to look at.
      if (flags.out !== undefined && isWhole) await writeNew(flags.out, file)
      const report = verifiedRecord(file)
      const entries = entriesWithin(report, window)
      if (flags.out !== undefined) {
        const json = `${JSON.stringify({ entries: entries.map(entryJson) }, null, 2)}\n`
        if (!isWhole) await writeNew(flags.out, flags.json === true ? json : cutRecord(entries))
        return printLine(`${entries.length} entries are in ${flags.out}.`)
      }
      if (flags.json === true) return printJson({ entries: entries.map(entryJson) })
      for (const entry of entries) printLine(printable(entryLine(entry)))
    })
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('verify an exported record offline: every entry, its place, every signature')
    .argument('<file>', 'written by log audit export --out')
    .option('--node <id>', 'the node that must have ended the record')
    .option('--after <file>', 'an earlier record of the same node, which this one must continue')
    .option('--whole', 'refuse a record whose beginning is not in the file', false)
    .option('--json', 'print one JSON document', false)
    .addHelpText('after', '\nExit codes: 0 it holds, 1 it does not, 2 wrong arguments.')
    .action(async (path: string, flags: VerifyFlags) => {
      const report = verifiedRecord(await readRecord(path))
      await demand(report, flags)
      if (flags.json === true) {
        const { chains, begins, ends, entries } = report
        return printJson({ holds: true, entries: entries.length, begins, ends, chains })
      }
      tell(report)
    })
}

/** What the bytes alone do not say and a person wants to be sure of. */
async function demand(report: RecordReport, flags: VerifyFlags): Promise<void> {
  const found = report.chains.at(-1)?.node ?? ''
  if (flags.node !== undefined && nodeId(flags.node) !== found) {
    throw recordFault({ code: 'AUDIT_OTHER_NODE', facts: { found, expected: flags.node } })
  }
  if (flags.whole === true && report.begins === 'cut') {
    throw recordFault({ code: 'AUDIT_GAP', facts: { entry: 1, begins: report.begins } })
  }
  if (flags.after === undefined) return
  const earlier = verifiedRecord(await readRecord(flags.after))
  const flaw = continues(report, earlier)
  if (flaw !== undefined) throw recordFault(flaw)
}

function tell({ chains, begins, ends, entries }: RecordReport): void {
  const of = chains.length === 1 ? 'one node' : `${chains.length} nodes`
  printLine(`The record holds: ${entries.length} entries of ${of}.`)
  for (const { node, first, last, signedThrough } of chains) {
    const rest = last > signedThrough ? `, and the last ${last - signedThrough} by nobody` : ''
    const by = signedThrough === 0 ? 'signed by nobody' : `signed${rest}`
    printLine(`  ${node ?? 'an unknown node'}: ${first} to ${last}, ${by}`)
  }
  if (begins === 'dropped') {
    printLine('What came before was dropped for want of room, as the record says.')
  }
  if (begins === 'cut') printWarning('What came before the first entry is not in this file.')
  if (ends === 'head') printWarning('The node may have written more: the file is no whole export.')
  printLine('Whether these nodes were members says only who knew them: compare their ids.')
}

async function readRecord(path: string): Promise<Uint8Array> {
  const bytes = await readAtMost(path, recordBytesMax)
  if (bytes.length <= recordBytesMax) return bytes
  throw new UsageError('FILE_TOO_LARGE', `${path} is larger than ${recordBytesMax} bytes.`)
}

async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    throw new UsageError('FILE_NOT_WRITTEN', `${path} could not be written.`, {
      cause,
      next: 'Name a file that does not exist yet, in a directory that does.',
    })
  }
}
