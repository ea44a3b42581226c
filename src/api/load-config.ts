/** Reads what a configuration is made of from this machine: the file, the manifest, the default places. */
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { HostError, UsageError } from '../base/errors.ts'
import { streamHead } from '../host/bounded-read.ts'
import { dataFiles } from '../host/data-dir.ts'
import { completeConfig, type NodeConfig, type Origin, parseSettings } from '../node/config.ts'
import type { HostOptionName, Settings } from '../node/options.ts'
import { limits } from '../wire/limits.ts'

/** What a start was given. */
export interface ConfigSources {
  /** Option name → text, as `parseSettings` takes them. */
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A file named by the person; it must exist. Otherwise `config.json` in the data directory, if there. */
  readonly configFile?: string
}

/** A configuration with its provenance. */
export interface LoadedConfig extends Omit<ReadSettings, 'settings'> {
  readonly config: NodeConfig
}

/** Settings with their provenance, paths resolved; the manifest is not read yet. */
export interface ReadSettings {
  readonly settings: Settings
  readonly origins: Readonly<Record<HostOptionName, Origin>>
  /** The file that was read, or `null`. */
  readonly configFile: string | null
}

const configBytesMax = 1024 * 1024

/**
 * Where a node keeps its things when nobody says otherwise (XDG Base Directory Specification).
 *
 * @throws {UsageError} `NO_HOME` for a user whom the system does not know, as in containers.
 */
export function defaultDataDir(environment: ConfigSources['environment']): string {
  const base = environment['XDG_DATA_HOME'] || join(ownHome(), '.local', 'share')
  return join(base, 'coterie')
}

function ownHome(): string {
  try {
    return homedir()
  } catch (cause) {
    // Without HOME and an entry in passwd libuv has nothing to answer, and throws.
    throw new UsageError('NO_HOME', 'This user has no home directory.', {
      cause,
      next: 'Name the data directory: --data-dir, or COTERIE_DATA_DIR.',
    })
  }
}

/**
 * The complete configuration of a start.
 *
 * @throws {UsageError} as `readSettings`; `MANIFEST_MISSING`.
 */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { settings, ...provenance } = await readSettings(sources)
  const manifestEnvelope = await readManifest(settings.manifest)
  return { config: completeConfig({ ...settings, manifestEnvelope }), ...provenance }
}

/**
 * The settings of a start. Paths in the file count from the file's own directory, those of
 * flags and environment from the working directory.
 *
 * @throws {UsageError} as `parseSettings`; `CONFIG_MISSING`, `BAD_CONFIG_FILE`, `FILE_TOO_LARGE`.
 */
export async function readSettings(sources: ConfigSources): Promise<ReadSettings> {
  const environment = optionsOnly(sources.environment)
  const outer = parseSettings({ flags: sources.flags, environment }).settings.dataDir
  const fallback = outer === '' ? defaultDataDir(sources.environment) : resolve(outer)
  const configFile = sources.configFile ?? join(fallback, dataFiles.config)
  const file = await configOf(configFile, sources.configFile !== undefined)
  const { settings, origins } = parseSettings({ flags: sources.flags, environment, file })
  const base = (name: HostOptionName): string =>
    origins[name] === 'file' ? dirname(resolve(configFile)) : process.cwd()
  const pathOf = (name: 'dataDir' | 'manifest' | 'machine', byDefault: string): string =>
    settings[name] === '' ? byDefault : resolve(base(name), settings[name])
  const dataDir = pathOf('dataDir', fallback)
  const manifest = pathOf('manifest', join(dataDir, dataFiles.manifest))
  const machine = pathOf('machine', join(dataDir, dataFiles.machine))
  const resolved = { ...settings, dataDir, manifest, machine }
  return { settings: resolved, origins, configFile: file === undefined ? null : configFile }
}

/**
 * The configuration that a program gives by values. A path left empty means the file of that name in the data
 * directory; the manifest may come as bytes instead.
 *
 * @throws {UsageError} as `loadConfig`.
 */
export async function configFrom(
  given: Partial<Settings> & { readonly manifestEnvelope?: Uint8Array },
): Promise<NodeConfig> {
  const dataDir = resolve(given.dataDir || defaultDataDir(process.env))
  const manifest = resolve(given.manifest || join(dataDir, dataFiles.manifest))
  const machine = resolve(given.machine || join(dataDir, dataFiles.machine))
  const manifestEnvelope = given.manifestEnvelope ?? (await readManifest(manifest))
  return completeConfig({ ...given, dataDir, manifest, machine, manifestEnvelope })
}

/** `COTERIE_CONFIG` names the file, as `--config` does, and is no option itself. */
function optionsOnly(environment: ConfigSources['environment']): ConfigSources['environment'] {
  const { COTERIE_CONFIG: _, ...options } = environment
  return options
}

async function configOf(path: string, mustExist: boolean): Promise<unknown> {
  const text = await textOf(path, configBytesMax)
  if (text === undefined) {
    if (!mustExist) return undefined
    throw new UsageError('CONFIG_MISSING', `There is no configuration file ${path}.`, {
      next: 'Name another with --config, or make one with coterie init.',
    })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : ''
    throw new UsageError('BAD_CONFIG_FILE', `${path} is not JSON: ${why}.`, { cause })
  }
}

async function readManifest(path: string): Promise<Uint8Array> {
  const text = await textOf(path, limits.manifestBytesMax)
  if (text !== undefined) return new TextEncoder().encode(text)
  throw new UsageError('MANIFEST_MISSING', `There is no manifest ${path}.`, {
    next: 'Get the manifest envelope of your network, or make a testnet: coterie testnet up.',
  })
}

async function textOf(path: string, bytesMax: number): Promise<string | undefined> {
  try {
    const bytes = await streamHead(path, bytesMax)
    if (bytes.length <= bytesMax) return Buffer.from(bytes).toString('utf8')
    throw new UsageError('FILE_TOO_LARGE', `${path} is larger than ${bytesMax} bytes.`)
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new HostError('FILE_UNREADABLE', `${path} cannot be read.`, { cause })
  }
}
