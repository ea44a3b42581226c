import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { cut, Screen, type Terminal } from '../../../testnet/screen.ts'
import type { NodeSnapshot } from '../../../testnet/snapshot.ts'
import { divergenceOf } from '../../../testnet/snapshot.ts'
import { type Line, renderView, type ViewModel } from '../../../testnet/view.ts'
import { noQuorumKey } from '../../fakes/node.ts'

function member(node: string, self: boolean, state: 'alive' | 'suspect' | 'dead' = 'alive') {
  return {
    node,
    self,
    state,
    phase: 'active' as const,
    platform: 'simulated',
    instance: '',
    measurement: '',
    owner: null,
    verdictExpiresAt: '',
    isFresh: true,
    vouchedBy: [],
    cause: null,
    phi: null,
    connected: true,
  }
}

function node(index: number, seen: readonly ('alive' | 'suspect' | 'dead')[]): NodeSnapshot {
  const id = `id-${index}`
  return {
    name: `node-${index}`,
    isExtra: false,
    pid: 100 + index,
    http: `http://127.0.0.1:${9000 + index}`,
    p2p: '',
    members: seen.map((state, i) => member(`id-${i}`, i === index, state)),
    status: {
      node: id,
      network: '',
      networkName: '',
      testnet: true,
      tee: 'simulated',
      phase: 'active',
      next: '',
      version: '',
      addresses: [],
      listening: [],
      manifest: { nonce: 0, hash: '' },
      measurements: [],
      members: { active: 2, live: 2, known: 2 },
      state: {
        root: 'abcdef0123456789',
        entries: 7,
        delivered: 0,
        writesPerSecond: 1.25,
        deliveriesPerSecond: 0,
      },
      keys: { traffic: 1, storage: 1, commit: 1 },
      removals: { count: 0, digest: '' },
      quorumKey: noQuorumKey,
      lease: { state: 'held', until: null, instances: 1, citing: 1 },
      warnings: [],
      uptimeSeconds: 1,
    },
  }
}

function model(nodes: readonly NodeSnapshot[]): ViewModel {
  return {
    nodes,
    ids: new Map(nodes.map((_, i) => [`node-${i}`, `id-${i}`])),
    convergedAfter: 6.5,
    seed: 's33d',
    divergence: divergenceOf(nodes) ?? null,
    events: Array.from({ length: 50 }, (_, i) => ({
      at: new Date(0),
      node: 'node-0',
      text: `e${i}`,
    })),
    page: 'http://127.0.0.1:9000/',
    commands: ['coterie state get greeting'],
  }
}

const textOf = (lines: readonly Line[]) => lines.map(line => line.map(span => span.text).join(''))
const converged = [node(0, ['alive', 'alive']), node(1, ['alive', 'alive'])]

test('the view always says that nothing here is secure, and how to stop it', () => {
  const text = textOf(renderView(model(converged), 40)).join('\n')
  expect(text).toContain('SIMULATED TEE — NOT SECURE')
  expect(text).toContain('Ctrl-C stops all nodes')
  expect(text).toContain('2 nodes mutually attested and converged 6.5 s after the start')
})

test('a row says process, phase, how others see the node, root, entries and writes per second', () => {
  const [, , , , first = ''] = textOf(renderView(model(converged), 40))
  expect(first.split(/\s{2,}/).slice(0, 8)).toEqual([
    'node-0',
    '100',
    'active',
    'alive 1',
    '2/2  '.trim(),
    'abcdef0123',
    '7',
    '1.3',
  ])
})

test('a dead node is shown as stopped and dead to the others, by its last id', () => {
  const dead: NodeSnapshot = { ...node(1, []), pid: null, status: null }
  const nodes = [node(0, ['alive', 'dead']), dead]
  const lines = renderView(model(nodes), 40)
  expect(textOf(lines)[5]).toMatch(/node-1 +- +stopped +dead 1 +- /)
  expect(lines[5]?.find(span => span.text.startsWith('dead'))?.tone).toBe('bad')
})

test('the view never has more lines than the terminal, and the newest events stay', () => {
  for (let rows = 1; rows < 60; rows++) {
    const lines = textOf(renderView(model(converged), rows))
    expect(lines.length).toBeLessThanOrEqual(rows)
    if (rows > 20) expect(lines.join('\n')).toContain('e49')
  }
})

test('divergence names the node and what is missing', () => {
  expect(divergenceOf(converged)).toBeUndefined()
  const [first] = converged
  expect(divergenceOf([node(0, ['alive', 'suspect']), node(1, ['alive', 'alive'])])).toBe(
    'node-0 does not hear node-1 as an active member',
  )
  expect(divergenceOf([first!, { ...node(1, []), status: null }])).toBe('node-1 does not answer')
  const other = node(1, ['alive', 'alive'])
  const status = { ...other.status!, state: { ...other.status!.state, root: 'ffff' } }
  expect(divergenceOf([first!, { ...other, status }])).toBe('2 different roots')
})

/** A terminal that keeps what is written to it. */
function terminal(columns: number, rows: number): { written(): string; screen: Screen } {
  const stream = new PassThrough()
  const written: string[] = []
  stream.on('data', chunk => written.push(String(chunk)))
  const fake = Object.assign(stream, { columns, rows, isTTY: true }) as PassThrough & Terminal
  return { written: () => written.splice(0).join(''), screen: new Screen(fake) }
}

const plain = (text: string): Line => [{ text, tone: 'plain' }]

test('a frame overwrites the one before it in place and erases what is left', () => {
  const { screen, written } = terminal(80, 24)
  screen.draw([plain('one'), plain('two'), plain('three')])
  expect(written()).not.toContain('A')
  screen.draw([plain('only')])
  const second = written()
  expect(second).toContain('\x1b[3A\ronly\x1b[K\n\x1b[J')
  expect(second).not.toContain('\x1b[2J')
  screen.close()
  expect(written()).toBe('\x1b[?25h')
})

test('a line is cut at the width, because a wrapped one would break the frame', () => {
  expect(
    cut(
      [
        { text: 'hello ', tone: 'plain' },
        { text: 'world', tone: 'bad' },
      ],
      8,
    ),
  ).toEqual([
    { text: 'hello ', tone: 'plain' },
    { text: 'wo', tone: 'bad' },
  ])
  const { screen, written } = terminal(5, 3)
  screen.draw(['aaaaaaaa', 'b', 'c', 'd'].map(plain))
  expect(written()).toContain('\raaaaa\x1b[K\nb\x1b[K\n\x1b[J')
})
