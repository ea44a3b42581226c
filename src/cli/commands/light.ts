/** `coterie light`: reads of a network by who trusts none of its nodes; needs no node of its own. */
import { Command } from 'commander'
import { reportBytes, verifyBundle } from '../../light/client.ts'
import type { LightReport } from '../../light/report.ts'
import {
  endorsementsIn,
  type LightFlags,
  openLight,
  placeOf,
  readBundle,
  saveBundle,
} from '../light-look.ts'
import { printReport, printValue } from '../light-text.ts'
import { exitCodes, printLine } from '../output.ts'
import { callCommand, keyCommand } from './light-call.ts'

interface Flags extends LightFlags {
  readonly from: readonly string[]
  readonly json: boolean
}

export function lightCommand(): Command {
  const light = new Command('light')
  light.addCommand(getCommand())
  light.addCommand(verifyBundleCommand())
  light.addCommand(addPinOptions(callCommand()))
  light.addCommand(keyCommand())
  return light
}

const helpText = `
The key stands below a public prefix of the manifest. Exit codes: 0 it is proven what the key holds, or that it holds nothing; 1 a node lied; 3 it is not
proven. Ask two nodes or more, of different owners: where they disagree is shown. With --state no node can lead you back behind what you saw before.`

function getCommand(): Command {
  return addPinOptions(new Command('get'))
    .description('print what a key holds, proven under a state that enough machines signed')
    .argument('<key>')
    .option(
      '--from <address>',
      "a node's HTTP API, http://127.0.0.1:9000, or its multiaddr; repeated: all of them",
      gather,
      [],
    )
    .option('--state <file>', 'remember there how far the network was seen')
    .option('--bundle <file>', 'save there all that the answer rests on')
    .option('--json', 'print the report as one JSON document', false)
    .addHelpText('after', helpText)
    .action(async (key: string, flags: Flags) => {
      await using light = await openLight(await placeOf(flags, flags.from), flags)
      const { client } = light
      const { report, content } = await client.get(key)
      await saveBundle(client, flags.bundle)
      process.exitCode = codeOf(report, content !== undefined)
      if (flags.json) return printReportJson(report)
      printValue(report, commandOf('light', 'get', key, ...repeated(flags)))
    })
}

function verifyBundleCommand(): Command {
  return addPinOptions(new Command('verify-bundle'))
    .description(
      'say what a saved bundle shows, without the network: the same report, byte for byte',
    )
    .argument('<file>', 'as --bundle saved it, or - for standard input')
    .option('--json', 'print the report as one JSON document', false)
    .action(async (file: string, flags: Omit<Flags, 'from'>) => {
      const { pin } = await placeOf(flags, [])
      const endorsements = await endorsementsIn(flags)
      const { report, content, key } = await verifyBundle(await readBundle(file), {
        pin,
        endorsements,
      })
      const isGood = key === null ? report.verdict === 'trusted' : content !== undefined
      process.exitCode = codeOf(report, isGood)
      if (flags.json) return printReportJson(report)
      printReport(
        report,
        commandOf('light', 'verify-bundle', file, ...repeated({ ...flags, from: [] })),
      )
      printLine('Time, nonces and memory in it are those of whoever saved it.')
    })
}

/** Flags that say whom to believe. */
export function addPinOptions(command: Command): Command {
  return command
    .option('--manifest <file>', 'manifest of the network, from somebody whom you trust')
    .option('--link <link>', 'a coterie: link that pins it')
    .option(
      '--endorsements <path>',
      "vendors' documents, a file or folder; may be repeated",
      gather,
      [],
    )
}

/** A report as one JSON document: the same bytes as from its bundle. */
export function printReportJson(report: LightReport): void {
  process.stdout.write(reportBytes(report))
}

/** The exit code of a report: a lie is 1, whatever else was proven. */
export function codeOf({ verdict }: LightReport, isGood: boolean): number {
  if (verdict === 'refused') return exitCodes.negative
  return isGood ? exitCodes.ok : exitCodes.unchecked
}

/** A command line as a person would type it. */
export function commandOf(...words: readonly string[]): string {
  const quoted = words.map(word =>
    /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  )
  return ['coterie', ...quoted].join(' ')
}

/** The flags again, but for what is only written. */
export function repeated({
  manifest,
  link,
  from,
  endorsements = [],
}: Omit<Flags, 'json'>): readonly string[] {
  return [
    ...from.flatMap(each => ['--from', each]),
    ...(manifest === undefined ? [] : ['--manifest', manifest]),
    ...(link === undefined ? [] : ['--link', link]),
    ...endorsements.flatMap(each => ['--endorsements', each]),
  ]
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]
