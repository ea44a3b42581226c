/** One exchange for each route: shown in the OpenAPI document, and held against the shapes by a test. */
import type { RouteName } from './contract.ts'

/** What goes in and what comes out, as JSON; a route that streams has the data of one event as its answer. */
export interface RouteExample {
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly answer: unknown
}

const node = '12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust'
const other = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const digest = 'c0'.repeat(32)
const receipt = { key: 'team/motd', acknowledgedBy: 1 }
const ban = {
  subject: other,
  scope: 'identity',
  code: 'BY_HAND',
  reason: 'floods us',
  count: 0,
  until: '2030-01-01T01:00:00.000Z',
}
const greeting = { kind: 'register', key: 'team/motd', value: { text: 'hello' } }

/** Of a network that holds the greeting and nothing else. */
const proof = {
  key: 'team/motd',
  root: '6465ef49f3029ffb78fdb7e522d730b38bf412adf3c7e1f82fe0eaa0fb4b5fbe',
  proof:
    'AQF96/7lRYbb2WToQ/cNrh8ncNtwyiFJwK4zw5eclptHzgACAQAAAAGhmY5EAAAAAAAAAAAAXtC3LWbGdJ7TTrHTTJCVkvRUYMl50XK6PKtGjv1kjhoBAAAAAaGZjkQAAAAAAAAAAABo0mwHxo/WHTqnTQfR+1l7YEcoRgT/Ty6d0hjYQxp7RwVoZWxsbwAA',
}

const status = {
  node,
  network: digest,
  networkName: 'orchard',
  testnet: true,
  tee: 'simulated',
  phase: 'active',
  next: '',
  version: '0.1.0',
  addresses: [`/ip4/127.0.0.1/tcp/9600/p2p/${node}`],
  listening: ['/ip4/127.0.0.1/tcp/40123'],
  manifest: { nonce: 1, hash: digest },
  measurements: [
    { name: 'node-1', validUntil: '2027-01-01T00:00:00Z', members: 4, share: 0.8 },
    { name: 'node-2', validUntil: '2028-01-01T00:00:00Z', members: 1, share: 0.2 },
  ],
  members: { active: 5, live: 5, known: 5 },
  state: {
    root: digest,
    entries: 12,
    delivered: 340,
    writesPerSecond: 1.5,
    deliveriesPerSecond: 6.2,
  },
  keys: { traffic: 1, storage: 1, commit: 1 },
  removals: { count: 0, digest },
  quorumKey: {
    phase: 'ApplicationReady',
    fingerprint: '5d'.repeat(32),
    namespace: { name: 'payouts', nonce: 1 },
    shares: null,
  },
  lease: { state: 'held', until: '2026-11-21T12:10:00.000Z', instances: 5, citing: 5 },
  warnings: [],
  uptimeSeconds: 3600,
}

const members = {
  members: [
    {
      node,
      phase: 'active',
      state: 'alive',
      platform: 'simulated',
      instance: digest,
      measurement: 'node-1',
      owner: null,
      verdictExpiresAt: '2030-01-01T00:00:00.000Z',
      isFresh: true,
      vouchedBy: [],
      cause: null,
      phi: null,
      connected: true,
      self: true,
    },
  ],
}

const spans = { boundsMs: [1, 10, 100], counts: [120, 14, 2, 0] }
const look = {
  at: '2026-11-21T12:00:00.000Z',
  status,
  ...members,
  vitals: {
    uptimeMs: 3_600_000,
    members: [{ node: other, beatAgesMs: [1_502, 501], root: digest, apartMs: 0 }],
    writes: spans,
    appraisals: spans,
    trafficKey: digest,
  },
  refusals: null,
  events: null,
  desk: null,
}

const group = {
  ...{ group: digest, suite: 'ed25519', epoch: 1, threshold: 2, clonesMax: 0, locks: true },
  publicKey: 'd7'.repeat(32),
  signers: [
    { node, instance: digest },
    { node: other, instance: 'c1'.repeat(32) },
  ],
  ...{ purpose: 'payouts', isSigner: true },
}

