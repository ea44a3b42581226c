/** `coterie config …`: what a start here would run with, and why. */
import { Command } from 'commander'
import { loadConfig, readSettings } from '../../api/load-config.ts'
import { isSecretName } from '../../host/telemetry/json-log.ts'
import { hostOptionNames } from '../../node/config.ts'
import type { OptionValue } from '../../node/option-kinds.ts'
import { configSchema } from '../../node/option-schema.ts'
import { hostOptions } from '../../node/options.ts'
import { addHostFlags, type HostFlags, sourcesOf } from '../host-flags.ts'
import { printJson, printLine, printTable } from '../output.ts'

export function configCommand(): Command {
  const config = new Command('config')
  config.addCommand(showCommand())
  config.addCommand(validateCommand())
  config.addCommand(schemaCommand())
  return config
}

function showCommand(): Command {
  return addHostFlags(new Command('show'))
    .description('print every setting; with --origin where it came from')
    .option('--origin', 'say where each value came from', false)
    .option('--json', 'print one JSON document', false)
    .action(async ({ json, origin, ...flags }: HostFlags) => {
      const { settings, origins, configFile } = await readSettings(sourcesOf(flags))
      const rows = hostOptionNames.map(name => ({
        name,
        value: masked(name, settings[name]),
        origin: origins[name],
      }))
      if (json === true) return printJson({ configFile, settings: rows })
      if (configFile !== null) printLine(`file: ${configFile}`)
      printTable(
        origin === true ? ['SETTING', 'VALUE', 'FROM'] : ['SETTING', 'VALUE'],
        rows.map(({ name, value, origin: from }) => [
          name,
          `${shown(value)}${hostOptions[name].unit === 'ms' ? 'ms' : ''}`,
          ...(origin === true ? [from] : []),
        ]),
      )
    })
}

function shown(value: OptionValue): string {
  const isPlain = typeof value !== 'object' || value.every(item => typeof item === 'string')
  return isPlain ? String(value) : JSON.stringify(value)
}

/** No option holds a secret, and a test keeps it so; one that came to would not be printed. */
function masked(name: string, value: OptionValue): OptionValue {
  return isSecretName(name) ? '[secret]' : value
}

function validateCommand(): Command {
  return addHostFlags(new Command('validate'))
    .description('check settings and manifest as start would; exit code 2 if they do not hold')
    .option('--json', 'print one JSON document', false)
    .action(async ({ json, ...flags }: HostFlags) => {
      const { config, configFile } = await loadConfig(sourcesOf(flags))
      const { openApprovedManifest } = await import('../manifest-file.ts')
      const { network, name } = openApprovedManifest(config.manifestEnvelope, config.manifest)
      if (json === true) return printJson({ ok: true, configFile, network, networkName: name })
      printLine(`The configuration holds, for network ${name} (${network.slice(0, 16)}…).`)
    })
}

function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON Schema of the configuration file, for editors')
    .option('--json', 'print one JSON document, which it is anyway', false)
    .action(() => printJson(configSchema()))
}
