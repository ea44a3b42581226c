/** `coterie policy add` and `remove`: one measurement into a manifest, or out of it, without an editor. */
import { Command, Option } from 'commander'
import { type Manifest, parseManifest } from '../../attestation/manifest.ts'
import type { ReferenceMeasurement } from '../../attestation/manifest-document.ts'
import { tcbRuleOf } from '../../attestation/manifest-draft.ts'
import { isPlatformName, platformNames } from '../../attestation/platforms.ts'
import { isRefusal } from '../../attestation/verdict.ts'
import { appraiserOf } from '../../attestation/verifiers.ts'
import { utf8 } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { replaceFile } from '../../host/replace-file.ts'
import { printable, printJson, printLine } from '../output.ts'
import { type PolicyDocument, readPolicy, readPolicyBytes } from '../policy-file.ts'
import type { ReachFlags } from '../reach.ts'

interface EditFlags extends ReachFlags {
  readonly out?: string
}

interface AddFlags extends EditFlags {
  readonly name: string
  readonly platform: string
  readonly measurement?: string
  readonly register: readonly string[]
  readonly svnMin: string
  readonly from?: string
  readonly until: string
}

const outHelp =
  'where the draft goes; the file itself if it is a draft. An approved manifest needs one, and gets the next nonce'

export function addMeasurementCommand(): Command {
  const platform = new Option('--platform <name>', 'where the software runs')
  return new Command('add')
    .description('admit software: put a named measurement into a draft')
    .argument('<file>', 'a draft, an envelope or a lineage')
    .requiredOption('--name <name>', 'how verdicts and people call the software')
    .addOption(platform.choices(platformNames).makeOptionMandatory())
    .option('--measurement <hex>', "value of the platform's main register, as in coterie verify")
    .option('--register <name=hex>', 'value of a register; may be repeated', gather, [])
    .option('--svn-min <number>', 'least security version of the software', '0')
    .option('--from <time>', 'when it may first run, as 2026-01-31T00:00:00Z; now unless said')
    .requiredOption('--until <time>', 'when it may no longer run, in the same form')
    .option('--out <file>', outHelp)
    .action(async (file: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<AddFlags>()
      const measurement = measurementOf(flags)
      await edit(file, flags, manifest => withMeasurement(manifest, measurement))
    })
}

export function removeMeasurementCommand(): Command {
  return new Command('remove')
    .description('end software: take a measurement out of a draft')
    .argument('<file>', 'a draft, an envelope or a lineage')
    .argument('<name>', 'name of the measurement')
    .option('--out <file>', outHelp)
    .action(async (file: string, name: string, _: object, command: Command) => {
      await edit(file, command.optsWithGlobals<EditFlags>(), manifest => without(manifest, name))
    })
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]

function measurementOf(flags: AddFlags): ReferenceMeasurement {
  const { name, platform, svnMin, until } = flags
  if (!isPlatformName(platform)) throw noRegisters()
  const main = appraiserOf(platform)?.mainRegister
  const given = flags.register.map(text => text.split('='))
  if (flags.measurement !== undefined && main !== undefined)
    given.unshift([main, flags.measurement])
  if (given.length === 0 || given.some(parts => parts.length !== 2)) throw noRegisters()
  const registers = given.map(([register = '', value = '']) => [register, value.toLowerCase()])
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    ...{ name, platform, registers: Object.fromEntries(registers), svnMin: Number(svnMin) },
    ...{ validFrom: flags.from ?? now, validUntil: until },
  }
}

/** With the default rule for the firmware of a platform that comes with it: a manifest names one for each. */
function withMeasurement(manifest: Manifest, measurement: ReferenceMeasurement): Manifest {
  const { join } = manifest
  const { platform } = measurement
  const hasRule = join.tcb.some(rule => rule.platform === platform)
  const tcb = hasRule ? join.tcb : [...join.tcb, tcbRuleOf(platform)]
  return { ...manifest, join: { ...join, tcb, measurements: [...join.measurements, measurement] } }
}

function without(manifest: Manifest, name: string): Manifest {
  const { join } = manifest
  const measurements = join.measurements.filter(measurement => measurement.name !== name)
  if (measurements.length < join.measurements.length) {
    return { ...manifest, join: { ...join, measurements } }
  }
  const known = join.measurements.map(measurement => measurement.name).join(', ')
  throw new UsageError(
    'MEASUREMENT_UNKNOWN',
    `The manifest names no software ${printable(name)}.`,
    {
      next: known === '' ? 'It names none at all.' : `It names ${known}.`,
    },
  )
}

async function edit(
  file: string,
  flags: EditFlags,
  change: (manifest: Manifest) => Manifest,
): Promise<void> {
  const document = readPolicy(await readPolicyBytes(file))
  const out = outOf(file, flags, document)
  const changed = change(draftOf(document))
  const draft = utf8(`${JSON.stringify(changed, null, 2)}\n`)
  const parsed = parseManifest(draft)
  if (isRefusal(parsed)) {
    const { code, facts } = parsed
    throw new UsageError(code, `The manifest would not hold: ${facts['reason'] ?? code}`, {
      next: 'Nothing was written. Give other values, or change the rest of the draft first.',
    })
  }
  await replaceFile(out, draft)
  const measurements = changed.join.measurements.map(({ name }) => name)
  if (flags.json === true) return printJson({ out, nonce: changed.nonce, measurements })
  const admits = measurements.length === 0 ? 'no software' : measurements.join(', ')
  printLine(printable(`Manifest ${changed.nonce} in ${out} admits ${admits}.`))
  printLine(`next: coterie policy diff ${out}, then coterie policy approve.`)
}

/** What was approved stays as it is, and its change is the draft of the next one. */
function draftOf({ manifest, steps }: PolicyDocument): Manifest {
  return steps.length === 0 ? manifest : { ...manifest, nonce: manifest.nonce + 1 }
}

function outOf(file: string, { out }: EditFlags, { steps }: PolicyDocument): string {
  if (out !== undefined) return out
  if (steps.length === 0) return file
  throw new UsageError('OUT_NOT_GIVEN', `${file} is approved and stays as it is.`, {
    next: 'Say with --out where the draft of the next manifest goes.',
  })
}

function noRegisters(): UsageError {
  return new UsageError('BAD_REGISTERS', 'A measurement names at least one register.', {
    next: 'Give --measurement <hex> or --register <name>=<hex>, as whoever builds the software states them.',
  })
}
