/** `coterie doctor`: one line for each thing that a node stands on, with the cause and the next step. */
import { Command } from 'commander'
import { readSettings } from '../../api/load-config.ts'
import { type Finding, offlineFindings, runningFindings } from '../findings.ts'
import { addHostFlags, type HostFlags, sourcesOf } from '../host-flags.ts'
import { exitCodes, paint, printable, printJson, printLine } from '../output.ts'

export function doctorCommand(): Command {
  return addHostFlags(new Command('doctor'))
    .option('--json', 'print one JSON document', false)
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing fails, 1 something fails, 2 the settings do not hold, 3 something could not be checked.',
    )
    .action(async ({ json, ...flags }: HostFlags) => {
      const { settings } = await readSettings(sourcesOf(flags))
      const running = await runningFindings(settings)
      const findings = [
        ...(await offlineFindings(settings, { isRunning: running !== undefined })),
        ...(running ?? []),
      ]
      if (json === true) printJson({ findings })
      else for (const finding of findings) print(finding)
      process.exitCode = exitCodeOf(findings)
    })
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
