import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Faults } from '../../../testnet/faults.ts'
import { folderOf } from '../../../testnet/folder.ts'
import { prepareLayout } from '../../../testnet/layout.ts'
import { Testnet } from '../../../testnet/network.ts'
import { findFreeBase } from '../../../testnet/ports.ts'
import { divergenceOf, snapshotOf, untilConverged } from '../../../testnet/snapshot.ts'
import { patience } from '../../fixtures/patience.ts'

const fake = fileURLToPath(new URL('../../fakes/node-process.ts', import.meta.url))
let path: string
let testnet: Testnet
let faults: Faults

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'coterie-faults-'))
  const folder = folderOf(path)
  const layout = await prepareLayout(folder, { nodes: 3, fresh: true, seed: 'faults' })
  const basePort = await findFreeBase(4)
  testnet = new Testnet({ folder, basePort, nodes: 3, program: [fake] })
  faults = new Faults({ testnet, folder, layout })
  await testnet.start()
  await untilConverged(testnet, patience())
})

afterEach(async () => {
  await testnet.stop()
  rmSync(path, { recursive: true })
})

const kinds = (): string[] => faults.active().map(({ kind }) => kind)

test('a killed node is a fault in force until it is restarted', async () => {
  const { did, undo, active } = await faults.apply({ kind: 'kill', nodes: ['2'] })
  expect(did).toContain('SIGKILL')
  expect(undo).toContain('fault restart node-2')
  expect(active).toMatchObject([{ kind: 'kill', text: 'node-2 is down' }])
  await faults.apply({ kind: 'restart', nodes: ['node-2'] })
  expect(kinds()).toEqual([])
  await untilConverged(testnet, patience())
})

test('a paused node answers nothing, goes on as itself, and can be stopped while it stands', async () => {
  const before = (await testnet.slot(1).api.status()).node
  await faults.apply({ kind: 'pause', nodes: ['1'] })
  expect(kinds()).toEqual(['pause'])
  expect(divergenceOf(await snapshotOf(testnet))).toBe('node-1 does not answer')
  await faults.apply({ kind: 'resume', nodes: ['1'] })
  expect((await testnet.slot(1).api.status()).node).toBe(before)
  await faults.apply({ kind: 'pause', nodes: ['1'] })
  await faults.apply({ kind: 'restart', nodes: ['1'] })
  expect(kinds()).toEqual([])
})

test('partition, delay and loss stand until the heal, and name their links', async () => {
  await faults.apply({ kind: 'partition', left: ['0'], right: [], how: 'silent' })
  await faults.apply({ kind: 'delay', from: ['1'], to: ['all'], delay: 100, jitter: 20 })
  await faults.apply({ kind: 'loss', from: ['1'], to: ['2'], rate: 0.5, how: 'stall' })
  expect(faults.active().map(({ text }) => text)).toEqual([
    'node-0 | node-1, node-2: cut, and nobody is told',
    'from node-1 to node-0, node-1, node-2: 100 ms late, ± 20 ms',
    'from node-1 to node-2: 50 % of all chunks lost, each holds its stream up for 1 s',
  ])
  const cuts = testnet.relays.links().filter(link => link.cut !== null)
  expect(cuts.every(({ from, to }) => [from, to].includes('node-0'))).toBe(true)
  expect(cuts.length).toBeGreaterThan(0)
  await faults.apply({ kind: 'loss', from: ['1'], to: ['2'], rate: 0, how: 'stall' })
  expect(faults.active()).toHaveLength(2)
  await faults.apply({ kind: 'heal' })
  expect(kinds()).toEqual([])
  expect(testnet.relays.links().filter(link => link.cut !== null)).toEqual([])
})

test('a clock is off by the file of its node until it is set right', async () => {
  const { clock } = testnet.slot(1).folder
  await faults.apply({ kind: 'clock', nodes: ['1'], offset: '-1d' })
  expect(readFileSync(clock, 'utf8')).toBe('-86400000')
  expect(faults.active()).toMatchObject([{ text: 'the clock of node-1 is off by -1d' }])
  await faults.apply({ kind: 'clock', nodes: ['1'], offset: '0' })
  expect(kinds()).toEqual([])
})

test('an intruder is no part of what converges, and can be ended', async () => {
  await faults.apply({ kind: 'wrong-measurement' })
  expect(faults.active()).toMatchObject([{ kind: 'intruder', undo: expect.any(String) }])
  expect(divergenceOf(await snapshotOf(testnet))).toBeUndefined()
  await faults.apply({ kind: 'kill', nodes: ['intruder-1'] })
  expect(kinds()).toEqual([])
})

test.each([
  ['UNKNOWN_NODE', { kind: 'kill', nodes: ['7'] }],
  ['BAD_OFFSET', { kind: 'clock', nodes: ['1'], offset: 'soon' }],
  ['BAD_PARTITION', { kind: 'partition', left: ['0'], right: ['0', '1'], how: 'silent' }],
  ['BAD_PARTITION', { kind: 'partition', left: ['all'], right: [], how: 'silent' }],
] as const)('%s: nothing is broken by a request that makes no sense', async (code, request) => {
  const given = structuredClone(request) as unknown as Parameters<Faults['apply']>[0]
  await expect(faults.apply(given)).rejects.toMatchObject({ code })
  expect(kinds()).toEqual([])
})

test('a node that is down is not paused', async () => {
  await faults.apply({ kind: 'kill', nodes: ['2'] })
  const pause = faults.apply({ kind: 'pause', nodes: ['2'] })
  await expect(pause).rejects.toMatchObject({ code: 'NODE_IS_DOWN' })
  expect(kinds()).toEqual(['kill'])
})
