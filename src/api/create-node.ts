/** The library's way in: a node over this machine. */
import { auditDirOf, bansFileOf, cacheDirOf, endorsementsDirOf } from '../host/data-dir.ts'
import { openHost } from '../host/open.ts'
import type { CoterieNode } from '../node/handle.ts'
import { createNode as assembleNode } from '../node/node.ts'
import type { Settings } from '../node/options.ts'
import { configFrom } from './load-config.ts'

/** What a program says about its node; everything else comes from the preset. See `hostOptions` for each. */
export type NodeOptions = Partial<Settings> & {
  /** The bytes of the manifest envelope, in place of the file `manifest`. */
  readonly manifestEnvelope?: Uint8Array
}

/**
 * A node of this process, inside the TEE: it may read and write the state whatever the manifest shows to the
 * host. Nothing runs before `start`; no HTTP API is served and no environment variable is read.
 *
 * @throws {UsageError} for options, manifest or machine file that do not hold.
 *
 * @example
 * ```ts
 * import { createNode } from 'coterie'
 *
 * const node = await createNode({
 *   manifest: 'manifest.json',
 *   machine: 'machine.json',
 *   bootstrap: ['/ip4/127.0.0.1/tcp/9600'],
 * })
 * await node.start()
 * await node.state.set('greeting', new TextEncoder().encode('hello'))
 * await node.stop()
 * ```
 */
export async function createNode(options: NodeOptions): Promise<CoterieNode> {
  const config = await configFrom(options)
  // A directory that nobody named may belong to a daemon, and one store has one process.
  const disk =
    options.dataDir === undefined
      ? { cacheDir: null }
      : {
          cacheDir: cacheDirOf(config),
          endorsementsDir: endorsementsDirOf(config),
          bansFile: bansFileOf(config.dataDir),
          auditDir: auditDirOf(config.dataDir),
        }
  return assembleNode(await openHost({ ...config, ...disk }), config)
}
