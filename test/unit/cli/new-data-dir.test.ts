import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../../src/api/load-config.ts'
import { importFiles, importTestnet, writeDataDir } from '../../../src/cli/new-data-dir.ts'
import { readMachine } from '../../../src/host/tee/machine.ts'
import { folderOf, makeFolder, nodeFolderOf } from '../../../testnet/folder.ts'
import { prepareLayout } from '../../../testnet/layout.ts'
import { prepareStart } from '../../../testnet/node-config.ts'

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'coterie-init-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A testnet's folder with two nodes that announce their relays. */
async function testnet() {
  const folder = folderOf(join(temporary(), 'net'))
  const { network } = await prepareLayout(folder, { nodes: 2, fresh: false })
  for (const [index, name] of ['node-0', 'node-1'].entries()) {
    const node = nodeFolderOf(folder, name)
    await makeFolder(node.data)
    await prepareStart(node, {
      preset: 'local',
      found: index === 0,
      httpPort: 19_000 + index,
      relayPort: 19_600 + index,
      bootstrapPorts: [],
      manifest: folder.manifest,
      machine: node.machine,
    })
  }
  return { folder, network }
}

test('a testnet takes one more machine: its software, another chip, addresses to dial', async () => {
  const { folder, network } = await testnet()
  const imported = await importTestnet(folder.path)
  const model = await readMachine(nodeFolderOf(folder, 'node-0').machine)
  expect(imported.network).toBe(network)
  expect(imported.machine.registers).toEqual(model.registers)
  expect(imported.machine.instance).not.toBe(model.instance)
  expect(imported.bootstrap).toEqual(['/ip4/127.0.0.1/tcp/19600', '/ip4/127.0.0.1/tcp/19601'])
})

test('what init writes is what start reads, private, and never overwritten', async () => {
  const { folder } = await testnet()
  const imported = await importTestnet(folder.path)
  const dataDir = join(temporary(), 'data')
  mkdirSync(dataDir, { mode: 0o700 })
  await writeDataDir(dataDir, { ...imported, httpPort: 0 })
  for (const name of ['config.json', 'manifest.json', 'machine.json']) {
    expect(statSync(join(dataDir, name)).mode & 0o777, name).toBe(0o600)
  }
  const { config, origins } = await loadConfig({ flags: { dataDir }, environment: {} })
  expect(config).toMatchObject({
    dataDir,
    preset: 'local',
    httpPort: 0,
    bootstrap: imported.bootstrap,
  })
  expect(config.machine).toBe(join(dataDir, 'machine.json'))
  expect(origins).toMatchObject({ dataDir: 'flag', bootstrap: 'file', ackTimeout: 'preset' })
  expect(config.manifestEnvelope).toEqual(new Uint8Array(readFileSync(folder.manifest)))
  const before = readFileSync(join(dataDir, 'machine.json'), 'utf8')
  await expect(writeDataDir(dataDir, { ...imported, httpPort: 0 })).rejects.toMatchObject({
    code: 'INIT_ALREADY_DONE',
  })
  expect(readFileSync(join(dataDir, 'machine.json'), 'utf8')).toBe(before)
})

test('paths of a file count from the file, those of flags from the working directory', async () => {
  const { folder } = await testnet()
  const elsewhere = temporary()
  const configFile = join(elsewhere, 'node.json')
  writeFileSync(
    configFile,
    JSON.stringify({ dataDir: 'data', manifest: folder.manifest, machine: 'm/x.json' }),
  )
  const { config } = await loadConfig({
    flags: {},
    environment: { XDG_DATA_HOME: '/nowhere' },
    configFile,
  })
  expect(config).toMatchObject({
    dataDir: join(elsewhere, 'data'),
    machine: join(elsewhere, 'm/x.json'),
  })
  const flagged = await loadConfig({ flags: { machine: 'y.json' }, environment: {}, configFile })
  expect(flagged.config.machine).toBe(join(process.cwd(), 'y.json'))
  writeFileSync(configFile, '{"dataDir":')
  await expect(loadConfig({ flags: {}, environment: {}, configFile })).rejects.toMatchObject({
    code: 'BAD_CONFIG_FILE',
  })
})

test('a folder that is no testnet, a manifest that is none and a machine that others can read are refused', async () => {
  await expect(importTestnet(temporary())).rejects.toMatchObject({ code: 'NOT_A_TESTNET' })
  const { folder } = await testnet()
  const { machine } = nodeFolderOf(folder, 'node-0')
  const manifest = join(temporary(), 'manifest.json')
  writeFileSync(manifest, '{"manifest":{}}')
  await expect(importFiles({ manifest, machine })).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
  writeFileSync(manifest, ' '.repeat(70_000))
  await expect(importFiles({ manifest, machine })).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })
  await expect(importFiles({ manifest: '/nonexistent', machine })).rejects.toMatchObject({
    code: 'MANIFEST_MISSING',
  })
  writeFileSync(manifest, readFileSync(machine), { mode: 0o644 })
  await expect(importFiles({ manifest: folder.manifest, machine: manifest })).rejects.toMatchObject(
    { code: 'TEE_FILE_EXPOSED' },
  )
})
