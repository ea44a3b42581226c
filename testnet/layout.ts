/**
 * What a testnet is made of: the root of its simulated TEEs, its manifest with approvals, one machine for each
 * node. Written once and kept over restarts; `fresh` makes everything anew, another network id included.
 */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { z } from 'zod'
import {
  encodeManifest,
  manifestHash,
  networkIdOf,
  parseManifest,
} from '../src/attestation/manifest.ts'
import {
  approve,
  encodeEnvelope,
  parseEnvelope,
  verifyEnvelope,
} from '../src/attestation/manifest-approval.ts'
import type { Manifest } from '../src/attestation/manifest-document.ts'
import { draftManifest } from '../src/attestation/manifest-draft.ts'
import { toHex } from '../src/base/bytes.ts'
import { InvariantError, UsageError } from '../src/base/errors.ts'
import type { NetworkId } from '../src/base/ids.ts'
import { Secret } from '../src/base/secret.ts'
import { readKeyFile, writeKeyFile } from '../src/host/key-file.ts'
import {
  type Folder,
  makeFolder,
  memberKeyOf,
  nodeFolderOf,
  readJson,
  removeFile,
  writeJson,
} from './folder.ts'
import { Hardware, referenceOf, tcbRule } from './hardware.ts'
import { Draws, drawSeed } from './seed.ts'

/** Three who approve, of whom two must agree: the smallest set in which one may be missing. */
const manifestSetSize = 3
const manifestSetThreshold = 2

export interface Layout {
  readonly network: NetworkId
  /** What everything that is drawn follows from, but for keys. */
  readonly seed: string
  /** Makes machines under the root of this testnet. */
  readonly hardware: Hardware
  /** Key files of the manifest set. */
  readonly memberKeys: readonly string[]
}

const layoutShape = z.strictObject({
  format: z.literal(2),
  network: z.string(),
  seed: z.string(),
})

export interface LayoutOptions {
  readonly nodes: number
  readonly fresh: boolean
  /** Of a new layout; drawn unless said. */
  readonly seed?: string
}

/**
 * The layout in a folder: kept if there is one, else made. A node that has no machine yet gets one.
 *
 * @throws {UsageError} `BAD_TESTNET_FOLDER` for files that do not belong together, `OTHER_SEED`.
 */
export async function prepareLayout(folder: Folder, options: LayoutOptions): Promise<Layout> {
  const kept = options.fresh ? undefined : await keptLayout(folder)
  if (kept !== undefined && options.seed !== undefined && options.seed !== kept.seed) {
    throw new UsageError('OTHER_SEED', `the testnet in ${folder.path} has the seed ${kept.seed}`, {
      next: 'Make a new one with --fresh, or leave --seed out.',
    })
  }
  if (kept === undefined) await clear(folder)
  const layout = kept ?? (await newLayout(folder, options.seed ?? drawSeed()))
  for (let index = 0; index < options.nodes; index++) {
    const { path, machine } = nodeFolderOf(folder, `node-${index}`)
    await makeFolder(path)
    if ((await readJson(machine)) === undefined) await layout.hardware.issue(machine)
  }
  return layout
}

/** How the manifest of another network or another policy differs from the testnet's. */
export type ManifestChange = (manifest: Manifest) => Manifest

/** Writes an envelope whose manifest is the testnet's with a change, approved by the testnet's manifest set. */
export async function writeChangedManifest(
  folder: Folder,
  path: string,
  change: ManifestChange,
): Promise<void> {
  const envelope = parseEnvelope(await envelopeBytes(folder))
  if ('code' in envelope) throw new InvariantError('the envelope of a running testnet parses')
  await writeEnvelope(folder, path, change(envelope.manifest))
}

