/** What `coterie init` puts together: the manifest of a network and a simulated machine for it. */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { explainManifest } from '../attestation/manifest-text.ts'
import { UsageError } from '../base/errors.ts'
import { after, days, timestamp } from '../base/time.ts'
import { streamHead, textHead } from '../host/bounded-read.ts'
import { dataFiles } from '../host/data-dir.ts'
import {
  drawInstance,
  issueMachine,
  type Machine,
  readAuthority,
  readMachine,
  writeMachine,
} from '../host/tee/machine.ts'
import { parseSettings } from '../node/config.ts'
import type { PresetName } from '../node/presets.ts'
import { limits } from '../wire/limits.ts'
import { openManifest } from './manifest-file.ts'

/** What a new data directory is made from. */
export interface Imported {
  /** The envelope, as its file has it. */
  readonly envelope: Uint8Array
  readonly machine: Machine
  readonly network: string
  readonly networkName: string
  /** What the manifest means, one sentence per line. */
  readonly explained: readonly string[]
  readonly bootstrap: readonly string[]
  readonly preset: PresetName
}

/** Just as long as the certificates of a testnet are young; the authority lives ten years. */
const machineLife = days(365)

/**
 * One more machine for the testnet in `folder`: its software and firmware are those of the testnet's own
 * nodes, its chip id is new, its certificate comes from the testnet's authority.
 *
 * @throws {UsageError} `NOT_A_TESTNET`.
 */
export async function importTestnet(folder: string): Promise<Imported> {
  const nodes = join(folder, 'nodes')
  const names = await readdir(nodes).catch(cause => {
    throw notATestnet(folder, cause)
  })
  const first = names.toSorted()[0]
  if (first === undefined) throw notATestnet(folder)
  const authority = await readAuthority(join(folder, 'authority.json'))
  const model = await readMachine(join(nodes, first, 'machine.json'))
  const now = timestamp(Math.floor(Date.now() / 1000) * 1000)
  const machine = issueMachine(authority, {
    notBefore: now,
    notAfter: after(now, machineLife),
    instance: drawInstance(),
    registers: model.registers,
    tcb: model.tcb,
  })
  const bootstrap = await Promise.all(names.map(name => announcedBy(join(nodes, name))))
  const manifest = await manifestOf(join(folder, 'manifest.json'))
  return { ...manifest, machine, bootstrap: bootstrap.flat(), preset: 'local' }
}

/** A machine and a manifest that somebody else has written. */
export async function importFiles(files: {
  readonly manifest: string
  readonly machine: string
}): Promise<Imported> {
  const machine = await readMachine(files.machine)
  return { ...(await manifestOf(files.manifest)), machine, bootstrap: [], preset: 'wan' }
}

/**
 * Writes configuration, manifest and machine file.
 *
 * @throws {UsageError} `INIT_ALREADY_DONE` if there is a configuration: it is never overwritten.
 */
export async function writeDataDir(
  dataDir: string,
  made: Imported & { readonly httpPort: number },
): Promise<void> {
  const { preset, bootstrap, httpPort } = made
  const file = { preset, bootstrap, httpPort }
  parseSettings({ file })
  const path = join(dataDir, dataFiles.config)
  try {
    await writeFile(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    throw new UsageError('INIT_ALREADY_DONE', `${path} is there already, or cannot be written.`, {
      cause,
      next: 'Name another directory with --data-dir, or remove this one.',
    })
  }
  await writeFile(join(dataDir, dataFiles.manifest), made.envelope, { mode: 0o600 })
  await writeMachine(join(dataDir, dataFiles.machine), made.machine)
}

async function manifestOf(
  path: string,
): Promise<Pick<Imported, 'envelope' | 'network' | 'networkName' | 'explained'>> {
  const envelope = await streamHead(path, limits.manifestBytesMax).catch(cause => {
    throw new UsageError('MANIFEST_MISSING', `The manifest ${path} cannot be read.`, { cause })
  })
  if (envelope.length > limits.manifestBytesMax) {
    throw new UsageError('FILE_TOO_LARGE', `${path} is too large for a manifest.`)
  }
  const { manifest, network, name } = openManifest(envelope, path)
  return { envelope, network, networkName: name, explained: explainManifest(manifest) }
}

/** As a node reads it at its start. */
const configBytesMax = 1024 * 1024
const announcing = z.object({ announce: z.array(z.string()) })

/** Addresses that a node of the testnet announces. A node that is half written helps nobody, and is left out. */
async function announcedBy(nodeFolder: string): Promise<readonly string[]> {
  try {
    const text = await textHead(join(nodeFolder, 'config.json'), configBytesMax)
    return announcing.parse(JSON.parse(text)).announce
  } catch {
    // No file, no JSON, no addresses: all of them mean that there is nothing to dial.
    return []
  }
}

function notATestnet(folder: string, cause?: unknown): UsageError {
  return new UsageError('NOT_A_TESTNET', `There is no testnet in ${folder}.`, {
    cause,
    next: 'Make one with coterie testnet up, whose folder is .coterie/testnet unless said.',
  })
}
