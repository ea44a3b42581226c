/** Where a testnet keeps its files: one folder, readable by its owner alone. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { HostError } from '../src/base/errors.ts'

/** The folder of the testnet that is meant when none is named. */
export const folderDefault = '.coterie/testnet'

/** Paths of the files of one testnet. */
export interface Folder {
  readonly path: string
  /** Which testnet this is: written once, kept over restarts. */
  readonly layout: string
  /** The envelope that every node begins with. */
  readonly manifest: string
  /** Key file of the client that the manifest lists, to try sealed calls with. */
  readonly clientKey: string
  /** Private key of the root of the simulated TEEs. */
  readonly authority: string
  /** Who runs this testnet now. */
  readonly lock: string
  readonly logs: string
  readonly nodes: string
}

/** Paths of the files of one node. */
export interface NodeFolder {
  readonly path: string
  readonly config: string
  readonly machine: string
  readonly data: string
  /** Written by the node itself: its process and real ports. */
  readonly run: string
  /** How far its wall clock is off, if it is. */
  readonly clock: string
  /** Its vital signs, if they are measured. */
  readonly vitals: string
  readonly log: string
}

export function folderOf(path: string = folderDefault): Folder {
  const root = resolve(path)
  return {
    path: root,
    layout: join(root, 'testnet.json'),
    manifest: join(root, 'manifest.json'),
    clientKey: join(root, 'client-key.json'),
    authority: join(root, 'authority.json'),
    lock: join(root, 'up.json'),
    logs: join(root, 'logs'),
    nodes: join(root, 'nodes'),
  }
}

/** The key file of a member of the manifest set. */
export function memberKeyOf(folder: Folder, index: number): string {
  return join(folder.path, `manifest-key-${index}.json`)
}

export function nodeFolderOf(folder: Folder, name: string): NodeFolder {
  const path = join(folder.nodes, name)
  const data = join(path, 'data')
  return {
    path,
    config: join(path, 'config.json'),
    machine: join(path, 'machine.json'),
    data,
    run: join(data, 'run.json'),
    clock: join(path, 'clock-offset'),
    vitals: join(path, 'vitals.json'),
    log: join(folder.logs, `${name}.log`),
  }
}

/** Makes the directory and its parents, for the owner alone. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new HostError('FOLDER_NOT_WRITABLE', `the folder ${path} cannot be made`, {
      next: 'Choose another with --dir.',
      cause,
    })
  }
}

/** Replaces a file as a whole, mode 0600: a reader sees the old one or the new one. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`
  await writeFile(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  await rename(draft, path)
}

/** The JSON in a file; `undefined` if there is no file, or it is not whole. Shapes are the caller's to check. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new HostError('FILE_UNREADABLE', `${path} cannot be read`, { cause: error })
  }
}

export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true, recursive: true })
}