export const routeExamples: Readonly<Record<RouteName, RouteExample>> = {
  health: {
    answer: {
      ...{ ok: true, phase: 'active', testnet: true, tee: 'simulated' },
      custody: 'ApplicationReady',
    },
  },
  live: { answer: { ok: true, checks: [] } },
  startup: { answer: { ok: true, checks: [] } },
  logLevel: { answer: { level: 'info' } },
  setLogLevel: { body: { level: 'debug' }, answer: { level: 'debug' } },
  ready: { answer: { ok: true, checks: [{ name: 'active', ok: true, detail: 'active' }] } },
  openapi: { answer: { openapi: '3.1.1', paths: {} } },
  attestation: { query: { nonce: digest }, answer: 'pgABAVgg…' },
  lightManifest: { answer: 'eyJlbnZlbG9wZXMiOls…' },
  lightCheckpoint: { query: { cosigners: '3' }, answer: 'pAABAVkBd…' },
  lightEvidence: { key: digest, answer: 'owABAYNYIA…' },
  lightProof: { query: { key: 'team/motd' }, answer: 'pAABAQ5YIM…' },
  lightChannel: { answer: 'pQABAVggJ…' },
  lightSealed: { body: 'pAABAVgg…', answer: 'pAABAVgg…' },
  signingGroups: { answer: { groups: [group] } },
  makeGroup: {
    body: {
      suite: 'ed25519',
      threshold: 2,
      locks: true,
      signers: [node, other],
      purpose: 'payouts',
    },
    answer: group,
  },
  reshareGroup: {
    key: digest,
    body: { signers: [node, other], threshold: 2 },
    answer: { ...group, group: 'c2'.repeat(32), epoch: 2 },
  },
  signByGroup: {
    key: digest,
    body: { message: { text: 'pay 5 to ada' }, lock: { text: 'payment 17' } },
    answer: {
      ...{ signature: 'e5'.repeat(64), publicKey: 'd7'.repeat(32) },
      ...{ suite: 'ed25519', group: digest, epoch: 1 },
    },
  },
  metrics: { answer: '# TYPE coterie_replica_entries gauge\ncoterie_replica_entries 12\n' },
  look: { answer: look },
  status: {
    answer: status,
  },
  members: {
    answer: members,
  },
  peers: {
    answer: {
      peers: [
        {
          node: other,
          address: '/ip4/127.0.0.1/tcp/9601',
          direction: 'out',
          verdict: 'trusted (testnet)',
          measurement: 'node-1',
        },
      ],
    },
  },
  refusals: {
    answer: {
      refusals: [
        {
          at: '2030-01-01T00:00:00.000Z',
          by: 'me',
          node: other,
          address: '/ip4/127.0.0.1/tcp/9602',
          code: 'MEASUREMENT_MISMATCH',
          facts: { register: 'MR', offered: 'a4…' },
          count: 3,
          next: 'Run a build that the manifest admits on the refused machine.',
        },
      ],
    },
  },
  events: {
    answer: {
      at: '2030-01-01T00:00:00.000Z',
      kind: 'connected',
      text: 'a member connected',
      facts: { node: other, direction: 'out' },
    },
  },
  bans: { answer: { bans: [ban] } },
  ban: { body: { subject: other, seconds: 3600, reason: 'floods us' }, answer: ban },
  unban: { body: { subject: other }, answer: { lifted: true } },
  removals: { body: { items: ['o2FhAQ=='] }, answer: { added: 1 } },
  manifest: { answer: { file: 'e30=' } },
  applyManifest: { body: { file: 'e30=' }, answer: { changed: true, nonce: 4, hash: digest } },
  audit: { answer: 'Y290ZXJpZS1hdWRpdC8xCg…' },
  leave: { answer: { drained: true } },
  list: { query: { prefix: 'team/', limit: '2' }, answer: { entries: [greeting], after: null } },
  get: { key: 'team/motd', answer: greeting },
  prove: { key: 'team/motd', answer: proof },
  set: {
    key: 'team/motd',
    query: { ack: 'majority' },
    body: { text: 'hello' },
    answer: { ...receipt, acknowledgedBy: 2 },
  },
  delete: { key: 'team/motd', answer: receipt },
  add: {
    key: 'team/names',
    body: { text: 'ada' },
    answer: { ...receipt, key: 'team/names' },
  },
  remove: {
    key: 'team/names',
    body: { text: 'ada' },
    answer: { ...receipt, key: 'team/names' },
  },
  assign: {
    key: 'team/topic',
    body: { text: 'release' },
    answer: { ...receipt, key: 'team/topic' },
  },
  increment: { key: 'team/hits', body: { by: 5 }, answer: { ...receipt, key: 'team/hits' } },
  watch: {
    query: { prefix: 'team/' },
    answer: { cursor: '5f0c2a9be1d34c77.12', key: 'team/motd', entry: greeting },
  },
}
