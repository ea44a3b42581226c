/** The complete configuration of one node: read once at start, checked as a whole, never changed. */
import { UsageError } from '../base/errors.ts'
import { assertConsistent } from './config-rules.ts'
import { type ManifestOptionName, manifestOptions } from './manifest-options.ts'
import { nearestName } from './nearest-name.ts'
import type { OptionKind, OptionValue } from './option-kinds.ts'
import {
  environmentNameOf,
  flagOf,
  type HostOption,
  type HostOptionName,
  hostOptions,
  type Settings,
} from './options.ts'
import { type PresetName, presetNames } from './presets.ts'

/** Everything that `createNode` is told. Deeply frozen. */
export interface NodeConfig extends Settings {
  /** The bytes of the manifest envelope to begin with: canonical JSON, not yet believed. */
  readonly manifestEnvelope: Uint8Array
}

/** Where the value of an option came from. */
export type Origin = 'flag' | 'environment' | 'file' | 'program' | 'preset'

/** Values as they were given, by origin. Flags and environment are text, the file is parsed JSON. */
export interface SettingSources {
  /** By option name; `undefined` means not given. A repeated flag arrives joined by commas. */
  readonly flags?: Readonly<Record<string, string | undefined>>
  /** Only names that begin with `COTERIE_` are looked at. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly file?: unknown
}

/** Checked settings, each with the place that it came from. */
export interface ParsedSettings {
  readonly settings: Settings
  readonly origins: Readonly<Record<HostOptionName, Origin>>
}

/**
 * Flags over environment over file over preset, for every host option.
 *
 * @throws {UsageError} `UNKNOWN_OPTION` (with the nearest name), `MANIFEST_OPTION` for what the network decides,
 * `BAD_OPTION` for a value of the wrong kind, `INCONSISTENT_CONFIG`.
 */
export function parseSettings(sources: SettingSources): ParsedSettings {
  return settle([
    fromFlags(sources.flags ?? {}),
    fromEnvironment(sources.environment ?? {}),
    fromFile(sources.file),
  ])
}

/**
 * The configuration of a node: what a program gives, the rest from the preset (`wan` unless said).
 *
 * @throws {UsageError} as `parseSettings`.
 */
export function completeConfig(
  given: Partial<Settings> & { readonly manifestEnvelope: Uint8Array },
): NodeConfig {
  const { manifestEnvelope, ...values } = given
  const { settings } = settle([fromProgram(values)])
  return Object.freeze({ ...settings, manifestEnvelope })
}

function settle(sources: readonly Given[]): ParsedSettings {
  const firstOf = (name: HostOptionName): GivenValue | undefined =>
    sources.map(source => source.get(name)).find(value => value !== undefined)
  const preset = presetName(firstOf('preset'))
  const settings: Partial<Record<HostOptionName, OptionValue>> = {}
  const origins: Partial<Record<HostOptionName, Origin>> = {}
  for (const name of hostOptionNames) {
    const given = firstOf(name)
    const option: HostOption<OptionValue> = hostOptions[name]
    settings[name] = freeze(given === undefined ? option.defaults[preset] : checked(name, given))
    origins[name] = given?.origin ?? 'preset'
  }
  settings.preset = preset
  // The loop went over every name, and `checked` gave each the type of its row.
  const complete = Object.freeze(settings as Settings)
  assertConsistent(complete)
  return { settings: complete, origins: Object.freeze(origins as Record<HostOptionName, Origin>) }
}

/** The names of all host options, in the order of the table. */
export const hostOptionNames: readonly HostOptionName[] = Object.keys(
  hostOptions,
) as HostOptionName[]

/** The names of all options that the network decides. */
export const manifestOptionNames: readonly ManifestOptionName[] = Object.keys(
  manifestOptions,
) as ManifestOptionName[]

/** Whether `name` is an option that the host decides. */
export function isHostOption(name: string): name is HostOptionName {
  return Object.hasOwn(hostOptions, name)
}

function isManifestOption(name: string): name is ManifestOptionName {
  return Object.hasOwn(manifestOptions, name)
}

function presetName(given: GivenValue | undefined): PresetName {
  const value = given === undefined ? 'wan' : checked('preset', given)
  return presetNames.find(name => name === value) ?? 'wan'
}

interface GivenValue {
  readonly origin: Origin
  /** The option as the person wrote it, for messages. */
  readonly spelled: string
  readonly value: unknown
}
type Given = ReadonlyMap<HostOptionName, GivenValue>

function fromFlags(flags: Readonly<Record<string, string | undefined>>): Given {
  const given = new Map<HostOptionName, GivenValue>()
  for (const [name, text] of Object.entries(flags)) {
    if (text === undefined) continue
    if (!isHostOption(name)) {
      throw unknownOption(isManifestOption(name) ? flagOf(name) : `--${name}`, name, flagOf)
    }
    given.set(name, {
      origin: 'flag',
      spelled: flagOf(name),
      value: hostOptions[name].kind.fromText(text),
    })
  }
  return given
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Given {
  const given = new Map<HostOptionName, GivenValue>()
  const names = new Map(hostOptionNames.map(name => [environmentNameOf(name), name]))
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('COTERIE_') || text === undefined) continue
    const name = names.get(variable)
    if (name === undefined) {
      const words = variable.slice('COTERIE_'.length).toLowerCase()
      const camel = words.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
      throw unknownOption(variable, camel, environmentNameOf)
    }
    given.set(name, {
      origin: 'environment',
      spelled: variable,
      value: hostOptions[name].kind.fromText(text),
    })
  }
  return given
}

