import { expect, test } from 'vitest'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { explainManifest } from '../../../src/attestation/manifest-text.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { parsed, testNetwork } from '../../fixtures/network.ts'

const { manifest, approvers } = testNetwork()
const key = toHex(approvers[0]!.publicKey)

const rich: Manifest = parsed({
  ...manifest,
  nonce: 7,
  namespace: { quorumKey: 'ab'.repeat(32) },
  join: {
    ...manifest.join,
    pins: ['11'.repeat(32)],
    owners: [{ name: 'ann', key, instances: ['11'.repeat(32), '22'.repeat(32)] }],
  },
  api: {
    publicPrefixes: ['public/'],
    clients: [{ name: 'wallet', key, rights: ['read', 'write', 'custody'], prefixes: ['own/'] }],
    guestLoopback: false,
  },
  write: [
    { prefix: 'log/', roles: [], valueBytesMax: 99, schema: 'json' },
    { prefix: 'ours/', roles: ['member'], valueBytesMax: 9, schema: 'text' },
    { prefix: 'all/', roles: ['member', 'client'], valueBytesMax: 9, schema: 'text' },
    { prefix: 'own/', roles: ['client'], valueBytesMax: 9, schema: 'text' },
  ],
  governance: { voters: { members: [key], threshold: 1 }, votingMs: 86_400_000 },
  pivot: { hash: 'cd'.repeat(32), restart: 'always', args: ['--fast'] },
})

test('a manifest is explained in whole sentences', () => {
  for (const sentence of [...explainManifest(manifest), ...explainManifest(rich)]) {
    expect(sentence).toMatch(/^[A-Za-z0-9].*\.$/)
    expect(sentence).not.toMatch(/undefined|NaN|\[object/)
  }
})

test('what an approver must know is said', () => {
  const text = explainManifest(rich).join('\n')
  for (const words of [
    'This is manifest 7 of the network fixture',
    'It is a testnet: it trusts 1 anchor of its own and no vendor, and proves nothing about hardware.',
    'The software coterie-test may join on simulated from 2026-10-31T00:00:00Z to 2027-11-01T00:00:00Z',
    'Firmware of simulated must be UpToDate, where up to date means at least bootloader 4',
    'Only 1 listed machine may join.',
    'ann owns 2 machines.',
    '2 of 3 key holders must approve the next manifest.',
    `The quorum key is ${'ab'.repeat(32)}.`,
    'State below "public/" is public.',
    'The client wallet may read and write below "own/".',
    'The client wallet may have the quorum key sign, seal and derive for it.',
    'Nobody may write json of up to 99 bytes below "log/".',
    'Members may write text of up to 9 bytes below "ours/".',
    'Members may write text of up to 9 bytes below "all/", and clients once entries can carry their word.',
    'Nobody can write text of up to 9 bytes below "own/" yet: it is for clients',
    '1 of 1 key holder must agree to a proposal within 24 h.',
    `Members run the application ${'cd'.repeat(32)} with the arguments "--fast"; after it ends it is always started again.`,
    'One machine may have 1000 live nodes at once and start 1000 in an hour.',
    'A node that most machines have not cited for 10 min releases no key.',
  ]) {
    expect(text).toContain(words)
  }
})

test('a production manifest is told apart from a testnet at once', () => {
  const production: Manifest = {
    ...manifest,
    founding: { ...manifest.founding, testnet: false, anchors: [] },
    join: { ...manifest.join, measurements: [] },
  }
  const text = explainManifest(parsed(production)).join('\n')
  expect(text).toContain('It trusts the hardware vendors whose roots are part of the program')
  expect(text).toContain('No software may join: no measurement is named.')
  expect(text).toContain('No machine may found the network.')
})

test('two manifests that differ in a value that people decide are explained differently', () => {
  const variants: Manifest[] = [
    { ...rich, light: { quorum: 9 } },
    { ...rich, committee: { n: 5, r: 0, diversity: 3 } },
    { ...rich, committee: { n: 3, r: 1, diversity: 3 } },
    { ...rich, shareSet: { members: [key], threshold: 1 } },
    { ...rich, join: { ...rich.join, evidenceAgeMs: 1_234 } },
    { ...rich, limits: { ...rich.limits, newIdentitiesPerHour: 5 } },
    { ...rich, liveness: { ...rich.liveness, maxDriftMs: 1_234 } },
    { ...rich, liveness: { ...rich.liveness, citationIntervals: 4 } },
    { ...rich, liveness: { ...rich.liveness, newIntervals: 9 } },
    { ...rich, api: { ...rich.api, guestLoopback: true } },
    { ...rich, pivot: { ...rich.pivot!, args: [] } },
  ]
  const texts = [rich, ...variants].map(each => explainManifest(each).join('\n'))
  expect(new Set(texts).size).toBe(texts.length)
})
