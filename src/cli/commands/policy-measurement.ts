/** `coterie policy add` and `remove`: one measurement into a manifest, or out of it, without an editor. */
import { Command, Option } from 'commander'
import type { Manifest, ReferenceMeasurement } from '../../attestation/manifest-document.ts'
import { tcbRuleOf } from '../../attestation/manifest-draft.ts'
import { isPlatformName, platformNames } from '../../attestation/platforms.ts'
import { appraiserOf } from '../../attestation/verifiers.ts'
import { UsageError } from '../../base/errors.ts'
import { printable, printJson, printLine } from '../output.ts'
import { type Edited, type EditFlags, editPolicy, nextAfterEdit, outHelp } from '../policy-edit.ts'

interface AddFlags extends EditFlags {
  readonly name: string
  readonly platform: string
  readonly measurement?: string
  readonly register: readonly string[]
  readonly svnMin: string
  readonly from?: string
  readonly until: string
}

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
      report(
        flags,
        await editPolicy(file, flags, manifest => withMeasurement(manifest, measurement)),
      )
    })
}

export function removeMeasurementCommand(): Command {
  return new Command('remove')
    .description('end software: take a measurement out of a draft')
    .argument('<file>', 'a draft, an envelope or a lineage')
    .argument('<name>', 'name of the measurement')
    .option('--out <file>', outHelp)
    .action(async (file: string, name: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<EditFlags>()
      report(flags, await editPolicy(file, flags, manifest => without(manifest, name)))
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

function report({ json }: EditFlags, { out, draft }: Edited): void {
  const measurements = draft.join.measurements.map(({ name }) => name)
  if (json === true) return printJson({ out, nonce: draft.nonce, measurements })
  const admits = measurements.length === 0 ? 'no software' : measurements.join(', ')
  printLine(printable(`Manifest ${draft.nonce} in ${out} admits ${admits}.`))
  printLine(nextAfterEdit(out))
}

function noRegisters(): UsageError {
  return new UsageError('BAD_REGISTERS', 'A measurement names at least one register.', {
    next: 'Give --measurement <hex> or --register <name>=<hex>, as whoever builds the software states them.',
  })
}