function fromProgram(values: Readonly<Record<string, OptionValue | undefined>>): Given {
  const given = new Map<HostOptionName, GivenValue>()
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    if (!isHostOption(name)) throw unknownOption(name, name, nearest => nearest)
    const origin = 'program'
    given.set(name, { origin, spelled: name, value: hostOptions[name].kind.fromValue(value) })
  }
  return given
}

function fromFile(file: unknown): Given {
  const given = new Map<HostOptionName, GivenValue>()
  if (file === undefined) return given
  if (typeof file !== 'object' || file === null || Array.isArray(file)) {
    throw new UsageError('BAD_CONFIG_FILE', 'The configuration file does not hold a JSON object.')
  }
  for (const [name, value] of Object.entries(file)) {
    if (!isHostOption(name)) throw unknownOption(`"${name}"`, name, nearest => `"${nearest}"`)
    given.set(name, { origin: 'file', spelled: `"${name}"`, value })
  }
  return given
}

function checked(name: HostOptionName, given: GivenValue): OptionValue {
  const kind: OptionKind<OptionValue> = hostOptions[name].kind
  const result = kind.schema.safeParse(given.value)
  if (result.success) return result.data
  throw new UsageError(
    'BAD_OPTION',
    `${given.spelled} (${given.origin}) is ${shown(given.value)}, but takes ${kind.expected}.`,
    { next: hostOptions[name].reason },
  )
}

/** A value of a person's own file, short enough for a sentence. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

function unknownOption(
  spelled: string,
  name: string,
  spell: (name: HostOptionName) => string,
): UsageError {
  if (isManifestOption(name)) {
    const { path, reason } = manifestOptions[name]
    return new UsageError(
      'MANIFEST_OPTION',
      `${spelled} is decided by the manifest, not by the host.`,
      { next: `It stands at ${path}, and changes with an approved manifest. ${reason}` },
    )
  }
  const nearest = nearestName(name, hostOptionNames)
  return new UsageError('UNKNOWN_OPTION', `${spelled} is not an option.`, {
    next:
      nearest === undefined
        ? 'See coterie start --help for all options.'
        : `Did you mean ${spell(nearest)}?`,
  })
}

function freeze(value: OptionValue): OptionValue {
  if (typeof value !== 'object') return value
  const copy = structuredClone(value)
  for (const item of copy) Object.freeze(item)
  return Object.freeze(copy)
}
