/** The option table as the JSON Schema of a configuration file, for editors. */
import { z } from 'zod'
import { hostOptionNames } from './config.ts'
import type { OptionValue } from './option-kinds.ts'
import { type HostOption, hostOptions } from './options.ts'

/** JSON Schema 2020-12 of `config.json`. Rules between options are not in it: `config validate` knows them. */
export function configSchema(): Readonly<Record<string, unknown>> {
  const properties = hostOptionNames.map(name => {
    const { kind, reason, defaults }: HostOption<OptionValue> = hostOptions[name]
    const { $schema: _, ...schema } = z.toJSONSchema(kind.schema, { io: 'input' })
    const byDefault = kind.fromValue(defaults.wan)
    return [
      name,
      { ...schema, description: `${reason} Takes ${kind.expected}.`, default: byDefault },
    ]
  })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of a coterie node',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  }
}
