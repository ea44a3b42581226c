/** What a stopped node leaves behind in its process: nothing. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { folderOf, makeFolder, nodeFolderOf } from '../../testnet/folder.ts'
import { prepareLayout } from '../../testnet/layout.ts'
import { prepareStart } from '../../testnet/node-config.ts'
import { findFreeBase } from '../../testnet/ports.ts'

const run = promisify(execFile)
const moduleAt = (path: string): string => new URL(`../../src/${path}`, import.meta.url).href

/** Two nodes in one process: they meet, one writes, both stop, and the process is left to end by itself. */
const script = `
  import { loadConfig } from '${moduleAt('api/load-config.ts')}'
  import { openHost } from '${moduleAt('host/open.ts')}'
  import { createNode } from '${moduleAt('node/node.ts')}'
  const before = process.getActiveResourcesInfo().length
  const nodes = []
  for (const configFile of process.argv.slice(1)) {
    const { config } = await loadConfig({ flags: {}, environment: {}, configFile })
    const host = await openHost({ ...config, cacheDir: null })
    const node = createNode({ ...host, log: { debug() {}, info() {}, warn() {}, error() {} } }, config)
    await node.start()
    nodes.push(node)
  }
  while (nodes.some(node => node.status().members.live < 2)) await new Promise(r => setTimeout(r, 50))
  await nodes[1].state.set('key', new Uint8Array(10))
  await Promise.all(nodes.map(node => node.stop()))
  // What is being closed says so in the turns after, streams one by one; what goes on for a hundred turns goes on.
  for (let turn = 0; turn < 100; turn++) {
    await new Promise(resolve => setImmediate(resolve))
    if (process.getActiveResourcesInfo().length <= before) break
  }
  console.log(JSON.stringify({ before, after: process.getActiveResourcesInfo() }))`

test('a stopped node leaves no socket, server or timer, and its process ends by itself', async () => {
  const path = mkdtempSync(join(tmpdir(), 'coterie-stop-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  const folder = folderOf(path)
  await prepareLayout(folder, { nodes: 2, fresh: true })
  const basePort = await findFreeBase(2)
  const p2p = [basePort + 600, basePort + 601]
  const configs: string[] = []
  for (const [index, port] of p2p.entries()) {
    const node = nodeFolderOf(folder, `node-${index}`)
    await makeFolder(node.data)
    await prepareStart(node, {
      preset: 'local',
      found: index === 0,
      httpPort: 0,
      listenPort: port,
      relayPort: port,
      bootstrapPorts: index === 0 ? [] : p2p.slice(0, 1),
      manifest: folder.manifest,
      machine: node.machine,
    })
    configs.push(node.config)
  }
  const args = ['--input-type=module', '-e', script, ...configs]
  const { stdout } = await run(process.execPath, args, { timeout: 50_000 })
  const { before, after } = JSON.parse(stdout) as { before: number; after: string[] }
  // What was open before is the output of the script.
  expect(after.filter(kind => kind !== 'PipeWrap' && kind !== 'TTYWrap')).toEqual([])
  expect(after.length).toBeLessThanOrEqual(before)
})
