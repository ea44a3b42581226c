/** The host options as flags: what `start` runs with and `config` shows. */
import { type Command, Option } from 'commander'
import type { ConfigSources } from '../api/load-config.ts'
import { hostOptionNames, manifestOptionNames } from '../node/config.ts'
import type { OptionValue } from '../node/option-kinds.ts'
import { flagOf, type HostOption, type HostOptionName, hostOptions } from '../node/options.ts'
import { presetNames } from '../node/presets.ts'

/** Flags as commander gives them. */
export type HostFlags = Readonly<Record<string, string | boolean | undefined>>

/** Adds a flag for every option of the table. */
export function addHostFlags(command: Command): Command {
  command.option(
    '--config <file>',
    'configuration file (default: config.json in the data directory)',
  )
  for (const name of hostOptionNames) command.addOption(optionOf(name))
  // Known here only so that the answer says where they are decided.
  for (const name of manifestOptionNames) {
    command.addOption(new Option(`${flagOf(name)} [value]`).hideHelp())
  }
  return command
}

/** What a configuration is read from: these flags, the environment, the file that either names. */
export function sourcesOf({ config, ...flags }: HostFlags): ConfigSources {
  const configFile = config ?? process.env['COTERIE_CONFIG']
  return {
    flags: Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, textOf(value)])),
    environment: process.env,
    ...(typeof configFile === 'string' ? { configFile } : {}),
  }
}

function optionOf(name: HostOptionName): Option {
  const row: HostOption<OptionValue> = hostOptions[name]
  const isToggle = typeof row.defaults.wan === 'boolean'
  const takes = isToggle ? '[true|false]' : `<${row.unit === 'ms' ? 'time' : row.unit || 'value'}>`
  const option = new Option(`${flagOf(name)} ${takes}`, `${row.reason}${remarkOf(name, row)}`)
  // A list of documents is one JSON text; a list of names may be given one by one.
  if (Array.isArray(row.defaults.wan) && name !== 'apps') {
    option.argParser((value: string, previous: string | undefined) =>
      previous === undefined ? value : `${previous},${value}`,
    )
  }
  return option
}

/** What may be written, where words are few, and the default; of each preset where they differ. */
function remarkOf(name: HostOptionName, { kind, defaults, unit }: HostOption<OptionValue>): string {
  const isFewWords = kind.expected.startsWith('one of ')
  const values = presetNames.map(preset => {
    const value = defaults[preset]
    return unit === 'ms' ? `${Number(value) / 1000}s` : String(value)
  })
  const [first] = values
  const isOne = values.every(value => value === first)
  const byDefault = isOne
    ? first
    : presetNames.map((preset, i) => `${preset} ${values[i]}`).join(', ')
  const remarks = [
    ...(isFewWords ? [kind.expected] : []),
    ...(byDefault === '' || name === 'preset' ? [] : [`default: ${byDefault}`]),
  ]
  return remarks.length === 0 ? '' : ` (${remarks.join('; ')})`
}

/** A flag without its value, such as `--found`, means yes. */
function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'boolean' ? String(value) : value
}
