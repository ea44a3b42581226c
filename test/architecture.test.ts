import { describe, expect, test } from 'vitest'
import { importCycles, importOffences, purityOffences } from './law/architecture.ts'
import { readTree, type Tree } from './law/tree.ts'

const source = readTree(/^(src|testnet)\/.*\.tsx?$/)

test('every import obeys the law', () => {
  expect(source.size).toBeGreaterThan(50)
  expect(importOffences(source)).toEqual([])
})

test('imports form no cycle', () => {
  expect(importCycles(source)).toEqual([])
})

test('time, chance and the world are arguments in the rooms that decide', () => {
  expect(purityOffences(source)).toEqual([])
})

const planted = (path: string, text: string): Tree => new Map([[path, text]])

describe('a planted offence is found', () => {
  test.each([
    ['an import upward', 'src/base/a.ts', `import { x } from '../node/handle.ts'`],
    ['a type upward', 'src/wire/a.ts', `import type { X } from '../attestation/verdict.ts'`],
    ['a type import in place', 'src/base/a.ts', `export type X = import('../node/handle.ts').X`],
    ['a re-export upward', 'src/crypto/a.ts', `export { x } from '../wire/cbor.ts'`],
    ['a star upward', 'src/crypto/a.ts', `export * from '../wire/cbor.ts'`],
    ['an import at run time', 'src/node/a.ts', `export const x = () => import('../api/server.ts')`],
    ['a computed import', 'src/cli/a.ts', 'export const x = (n: string) => import(n)'],
    ['room to room', 'src/protocol/liveness/a.ts', `import '../membership/roster.ts'`],
    ['room to room', 'src/protocol/replica/a.ts', `import '../liveness/liveness.ts'`],
    ['room to room', 'src/protocol/membership/a.ts', `import '../replica/replica.ts'`],
    ['room to room', 'src/protocol/custody/a.ts', `import '../membership/roster.ts'`],
    ['another room to custody', 'src/protocol/membership/a.ts', `import '../custody/custody.ts'`],
    ['the floor to a room', 'src/protocol/machine.ts', `import './liveness/liveness.ts'`],
    ['decide to do', 'src/protocol/replica/a.ts', `import '../../host/port.ts'`],
    ['do to decide', 'src/host/a.ts', `import '../protocol/machine.ts'`],
    ['the shell past a port', 'src/node/a.ts', `import '../host/net/libp2p.ts'`],
    ['libp2p outside host/net', 'src/host/open.ts', `import 'libp2p'`],
    ['libp2p in the shell', 'src/node/a.ts', `import type { X } from '@libp2p/interface'`],
    ['the world in a pure room', 'src/protocol/liveness/a.ts', `import 'node:fs'`],
    ['the world in the shell', 'src/node/a.ts', `import 'node:timers/promises'`],
    ['the world in crypto', 'src/crypto/hash.ts', `import 'node:crypto'`],
    ['a bare built-in', 'src/host/a.ts', `import 'fs'`],
    ['a twin from above', 'src/wire/a.ts', `import '#crypto/aead'`],
    ['an unknown package', 'src/base/a.ts', `import 'left-pad'`],
    ['a known package elsewhere', 'src/node/a.ts', `import 'canonicalize'`],
    ['secret sharing past crypto', 'src/protocol/custody/a.ts', `import 'shamir-secret-sharing'`],
    ['words of seeds past crypto', 'src/node/a.ts', `import '@scure/bip39/wordlists/english.js'`],
    ['an import without ending', 'src/base/a.ts', `import './bytes'`],
    ['an unknown room', 'src/weather/a.ts', `import '../base/bytes.ts'`],
    ['an unknown protocol room', 'src/protocol/weather/a.ts', ''],
    [
      'testnet in production',
      'src/node/a.ts',
      `export const x = () => import('../../testnet/up.ts')`,
    ],
    [
      'testnet from another command',
      'src/cli/commands/start.ts',
      `export const x = () => import('../../../testnet/up.ts')`,
    ],
    ['testnet loaded at once', 'src/cli/commands/testnet.ts', `import '../../../testnet/up.ts'`],
    ['testnet to cli', 'testnet/a.ts', `import '../src/cli/main.ts'`],
    ['the server in a page', 'src/web/a.tsx', `import '../api/server.ts'`],
    ['the node in a page', 'src/web/a.tsx', `import type { X } from '../node/handle.ts'`],
    ['the world in a page', 'src/web/a.tsx', `import 'node:fs'`],
    ['the node in the page that verifies', 'src/web/verify/a.tsx', `import '../../api/look.ts'`],
    [
      'a light client in the dashboard',
      'src/web/dashboard/a.tsx',
      `import '../../light/client.ts'`,
    ],
    ['a page in the API', 'src/api/a.ts', `import '../web/dashboard/model.ts'`],
    ['a page in a testnet', 'testnet/a.ts', `import '../src/web/dashboard/model.ts'`],
    ['a library of pages elsewhere', 'src/api/a.ts', `import 'preact'`],
    ['a test in production', 'src/base/a.ts', `import '../../test/fakes/clock.ts'`],
    ['the public face', 'src/cli/a.ts', `import '../index.ts'`],
    ['the other one', 'src/attestation/a.ts', `import '../attestation.ts'`],
    ['light to node', 'src/light/a.ts', `import '../node/handle.ts'`],
    ['light to protocol', 'src/light/a.ts', `import '../protocol/machine.ts'`],
    ['light to host', 'src/light/a.ts', `import '../host/port.ts'`],
    ['a node to light', 'src/node/a.ts', `import '../light/link.ts'`],
    ['a package of libp2p in light', 'src/light/a.ts', `import 'libp2p'`],
    ['a package of the API in light', 'src/light/a.ts', `import 'zod'`],
    ['the world in it', 'src/attestation.ts', `export { x } from './host/port.ts'`],
  ])('%s: %s', (_name, path, text) => {
    expect(importOffences(planted(path, text))).toHaveLength(1)
  })

  test('a cycle, also of types alone and over three files', () => {
    const tree = new Map([
      ['src/base/a.ts', `import type { B } from './b.ts'; export type A = B`],
      ['src/base/b.ts', `export * from './c.ts'`],
      ['src/base/c.ts', `export type B = import('./a.ts').A`],
    ])
    expect(importCycles(tree)).toEqual([
      'src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts',
    ])
  })

  test.each([
    'Date.now()',
    'new Date()',
    'Math.random()',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'queueMicrotask(f)',
    'process.env',
    'performance.now()',
    'console.log(1)',
    'crypto.getRandomValues(f)',
    'globalThis.Date',
    `fetch('http://x')`,
  ])('%s in a pure room', expression => {
    const rooms = [
      ...['base', 'wire', 'attestation', 'light', 'protocol/liveness'],
      ...['protocol/custody', 'protocol/custody/signing'],
    ]
    for (const room of expression.startsWith('queueMicrotask') ? rooms : [...rooms, 'node']) {
      expect(
        purityOffences(planted(`src/${room}/a.ts`, `export const x = (f) => ${expression}`)),
      ).toHaveLength(1)
    }
    expect(
      purityOffences(planted('src/host/a.ts', `export const x = (f) => ${expression}`)),
    ).toEqual([])
  })
})

