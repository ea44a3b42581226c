import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseEnvelope, verifyEnvelope } from '../../../src/attestation/manifest-approval.ts'
import { readMachine } from '../../../src/host/tee/machine.ts'
import { type Folder, folderOf, nodeFolderOf } from '../../../testnet/folder.ts'
import { prepareLayout, writeChangedManifest } from '../../../testnet/layout.ts'

let folder: Folder

beforeEach(() => {
  folder = folderOf(mkdtempSync(join(tmpdir(), 'coterie-layout-')))
})

afterEach(() => {
  rmSync(folder.path, { recursive: true })
})

function envelopeAt(path: string) {
  const envelope = parseEnvelope(new Uint8Array(readFileSync(path)))
  if ('code' in envelope) throw new Error(envelope.code)
  return envelope
}

test('the manifest is approved by enough of its set and names the root as its only anchor', async () => {
  const layout = await prepareLayout(folder, { nodes: 2, fresh: false })
  const envelope = envelopeAt(folder.manifest)
  const { founding } = envelope.manifest
  expect(verifyEnvelope(envelope, { kind: 'founding', founding })).toBeUndefined()
  expect(founding.testnet).toBe(true)
  expect(founding.anchors).toEqual([{ platform: 'simulated', publicKey: layout.hardware.anchor }])
})

test('a restart keeps network, keys and machines; more nodes get machines of their own', async () => {
  const first = await prepareLayout(folder, { nodes: 2, fresh: false })
  const machine = await readMachine(nodeFolderOf(folder, 'node-1').machine)
  const second = await prepareLayout(folder, { nodes: 3, fresh: false })
  expect(second.network).toBe(first.network)
  expect(await readMachine(nodeFolderOf(folder, 'node-1').machine)).toEqual(machine)
  const third = await readMachine(nodeFolderOf(folder, 'node-2').machine)
  expect(third.instance).not.toBe(machine.instance)
  expect(third.registers).toEqual(machine.registers)
})

test('fresh is another network with other keys and machines', async () => {
  const first = await prepareLayout(folder, { nodes: 1, fresh: false })
  const machine = await readMachine(nodeFolderOf(folder, 'node-0').machine)
  const keys = first.memberKeys.map(path => readFileSync(path, 'utf8'))
  const second = await prepareLayout(folder, { nodes: 1, fresh: true })
  expect(second.network).not.toBe(first.network)
  expect(second.hardware.anchor).not.toBe(first.hardware.anchor)
  expect(await readMachine(nodeFolderOf(folder, 'node-0').machine)).not.toEqual(machine)
  expect(second.memberKeys.map(path => readFileSync(path, 'utf8'))).not.toEqual(keys)
})

test('everything private is for its owner alone', async () => {
  const { memberKeys } = await prepareLayout(folder, { nodes: 1, fresh: false })
  for (const path of [folder.authority, nodeFolderOf(folder, 'node-0').machine, ...memberKeys]) {
    expect(statSync(path).mode & 0o077, path).toBe(0)
  }
})

test('files that do not belong together are refused with the way out', async () => {
  await prepareLayout(folder, { nodes: 1, fresh: false })
  const other = folderOf(mkdtempSync(join(tmpdir(), 'coterie-layout-')))
  await prepareLayout(other, { nodes: 1, fresh: false })
  const { copyFileSync } = await import('node:fs')
  copyFileSync(other.manifest, folder.manifest)
  const prepared = prepareLayout(folder, { nodes: 1, fresh: false })
  await expect(prepared).rejects.toMatchObject({
    code: 'BAD_TESTNET_FOLDER',
    next: expect.stringContaining('--fresh'),
  })
  rmSync(other.path, { recursive: true })
})

test('a changed manifest is approved too; a changed founding block is another network', async () => {
  await prepareLayout(folder, { nodes: 1, fresh: false })
  const path = join(folder.path, 'other.json')
  await writeChangedManifest(folder, path, manifest => ({
    ...manifest,
    founding: { ...manifest.founding, nonce: manifest.founding.nonce + 1 },
  }))
  const other = envelopeAt(path)
  const { founding } = other.manifest
  expect(verifyEnvelope(other, { kind: 'founding', founding })).toBeUndefined()
  const own = { kind: 'founding', founding: envelopeAt(folder.manifest).manifest.founding } as const
  expect(verifyEnvelope(other, own)).toBeDefined()
})

test('one seed makes the same machines and founding nonce again, and is kept with the layout', async () => {
  const chips = async (): Promise<string[]> => {
    const machines = [0, 1].map(index => nodeFolderOf(folder, `node-${index}`).machine)
    return (await Promise.all(machines.map(readMachine))).map(({ instance }) => instance)
  }
  const nonce = () => envelopeAt(folder.manifest).manifest.founding.nonce
  await prepareLayout(folder, { nodes: 2, fresh: true, seed: 'a' })
  const first = { chips: await chips(), nonce: nonce() }
  expect(new Set(first.chips).size).toBe(2)
  await prepareLayout(folder, { nodes: 2, fresh: true, seed: 'a' })
  expect({ chips: await chips(), nonce: nonce() }).toEqual(first)
  expect((await prepareLayout(folder, { nodes: 2, fresh: false })).seed).toBe('a')
  const other = prepareLayout(folder, { nodes: 2, fresh: false, seed: 'b' })
  await expect(other).rejects.toMatchObject({ code: 'OTHER_SEED' })
  await prepareLayout(folder, { nodes: 2, fresh: true, seed: 'b' })
  expect(await chips()).not.toEqual(first.chips)
  expect(nonce()).not.toBe(first.nonce)
})
