/** `coterie start`: runs a node and its API until it is told to stop. */
import { Command, Option } from 'commander'
import { loadConfig } from '../../api/load-config.ts'
import { hostOptionNames } from '../../node/config.ts'
import { flagOf, type HostOption, hostOptions, type OptionValue } from '../../node/options.ts'
import { presetNames } from '../../node/presets.ts'

export function startCommand(): Command {
  const start = new Command('start')
    .option('--config <file>', 'configuration file (default: config.json in the data directory)')
    .option('--json', 'print the status line as JSON', false)
  for (const name of hostOptionNames) start.addOption(optionOf(name))
  return start.action(async (given: Record<string, string | boolean | undefined>) => {
    const { config: configFlag, json, ...flags } = given
    const configFile = configFlag ?? process.env['COTERIE_CONFIG']
    const { config } = await loadConfig({
      flags: Object.fromEntries(
        Object.entries(flags).map(([name, value]) => [name, textOf(value)]),
      ),
      environment: process.env,
      ...(typeof configFile === 'string' ? { configFile } : {}),
    })
    // Loaded late: help and a wrong option are answered before the network library is read.
    const { runNode } = await import('../run-node.ts')
    await runNode(config, json === true)
  })
}

function optionOf(name: (typeof hostOptionNames)[number]): Option {
  const row: HostOption<OptionValue> = hostOptions[name]
  const defaults = presetNames.map(preset => String(row.defaults[preset]))
  const shown = new Set(defaults).size === 1 ? defaults[0] : defaults.join(' | ')
  const isList = Array.isArray(row.defaults.wan)
  const isToggle = typeof row.defaults.wan === 'boolean'
  const takes = isToggle ? '[true|false]' : `<${row.unit || 'value'}>`
  const suffix =
    name === 'preset' || shown === '' ? '' : ` (default: ${shown}${row.unit === 'ms' ? ' ms' : ''})`
  const option = new Option(`${flagOf(name)} ${takes}`, `${row.reason}${suffix}`)
  if (isList) {
    option.argParser((value: string, previous: string | undefined) =>
      previous === undefined ? value : `${previous},${value}`,
    )
  }
  return option
}

/** A flag without its value, such as `--found`, means yes. */
function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'boolean' ? String(value) : value
}
