/** The option table as a page. */
import { hostOptionNames, manifestOptionNames } from '../../../src/node/config.ts'
import { manifestOptions } from '../../../src/node/manifest-options.ts'
import type { OptionValue } from '../../../src/node/option-kinds.ts'
import {
  environmentNameOf,
  flagOf,
  type HostOption,
  hostOptions,
} from '../../../src/node/options.ts'
import { presetNames } from '../../../src/node/presets.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|')

function shown(value: OptionValue, unit: string): string {
  if (unit === 'ms') return `${Number(value) / 1000}s`
  return String(value) === '' ? '' : `\`${String(value)}\``
}

export function optionsPage(): string {
  const rows = hostOptionNames.map(name => {
    const { kind, defaults, unit, reason }: HostOption<OptionValue> = hostOptions[name]
    const values = presetNames.map(preset => shown(defaults[preset], unit))
    const names = `\`${name}\` \`${flagOf(name)}\` \`${environmentNameOf(name)}\``
    return `| ${names} | ${cell(kind.expected)} | ${values.join(' | ')} | ${cell(reason)} |`
  })
  const agreed = manifestOptionNames.map(
    name => `| \`${name}\` | \`${manifestOptions[name].path}\` | ${manifestOptions[name].reason} |`,
  )
  return [
    '# Options',
    '',
    'Generated from the table in `src/node/options.ts` by `npm run reference`; a test finds drift. Flags beat the environment,',
    'which beats the file, which beats the preset. `coterie config show --origin` says what a start here would run with.',
    '',
    '## What the host decides: where, how fast, how loud',
    '',
    `| name in the file, flag, variable | takes | ${presetNames.join(' | ')} | why |`,
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    '## What the manifest decides: whom to trust, what is shown, every limit that protects',
    '',
    'Given by the host, each of these is an error.',
    '',
    '| name | place in the manifest | why |',
    '|---|---|---|',
    ...agreed,
    '',
  ].join('\n')
}
