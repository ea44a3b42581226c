/** `coterie verify`: what live nodes are worth, or evidence of hardware in a file, offline; needs no node of its own. */
import { Command, Option } from 'commander'
import { earOf } from '../../attestation/ear.ts'
import type { Inspection } from '../../attestation/inspection.ts'
import { platformNames } from '../../attestation/platforms.ts'
import { UsageError } from '../../base/errors.ts'
import { isMultiaddr } from '../../light/link.ts'
import { adviceOn } from '../../node/refusal-advice.ts'
import { type EvidenceFlags, inspectFile } from '../evidence-file.ts'
import { printInspection } from '../inspection-text.ts'
import { openLight, placeOf, saveBundle, sourcePorts } from '../light-look.ts'
import { printReport } from '../light-text.ts'
import { exitCodes, printJson } from '../output.ts'
import { printPages } from '../served-page.ts'
import { codeOf as codeOfReport, commandOf, printReportJson, repeated } from './light.ts'

interface VerifyFlags extends Omit<EvidenceFlags, 'platform'> {
  readonly platform?: string
  readonly link?: string
  readonly state?: string
  readonly bundle?: string
  readonly json: boolean
  readonly format: 'text' | 'json' | 'ear'
}

const codeOf: Readonly<Record<Inspection['verdict'], number>> = {
  trusted: exitCodes.ok,
  refused: exitCodes.negative,
  undetermined: exitCodes.unchecked,
}

const helpText = `
Addresses (http://127.0.0.1:9000, a multiaddr with peer id, or one coterie: link) are live nodes: each is asked with a nonce of its own, and what it committed to
is held against what other machines signed. --policy or a link says whom to believe. Anything else is a file, and --platform says what made it.

The verdict is trusted (exit code 0), refused (1) or undetermined (3). Without --measurement or a policy that names software it is
undetermined at best: genuine hardware runs anything. Main registers: PCR0 (nitro), MRENCLAVE (sgx), MRTD (tdx), MEASUREMENT (sev-snp).
Intel's and AMD's evidence needs endorsements: TCB info, QE identity, the TCB signing chain and both revocation lists for sgx and tdx,
the certificate of the chip (VCEK or VLEK) for sev-snp.`

export function verifyCommand(): Command {
  const platform = new Option('--platform <name>', 'what made the evidence')
  const format = new Option(
    '--format <format>',
    'ear: claims of an EAT Attestation Result, unsigned',
  )
  return new Command('verify')
    .argument(
      '<what...>',
      'addresses of nodes; or evidence as the hardware gave it, - for standard input',
    )
    .addOption(platform.choices(platformNames))
    .option('--endorsements <path>', 'file or folder of them; may be repeated', gather, [])
    .option('--measurement <hex>', 'main register to expect; repeated: any of them', gather, [])
    .option(
      '--report-data <hex>',
      'data to expect: user data (nitro), else up to 64 bytes and zeros',
    )
    .option('--policy <file>', 'manifest to hold the evidence against')
    .option('--at <time>', 'time to verify a file for, as 2026-01-31T12:00:00Z; now unless said')
    .option('--link <link>', 'of live nodes: a coterie: link in place of --policy')
    .option('--state <file>', 'of live nodes: remember there how far the network was seen')
    .option('--bundle <file>', 'of live nodes: save there all that the report rests on')
    .option('--json', 'print one JSON document', false)
    .addOption(format.choices(['text', 'json', 'ear']).default('text'))
    .addHelpText('after', helpText)
    .action((what: readonly string[], flags: VerifyFlags) =>
      what.every(isAddress) ? verifyLive(what, flags) : verifyFile(what, flags),
    )
}

/** As people write them: what is wrong with one is said when it is read. */
const isAddress = (text: string): boolean =>
  /^(https?:\/\/|coterie:|\/(ip[46]|dns[46]?)\/)/.test(text)

async function verifyLive(addresses: readonly string[], flags: VerifyFlags): Promise<void> {
  const { policy, json } = flags
  const light = { ...flags, ...(policy === undefined ? {} : { manifest: policy }) }
  await using opened = await openLight(await placeOf(light, addresses), light)
  const { client } = opened
  const report = await client.check()
  await saveBundle(client, flags.bundle)
  process.exitCode = codeOfReport(report, report.verdict === 'trusted')
  if (json || flags.format === 'json') return printReportJson(report)
  const { link, endorsements } = flags
  const again = repeated({ from: [], endorsements, ...(link === undefined ? {} : { link }) })
  const pinned = policy === undefined ? [] : ['--policy', policy]
  printReport(report, commandOf('verify', ...addresses, ...pinned, ...again))
  await printPages(
    sourcePorts,
    report.nodes.map(({ source }) => source).filter(source => !isMultiaddr(source)),
  )
}

async function verifyFile(files: readonly string[], flags: VerifyFlags): Promise<void> {
  const { platform } = flags
  const [file, ...others] = files
  if (file === undefined || others.length > 0 || platform === undefined) {
    throw new UsageError('VERIFY_WHAT', 'Evidence is one file, and --platform says what made it.', {
      next: 'Name one file with --platform, or addresses of live nodes and no file.',
    })
  }
  const { inspection, now, passedOver } = await inspectFile(file, { ...flags, platform })
  process.exitCode = codeOf[inspection.verdict]
  if (flags.format === 'ear') return printJson(earOf(inspection, platform, now))
  const beside = { passedOver, next: adviceOn(inspection.code) }
  if (flags.json || flags.format === 'json') return printJson({ ...inspection, ...beside })
  printInspection(inspection, beside)
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]