describe('what the law allows passes', () => {
  test.each([
    [
      'src/protocol/liveness/a.ts',
      `import { x } from '../machine.ts'; import '../../wire/heartbeat.ts'`,
    ],
    ['src/node/a.ts', `import type { Net } from '../host/net/port.ts'`],
    ['src/crypto/aead.node.ts', `import 'node:crypto'`],
    ['src/crypto/aead.ts', `import '#crypto/aead'`],
    ['src/host/net/a.ts', `import 'libp2p'; import '@libp2p/kad-dht'; import 'node:net'`],
    ['src/cli/commands/testnet.ts', `export const x = () => import('../../../testnet/up.ts')`],
    ['src/web/a.tsx', `import 'preact'; import './b.tsx'; import '../api/look.ts'; fetch('/')`],
    ['src/web/verify/a.tsx', `import 'preact'; import '../../light/client.ts'; fetch('/')`],
    ['testnet/a.ts', `import type { X } from '../src/web/dashboard/desk.ts'`],
    ['src/attestation/a.ts', `export const date = (at: number) => new Date(at).toISOString()`],
  ])('%s: %s', (path, text) => {
    expect([
      ...importOffences(planted(path, text)),
      ...purityOffences(planted(path, text)),
    ]).toEqual([])
  })
})