async function keptLayout(folder: Folder): Promise<Layout | undefined> {
  const kept = layoutShape.safeParse(await readJson(folder.layout)).data
  if (kept === undefined) return undefined
  const envelope = parseEnvelope(await envelopeBytes(folder))
  if ('code' in envelope) throw badFolder(folder, envelope.code)
  const { founding } = envelope.manifest
  const refusal = verifyEnvelope(envelope, { kind: 'founding', founding })
  if (refusal !== undefined) throw badFolder(folder, refusal.code)
  const network = networkIdOf(founding)
  if (network !== kept.network) throw badFolder(folder, 'WRONG_NETWORK')
  const { seed } = kept
  const hardware = await Hardware.load(folder.authority, seed)
  if (founding.anchors[0]?.publicKey !== hardware.anchor) throw badFolder(folder, 'WRONG_ROOT')
  return { network, seed, hardware, memberKeys: memberKeysOf(folder) }
}

async function newLayout(folder: Folder, seed: string): Promise<Layout> {
  await makeFolder(folder.nodes)
  await makeFolder(folder.logs)
  const memberKeys = memberKeysOf(folder)
  for (const path of memberKeys) {
    using seed = new Secret(new Uint8Array(randomBytes(32)))
    await writeKeyFile(path, seed)
  }
  using seedOfClient = new Secret(new Uint8Array(randomBytes(32)))
  const clientKey = toHex(await writeKeyFile(folder.clientKey, seedOfClient, 'client'))
  const hardware = await Hardware.create(folder.authority, seed)
  const manifest = draftManifest({
    name: 'testnet',
    foundingNonce: new Draws(seed, 'founding nonce').below(2 ** 47),
    manifestSet: { members: await publicKeysOf(memberKeys), threshold: manifestSetThreshold },
    anchors: [{ platform: 'simulated', publicKey: hardware.anchor }],
    measurements: [referenceOf(Date.now())],
    tcb: [tcbRule],
    publicPrefixes: ['public/'],
    clients: [
      { name: 'demo', key: clientKey, rights: ['read', 'write', 'custody'], prefixes: [''] },
    ],
  })
  await writeEnvelope(folder, folder.manifest, manifest)
  const network = networkIdOf(manifest.founding)
  // Last, because it says that everything else is there.
  await writeJson(folder.layout, { format: 2, network, seed })
  return { network, seed, hardware, memberKeys }
}

/** Approved by as many of the set as must agree. */
async function writeEnvelope(folder: Folder, path: string, document: Manifest): Promise<void> {
  const manifest = parseManifest(encodeManifest(document))
  if ('code' in manifest) {
    throw new InvariantError(`the manifest of a testnet is valid, not ${JSON.stringify(manifest)}`)
  }
  const approvals = []
  for (const keyFile of memberKeysOf(folder).slice(0, manifestSetThreshold)) {
    using key = await readKeyFile(keyFile)
    approvals.push(approve(manifestHash(manifest), key))
  }
  approvals.sort((left, right) => (left.member < right.member ? -1 : 1))
  await writeFile(path, encodeEnvelope({ manifest, approvals }), { mode: 0o600 })
}

async function publicKeysOf(keyFiles: readonly string[]): Promise<string[]> {
  const keys: string[] = []
  for (const keyFile of keyFiles) {
    using key = await readKeyFile(keyFile)
    keys.push(toHex(key.publicKey))
  }
  return keys.sort()
}

function memberKeysOf(folder: Folder): string[] {
  return Array.from({ length: manifestSetSize }, (_, index) => memberKeyOf(folder, index))
}

async function envelopeBytes(folder: Folder): Promise<Uint8Array> {
  return new TextEncoder().encode(JSON.stringify(await readJson(folder.manifest)))
}

async function clear(folder: Folder): Promise<void> {
  const keys = memberKeysOf(folder)
  const { layout, manifest, authority, clientKey, nodes, logs } = folder
  // The layout goes first: what is left behind by a crash is then made anew.
  for (const path of [layout, manifest, authority, clientKey, nodes, logs, ...keys])
    await removeFile(path)
}

function badFolder(folder: Folder, code: string): UsageError {
  return new UsageError('BAD_TESTNET_FOLDER', `${folder.path} holds a broken testnet: ${code}`, {
    next: 'Make a new one with: coterie testnet up --fresh.',
  })
}
