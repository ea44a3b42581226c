/** `coterie verify`: what evidence of hardware is worth, offline; needs no node and no network. */
import { Command, Option } from 'commander'
import { earOf } from '../../attestation/ear.ts'
import { type Inspection, inspect } from '../../attestation/inspect.ts'
import { factsOf, isPlatformName, platformNames } from '../../attestation/platforms.ts'
import { policyOf } from '../../attestation/policy.ts'
import { appraiserOf } from '../../attestation/verifiers.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { type Timestamp, timestamp } from '../../base/time.ts'
import { readAtMost } from '../../host/bounded-read.ts'
import { readEndorsementFiles } from '../../host/endorsements/files.ts'
import { adviceOn } from '../../node/refusal-advice.ts'
import { limits } from '../../wire/limits.ts'
import { printInspection } from '../inspection-text.ts'
import { exitCodes, printJson } from '../output.ts'
import { readPolicy, readPolicyBytes } from '../policy-file.ts'

interface VerifyFlags {
  readonly platform: string
  readonly endorsements: readonly string[]
  readonly measurement: readonly string[]
  readonly reportData?: string
  readonly policy?: string
  readonly at?: string
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
    .option('--report-data <hex>', 'data to expect, up to 64 bytes, the rest zero')
    .option('--policy <file>', 'manifest to hold the evidence against')
    .option('--at <time>', 'time to verify for, as 2026-01-31T12:00:00Z; now unless said')
    .option('--json', 'print one JSON document', false)
    .addOption(format.choices(['text', 'json', 'ear']).default('text'))
    .addHelpText('after', helpText)
    .action(async (file: string, flags: VerifyFlags) => {
      const asked = await askedBy(flags)
      const { endorsements, passedOver } = await readEndorsementFiles(flags.endorsements)
      const body = await readAtMost(file, limits.handshakeFrameBytesMax)
      const evidence = { platform: flags.platform, body }
      const inspection = inspect({ ...asked, evidence, endorsements })
      process.exitCode = codeOf[inspection.verdict]
      if (flags.format === 'ear') return printJson(earOf(inspection, flags.platform, asked.now))
      const beside = { passedOver, next: adviceOn(inspection.code) }
      if (flags.json || flags.format === 'json') return printJson({ ...inspection, ...beside })
      printInspection(inspection, beside)
    })
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]

async function askedBy(flags: VerifyFlags) {
  const { at, policy, reportData } = flags
  return {
    now: at === undefined ? timestamp(Date.now()) : timeOf(at),
    measurements: flags.measurement.map(text => measurementOf(text, flags.platform)),
    reportData: reportData === undefined ? undefined : reportDataOf(reportData),
    policy:
      policy === undefined
        ? undefined
        : policyOf(readPolicy(await readPolicyBytes(policy)).manifest),
  }
}

function timeOf(text: string): Timestamp {
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/
  const at = form.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(at)) return timestamp(at)
  throw new UsageError('BAD_TIME', 'The time of --at is none that can be read.', {
    next: 'Write it as 2026-01-31T12:00:00Z, with its zone.',
  })
}

function measurementOf(text: string, platform: string): string {
  const register = isPlatformName(platform) ? appraiserOf(platform)?.mainRegister : undefined
  const length =
    isPlatformName(platform) && register !== undefined
      ? factsOf(platform).registers[register]
      : undefined
  const bytes = fromHex(text.toLowerCase())
  if (bytes !== undefined && (length === undefined || bytes.length === length)) return toHex(bytes)
  const size = length === undefined ? 'a whole number of' : `${length}`
  throw new UsageError('BAD_MEASUREMENT', `A measurement here has ${size} bytes in hexadecimal.`, {
    next: `Give the whole value of ${register ?? 'the main register'}, as whoever builds the software states it.`,
  })
}

/** All hardware fills what is left of the 64 bytes with zeros. */
function reportDataOf(text: string): Uint8Array {
  const bytes = fromHex(text.toLowerCase())
  if (bytes !== undefined && bytes.length > 0 && bytes.length <= 64) {
    const whole = new Uint8Array(64)
    whole.set(bytes)
    return whole
  }
  throw new UsageError('BAD_REPORT_DATA', 'Report data have 1 to 64 bytes in hexadecimal.', {
    next: 'Give what the evidence was asked to carry, such as a hash of a key and a nonce.',
  })
}
