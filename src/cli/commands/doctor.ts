/** `coterie doctor`: one line for each thing that a node stands on, with the cause and the next step. */
import { Command } from 'commander'
import { readSettings } from '../../api/load-config.ts'
import { type CustodyQuestions, custodyFindings } from '../custody-findings.ts'
import type { Finding } from '../finding.ts'
import { offlineFindings, runningFindings } from '../findings.ts'
import { addHostFlags, type HostFlags, sourcesOf } from '../host-flags.ts'
import { exitCodes, paint, printable, printJson, printLine } from '../output.ts'

type DoctorFlags = HostFlags & {
  readonly request: readonly string[]
  readonly share: readonly string[]
  readonly peer: readonly string[]
}

export function doctorCommand(): Command {
  return addHostFlags(new Command('doctor'))
    .option('--request <file>', 'also look at this genesis request; may be repeated', gather, [])
    .option('--share <file>', 'also look at this share for the node; may be repeated', gather, [])
    .option('--peer <url>', 'also ask a node that should get the same key', gather, [])
    .option('--json', 'print one JSON document', false)
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing fails, 1 something fails, 2 the settings do not hold, 3 something could not be checked.',
    )
    .action(async ({ json, request, share, peer, ...flags }: DoctorFlags) => {
      const { settings } = await readSettings(sourcesOf(flags))
      const questions: CustodyQuestions = { requests: request, shares: share, peers: peer }
      const running = await runningFindings(settings, questions)
      const findings = [
        ...(await offlineFindings(settings, { isRunning: running !== undefined })),
        ...(running ?? (await custodyFindings(undefined, questions))),
      ]
      if (json === true) printJson({ findings })
      else for (const finding of findings) print(finding)
      process.exitCode = exitCodeOf(findings)
    })
}

function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

function exitCodeOf(findings: readonly Finding[]): number {
  const has = (word: Finding['result']): boolean => findings.some(({ result }) => result === word)
  if (has('fail')) return exitCodes.negative
  return has('unknown') ? exitCodes.unchecked : exitCodes.ok
}

const colours = { ok: 'green', warn: 'yellow', fail: 'red', unknown: 'gray' } as const

function print({ name, result, text, next }: Finding): void {
  printLine(`${paint(colours[result], result.padEnd(7))} ${name.padEnd(12)} ${printable(text)}`)
  if (next !== '' && result !== 'ok') printLine(`        next: ${printable(next)}`)
}
