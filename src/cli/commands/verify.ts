/** `coterie verify`: what evidence of hardware is worth, offline; needs no node and no network. */
import { Command, Option } from 'commander'
import { earOf } from '../../attestation/ear.ts'
import type { Inspection } from '../../attestation/inspect.ts'
import { platformNames } from '../../attestation/platforms.ts'
import { adviceOn } from '../../node/refusal-advice.ts'
import { type EvidenceFlags, inspectFile } from '../evidence-file.ts'
import { printInspection } from '../inspection-text.ts'
import { exitCodes, printJson } from '../output.ts'

interface VerifyFlags extends EvidenceFlags {
  readonly json: boolean
  readonly format: 'text' | 'json' | 'ear'
}

const codeOf: Readonly<Record<Inspection['verdict'], number>> = {
  trusted: exitCodes.ok,
  refused: exitCodes.negative,
  undetermined: exitCodes.unchecked,
}

const helpText = `
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
    .argument('<file>', 'evidence as the hardware gave it, or - for standard input')
    .addOption(platform.choices(platformNames).makeOptionMandatory())
    .option('--endorsements <path>', 'file or folder of them; may be repeated', gather, [])
    .option('--measurement <hex>', 'main register to expect; repeated: any of them', gather, [])
    .option(
      '--report-data <hex>',
      'data to expect: user data (nitro), else up to 64 bytes and zeros',
    )
    .option('--policy <file>', 'manifest to hold the evidence against')
    .option('--at <time>', 'time to verify for, as 2026-01-31T12:00:00Z; now unless said')
    .option('--json', 'print one JSON document', false)
    .addOption(format.choices(['text', 'json', 'ear']).default('text'))
    .addHelpText('after', helpText)
    .action(async (file: string, flags: VerifyFlags) => {
      const { inspection, now, passedOver } = await inspectFile(file, flags)
      process.exitCode = codeOf[inspection.verdict]
      if (flags.format === 'ear') return printJson(earOf(inspection, flags.platform, now))
      const beside = { passedOver, next: adviceOn(inspection.code) }
      if (flags.json || flags.format === 'json') return printJson({ ...inspection, ...beside })
      printInspection(inspection, beside)
    })
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]
