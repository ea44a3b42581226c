/** Sealed calls over whole nodes: what listed clients get, and what nobody else learns. */
import { expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { milliseconds, minutes, seconds } from '../../../src/base/time.ts'
import type { CallRequest } from '../../../src/light/caller.ts'
import {
  type ChannelOffer,
  channelOfferCodec,
  offerMessage,
} from '../../../src/wire/channel-offer.ts'
import type { SimulatedNode } from '../../fakes/simulation.ts'
import { ChannelWorld, callerKey, callerSeed, listed } from '../../fixtures/channel-world.ts'
import { nextManifest } from '../../fixtures/network.ts'

const set = (key: string, text: string) => ({
  method: 'PUT' as const,
  path: `/v1/state/${encodeURIComponent(key)}?ack=local`,
  body: utf8(JSON.stringify({ text })),
})
const get = (key: string) => ({
  method: 'GET' as const,
  path: `/v1/state/${encodeURIComponent(key)}`,
})

test('a listed client writes and reads a private value, and the host sees neither name nor value', async () => {
  const world = await ChannelWorld.make()
  expect(JSON.parse(await world.outcome(set('team/plan', 'attack at dawn')))).toMatchObject({
    key: 'team/plan',
  })
  const { status, type, body, node, source } = await world.call(get('team/plan'))
  expect([status, type, source]).toEqual([200, 'application/json; charset=utf-8', world.origin(0)])
  expect(JSON.parse(fromUtf8(body) ?? '')).toEqual({
    kind: 'register',
    key: 'team/plan',
    value: { text: 'attack at dawn' },
  })
  expect(node).toBe(world.nodes[0]?.node.id)
  for (const { request, answer } of world.sealed) {
    for (const bytes of [request, answer]) {
      expect(Buffer.from(bytes).toString('latin1')).not.toMatch(/plan|attack|dawn|state/)
    }
  }
  await world.simulation.stop()
})

const list = (query: string) => ({ method: 'GET' as const, path: `/v1/state${query}` })
const element = (method: 'POST' | 'DELETE', key: string) => ({
  method,
  path: `/v1/state/${encodeURIComponent(key)}/elements?ack=local`,
  body: utf8('{"text":"x"}'),
})
const rows: readonly (readonly [string, CallRequest, string])[] = [
  ['reader', get('team/plan'), 'kept'],
  ['reader', get('teams'), 'OUTSIDE_PREFIXES'],
  ['reader', get('secret/other'), 'OUTSIDE_PREFIXES'],
  [
    'reader',
    { ...get('secret/other'), path: '/v1/state/secret%2Fother/proof' },
    'OUTSIDE_PREFIXES',
  ],
  ['reader', { ...get('team/plan'), path: '/v1/state/team%2Fplan/proof' }, 'NOT_PUBLIC'],
  ['reader', list('?prefix=team%2F'), 'kept'],
  ['reader', list(''), 'OUTSIDE_PREFIXES'],
  ['reader', list('?prefix=tea'), 'OUTSIDE_PREFIXES'],
  ['reader', list('?prefix=team%2F&after=secret'), 'kept'],
  ['reader', set('team/plan', 'x'), 'NO_RIGHT'],
  ['reader', { method: 'DELETE', path: '/v1/state/team%2Fplan' }, 'NO_RIGHT'],
  ['reader', element('POST', 'team/names'), 'NO_RIGHT'],
  ['writer', get('team/plan'), 'NO_RIGHT'],
  ['writer', list('?prefix=team%2F'), 'NO_RIGHT'],
  ['writer', set('team/plan', 'x'), 'team/plan'],
  ['writer', set('secret/other', 'x'), 'OUTSIDE_PREFIXES'],
  ['writer', element('DELETE', 'secret/other'), 'OUTSIDE_PREFIXES'],
  ['writer', element('POST', 'team/names'), 'team/names'],
  ['nobody', get('team/plan'), 'NO_RIGHT'],
  ['wallet', get('team/plan'), '"x"'],
  ['wallet', get('team/nothing'), 'NOT_FOUND'],
  // The node is the writer, and its own rules hold.
  ['wallet', set('own/12D3KooWsomebody', 'x'), 'NOT_YOURS'],
  ['wallet', { ...set('team/plan', 'x'), body: utf8('{') }, 'BAD_BODY'],
  ['wallet', { ...set('team/plan', 'x'), type: 'text/plain' }, 'JSON_REQUIRED'],
  ['wallet', { ...get('team/plan'), body: utf8('{}') }, 'BAD_REQUEST'],
  ['wallet', { method: 'GET', path: '/v1/state-watch?prefix=team%2F' }, 'NOT_SEALED'],
  ['wallet', { method: 'GET', path: '/v1/status' }, 'NOT_FOUND'],
  ['wallet', { method: 'POST', path: '/v1/leave' }, 'NOT_FOUND'],
  ['wallet', { method: 'GET', path: '/light/channel' }, 'NOT_FOUND'],
  ['wallet', { method: 'GET', path: '/v1/../v1/members' }, 'NOT_FOUND'],
]

test('rights and prefixes of the manifest hold for every route, and a refusal comes sealed with its code', async () => {
  const world = await ChannelWorld.make({
    clients: [
      listed('reader', { rights: ['read'] }),
      listed('writer', { rights: ['write'] }),
      listed('nobody', { rights: [] }),
      listed('wallet', { prefixes: ['team/', 'own'] }),
    ],
  })
  const { node } = world.nodes[0] as SimulatedNode
  for (const key of ['team/plan', 'teams', 'secret/other']) {
    await world.simulation.settle(node.state.set(key, utf8('kept'), { ack: 'local' }))
  }
  for (const [as, request, wanted] of rows) {
    await world.pass(milliseconds(200))
    expect(
      await world.outcome(request, { as }),
      `${as} ${request.method} ${request.path}`,
    ).toContain(wanted)
  }
  // Whatever became of it, the host saw the same: 200 and one of few sizes.
  expect(new Set(world.sealed.map(({ status }) => status))).toEqual(new Set([200]))
  expect(new Set(world.sealed.map(({ request }) => request.length)).size).toBe(1)
  await world.simulation.stop()
})

test('a host that repeats, delays, swaps or forges gets nothing done and nothing believed', async () => {
  const world = await ChannelWorld.make()
  await world.outcome(set('team/n', 'one'))
  const [first] = world.sealed
  if (first === undefined) throw new Error('one was carried')
  // Later, at the other node, and by whoever recorded it.
  await world.outcome(set('team/n', 'two'))
  for (const which of [0, 1]) {
    expect((await world.post(first.request, which)).status).toBe(403)
  }
  expect(await world.outcome(get('team/n'))).toContain('two')
  // Held back on the way: the client waits, the node refuses what is dead.
  world.bends.before = async path => {
    if (path === '/light/sealed') await world.simulation.time.advance(seconds(31))
  }
  expect(await world.outcome(set('team/n', 'late'))).toBe('CALL_NOT_ANSWERED')
  world.bends = {}
  await world.pass(seconds(3))
  expect(await world.outcome(get('team/n'))).toContain('two')
  // The answer to another call, an older one of the same question, and one from elsewhere.
  const answers = world.sealed.filter(({ status }) => status === 200).map(({ answer }) => answer)
  for (const old of answers) {
    world.bends.answer = (path, honest) => (path === '/light/sealed' ? old : honest)
    expect(await world.outcome(get('team/n'))).toBe('ANSWER_FORGED')
  }
  world.bends = { answer: (path, honest) => (path === '/light/sealed' ? utf8('{}') : honest) }
  expect(await world.outcome(get('team/n'))).toBe('ANSWER_FORGED')
  await world.simulation.stop()
})

test('a subkey of another node, of an hour ago or of the host itself is not spoken to', async () => {
  const world = await ChannelWorld.make()
  const old = world.nodes[0]?.node.channel.offer() ?? new Uint8Array()
  const sealedBefore = (): number => world.sealed.length
  const refused = async (wanted: string): Promise<void> => {
    const before = sealedBefore()
    expect(await world.outcome(get('team/n'), { source: world.origin(0) })).toBe(wanted)
    expect(sealedBefore()).toBe(before)
  }
  const to = (i: number) => (origin: string, path: string) =>
    path === '/light/channel' ? world.origin(i) : origin
  world.bends = { route: to(1) }
  await refused('OFFER_FORGED')
  const [own, fake] = [channelOfferCodec.decode(old), callerKey('host')]
  const forge = (change: Partial<ChannelOffer>, signer = fake): Uint8Array => {
    const unsigned = { ...own, ...change }
    const signature = signer.sign(offerMessage(world.fixture.network, unsigned))
    return channelOfferCodec.encode({ ...unsigned, signature })
  }
  const answers: readonly (readonly [Uint8Array, string])[] = [
    [forge({ subkey: new Uint8Array(1_216).fill(1) }), 'OFFER_FORGED'],
    [forge({ node: fake.publicKey }), 'OFFER_FORGED'],
    [old.subarray(0, 100), 'NO_OFFER'],
    [utf8('{}'), 'NO_OFFER'],
  ]
  for (const [bytes, wanted] of answers) {
    world.bends = { answer: (path, honest) => (path === '/light/channel' ? bytes : honest) }
    await refused(wanted)
  }
  world.bends = {}
  await world.pass(minutes(62))
  world.bends = { answer: (path, honest) => (path === '/light/channel' ? old : honest) }
  await refused('OFFER_EXPIRED')
  world.bends = {}
  expect(await world.outcome(get('team/n'))).toBe('NOT_FOUND')
  await world.simulation.stop()
}, 240_000)

test('nothing is sent by who is not listed, to a node that is not fresh, or by a clock that is wrong', async () => {
  const world = await ChannelWorld.make()
  expect(await world.outcome(get('team/n'), { as: 'stranger' })).toBe('CLIENT_NOT_LISTED')
  expect(await world.outcome(get('team/n'), { source: 'http://127.0.0.1:1' })).toBe(
    'SOURCE_UNKNOWN',
  )
  expect(await world.outcome({ method: 'GET', path: 'v1/state' })).toBe('BAD_CALL')
  expect(await world.outcome({ ...set('k', 'v'), body: new Uint8Array(256 * 1_024) })).toBe(
    'BAD_CALL',
  )
  for (const skew of [-40_000, 40_000]) {
    world.clientSkew = skew
    expect(await world.outcome(get('team/n'))).toBe('NODE_NOT_FRESH')
  }
  world.clientSkew = 0
  // The host shows another machine's evidence, or a checkpoint that nobody signed.
  world.bends = {
    answer: (path, honest) =>
      path.startsWith('/attestation') ? honest.with(700, (honest[700] ?? 0) ^ 1) : honest,
  }
  expect(await world.outcome(get('team/n'))).toBe('NODE_NOT_TRUSTED')
  // Alone, cut off from the others: what it says may be the past.
  world.bends = {}
  await world.simulation.settle(world.nodes[1]?.crash() ?? Promise.resolve())
  await world.pass(seconds(40))
  expect(await world.outcome(get('team/n'), { client: await world.client(0) })).toBe(
    'NODE_NOT_FRESH',
  )
  expect(world.sealed).toEqual([])
  await world.simulation.stop()
})

test('a client that a newer manifest leaves out is refused by the node, whatever it still believes', async () => {
  const world = await ChannelWorld.make()
  // It looks by the manifest of before, as a host shows it.
  const before = world.fixture.envelopeBytes
  world.bends = { answer: (path, honest) => (path === '/light/manifest' ? before : honest) }
  expect(await world.outcome(set('team/n', 'one'))).toContain('team/n')
  const next = nextManifest(world.fixture, manifest => ({
    ...manifest,
    api: { ...manifest.api, clients: [listed('other')] },
  }))
  for (const { node } of world.nodes) node.applyManifest(next.envelopeBytes)
  await world.pass(seconds(5))
  expect(await world.outcome(get('team/n'))).toBe('CALL_NOT_ANSWERED')
  expect(world.sealed.at(-1)?.status).toBe(403)
  // Shown the newer one, it sends nothing.
  world.bends = {}
  expect(await world.outcome(get('team/n'))).toBe('CLIENT_NOT_LISTED')
  expect(await world.outcome(get('team/n'), { as: 'other' })).toContain('one')
  await world.simulation.stop()
})

test('neither logs, metrics, errors nor what travels show a key, a value or a secret of a call', async () => {
  const world = await ChannelWorld.make()
  const secret = 'the-plan-is-to-attack'
  await world.outcome(set('team/codename', secret))
  await world.outcome(get('team/codename'))
  await world.outcome(get('hidden/codename'))
  await world.outcome({ ...set('team/codename', secret), body: utf8(`{"text": ${secret}`) })
  const refused = await world.post(world.sealed[0]?.request ?? new Uint8Array())
  const { node } = world.nodes[0] as SimulatedNode
  const seed = callerKey('wallet')
  const told = [
    ...world.logged,
    JSON.stringify(node.metrics()),
    JSON.stringify(node.status()),
    JSON.stringify(seed),
    Buffer.from(refused.body).toString('latin1'),
    ...world.carried.flatMap(({ path, request, answer }) => [
      path,
      Buffer.from(request).toString('latin1'),
      Buffer.from(answer).toString('latin1'),
    ]),
  ].join('\n')
  expect(told.length).toBeGreaterThan(10_000)
  for (const word of [secret, 'codename', 'hidden', callerSeed('wallet')]) {
    expect(told).not.toContain(word)
  }
  await world.simulation.stop()
})
