import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { folderOf } from '../../../testnet/folder.ts'
import { Testnet, type TestnetEvent } from '../../../testnet/network.ts'
import { findFreeBase } from '../../../testnet/ports.ts'
import { divergenceOf, snapshotOf, untilConverged } from '../../../testnet/snapshot.ts'
import { patience } from '../../fixtures/patience.ts'

const fake = fileURLToPath(new URL('../../fakes/node-process.ts', import.meta.url))
let path: string
let testnet: Testnet
let told: TestnetEvent[]

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'coterie-network-'))
  told = []
  testnet = new Testnet({
    folder: folderOf(path),
    basePort: await findFreeBase(4),
    nodes: 3,
    program: [fake],
    onEvent: event => told.push(event),
  })
})

afterEach(async () => {
  await testnet.stop()
  rmSync(path, { recursive: true })
})

test('nodes that know only the relay of the first one find each other, over a link for each pair', async () => {
  await testnet.start()
  const nodes = await untilConverged(testnet, patience())
  expect(nodes.map(node => node.status?.members.live)).toEqual([3, 3, 3])
  const pairs = testnet.relays.links().map(({ from, to }) => [from, to].sort().join(' '))
  expect(pairs.sort()).toEqual(
    expect.arrayContaining(['node-0 node-1', 'node-0 node-2', 'node-1 node-2']),
  )
  expect(pairs.join()).not.toContain('outside')
  const config = JSON.parse(readFileSync(testnet.slot(2).folder.config, 'utf8')) as {
    bootstrap: string[]
    found: boolean
  }
  expect(config).toMatchObject({
    bootstrap: [`/ip4/127.0.0.1/tcp/${testnet.slot(0).relayPort}`],
    found: false,
  })
})

test('a killed node is missed by the others and comes back as another one', async () => {
  await testnet.start()
  const [, before] = await untilConverged(testnet, patience())
  const slot = testnet.slot(1)
  await testnet.killNode(slot)
  const others = await untilConverged(testnet, patience(), node => node.name !== 'node-1')
  expect(others.map(node => node.name)).toEqual(['node-0', 'node-2'])
  expect(divergenceOf(await snapshotOf(testnet))).toBe('node-1 does not answer')
  await testnet.startNode(slot)
  const [, after] = await untilConverged(testnet, patience())
  expect(after?.status?.node).not.toBe(before?.status?.node)
  expect(told.map(event => event.text)).toContain('ended by SIGKILL')
})

test('the founder that comes back looks for the network at the others', async () => {
  await testnet.start()
  await untilConverged(testnet, patience())
  await testnet.killNode(testnet.slot(0))
  await testnet.startNode(testnet.slot(0))
  const config = JSON.parse(readFileSync(testnet.slot(0).folder.config, 'utf8')) as object
  const bootstrap = [testnet.slot(1), testnet.slot(2)].map(
    slot => `/ip4/127.0.0.1/tcp/${slot.relayPort}`,
  )
  expect(config).toMatchObject({ found: false, bootstrap })
})

test('a node that ends before it listens is an error that names its log', async () => {
  const broken = new Testnet({
    folder: folderOf(path),
    basePort: await findFreeBase(1),
    nodes: 1,
    program: ['-e', 'process.exit(1)'],
  })
  await expect(broken.start()).rejects.toMatchObject({
    code: 'NODE_FAILED',
    next: expect.stringContaining('node-0.log'),
  })
  await broken.stop()
})

test('on a large testnet a write waits a second for each node, on a small one as long as the preset says', async () => {
  for (const [nodes, ackTimeout] of [
    [5, undefined],
    [7, '7s'],
  ] as const) {
    const program = ['-e', 'process.exit(1)']
    const broken = new Testnet({
      ...{ folder: folderOf(path), basePort: await findFreeBase(nodes), nodes, program },
    })
    await expect(broken.start()).rejects.toMatchObject({ code: 'NODE_FAILED' })
    const config = JSON.parse(readFileSync(broken.slot(0).folder.config, 'utf8')) as object
    expect(config).toHaveProperty('preset', 'local')
    expect(Reflect.get(config, 'ackTimeout')).toBe(ackTimeout)
    await broken.stop()
  }
})
