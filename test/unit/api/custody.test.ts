/** The door of custody: who gets in, in which form, how often, and how it says no. */
import { expect, test } from 'vitest'
import { custodyRoutes } from '../../../src/api/custody-contract.ts'
import { custodyErrorShape, custodyInfoShape } from '../../../src/api/custody-shapes.ts'
import { misfits } from '../../fixtures/documented.ts'
import { raw, served, token } from './served.ts'

const rows = Object.entries(custodyRoutes)
const json = { 'content-type': 'application/json' }
const words = { seed_type: 'a', seed_data: 'b' }

test('outside a testnet no route of custody answers from the host, with a token or without, and each says what to use', async () => {
  const { url, node } = await served({ opensToHost: false })
  for (const [name, { method, path }] of rows) {
    for (const headers of [json, { ...json, authorization: `Bearer ${token}` }]) {
      const body = method === 'GET' ? undefined : '{}'
      const answer = await raw(url, method, path, { headers, ...(body && { body }) })
      const { code, next } = answer.json
      expect([answer.status, code], name).toEqual([403, 'NOT_FOR_THE_HOST'])
      expect(next).toContain('createNode(…).custody')
    }
  }
  expect(node.custody.asked).toEqual([])
})

test('what says no speaks the language of the tools, with a code and a next step', async () => {
  const { url } = await served()
  const body = JSON.stringify(words)
  const refused = await raw(url, 'POST', '/generate-seed', { headers: json, body })
  expect(custodyErrorShape.parse(refused.json)).toMatchObject({ code: 'WRONG_PHASE' })
  expect([refused.status, refused.json.next]).toEqual([409, 'Boot the node.'])
  const other = await raw(url, 'GET', '/generate-seed')
  expect([other.status, other.json.code]).toEqual([405, 'METHOD_NOT_ALLOWED'])
})

test('what the document says of these routes is what they answer, in plain on a testnet and where they are closed', async () => {
  for (const opensToHost of [true, false]) {
    const { url } = await served({ opensToHost })
    const statuses = new Map<string, number>()
    for (const [name, { method, path }] of rows) {
      const isAsked = method === 'POST'
      const body = isAsked ? '{}' : undefined
      const asked = await raw(url, method, path, { headers: json, ...(body && { body }) })
      const exchange = { method, path, status: asked.status, answer: asked.json }
      expect(misfits({ ...exchange, ...(isAsked && { body: {} }) }), name).toEqual([])
      statuses.set(name, asked.status)
    }
    const closed = new Map([...statuses.keys()].map(name => [name, 403]))
    if (opensToHost) expect(statuses).not.toEqual(closed)
    else expect(statuses).toEqual(closed)
  }
})

test('an exchange that is not as the document says would be found', () => {
  const asked = { method: 'POST', path: '/validate-seed', body: { seed_phrase: 'a' } }
  const answer = { valid: false, word_count: 1 }
  expect(misfits({ ...asked, status: 200, answer })).toEqual([])
  for (const wrong of [
    { ...asked, status: 200, answer: { valid: 'no', word_count: 1 } },
    { ...asked, status: 200, answer, body: { seed_phrase: [1] } },
    { ...asked, status: 403, answer: { error: { code: 'NOT_FOR_THE_HOST' } } },
    { ...asked, status: 200, answer, path: '/store-data' },
  ]) {
    expect(misfits(wrong)).toHaveLength(1)
  }
  const key = { method: 'POST', path: '/derive-key', body: { path: 'a' }, status: 200 }
  expect(misfits({ ...key, answer: { path: 'a', key: [0, 255] } })).toEqual([])
  expect(misfits({ ...key, answer: { path: 'a', key: [256] } })).toHaveLength(1)
})

test('a foreign name, a form and what does not fit are turned away before custody hears of them', async () => {
  const { url, node } = await served()
  const body = JSON.stringify(words)
  const ask = async (headers: Record<string, string>, sent: string) => {
    const answer = await raw(url, 'POST', '/generate-seed', { headers, body: sent })
    return [answer.status, answer.json.code]
  }
  expect(await ask({ ...json, host: 'rebound.example' }, body)).toEqual([421, 'HOST_REFUSED'])
  expect(await ask({ ...json, origin: 'http://page.example' }, body)).toEqual([
    403,
    'ORIGIN_REFUSED',
  ])
  for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
    expect(await ask({ 'content-type': type }, body)).toEqual([415, 'JSON_REQUIRED'])
  }
  expect(await ask(json, '{"seed_type":"a","seed_data":7}')).toEqual([422, 'BAD_BODY'])
  expect(await ask(json, '{"seed_type":"a"}')).toEqual([422, 'BAD_BODY'])
  expect(node.custody.asked).toEqual([])
})

test('more ceremonies than a node takes are put off, and do not stand in the way of uses', async () => {
  const { url, node } = await served()
  const codes = new Map<string, number>()
  for (let asked = 0; asked < 60; asked++) {
    const { json: answer } = await raw(url, 'POST', '/enclave/generate-attestation', {
      headers: json,
      body: '{}',
    })
    codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1)
  }
  expect([...codes.keys()].sort()).toEqual(['TOO_MANY_REQUESTS', 'WRONG_PHASE'])
  expect(node.custody.asked.length).toBe(codes.get('WRONG_PHASE'))
  const body = JSON.stringify(words)
  const use = await raw(url, 'POST', '/generate-seed', { headers: json, body })
  expect(use.json.code).toBe('WRONG_PHASE')
})

test('both forms of a genesis reach custody, and arguments of no application do not', async () => {
  const { url, node } = await served()
  const members = [1, 2, 3].map(i => ({ key: new Array(130).fill(i), name: `member${i}` }))
  const named = { namespace_name: 'qos-namespace', namespace_nonce: 12345 }
  const flat = members.map(({ key, name }) => ({ alias: name, pub_key: key }))
  const ofCode = {
    ...named,
    manifest_members: flat,
    manifest_threshold: 2,
    share_members: flat,
    share_threshold: 2,
    pivot_hash: new Array(32).fill(0),
    pivot_args: [],
    dr_key: null,
  }
  const ofDocs = {
    type: 'ACTIVITY_TYPE_GENESIS_BOOT_V2',
    timestampMs: '1',
    organizationId: 'o',
    parameters: {
      ...named,
      pivot: { hash: new Array(32).fill(0), args: [] },
      manifest_members: members.map(({ key, name }) => ({ member_alias: name, pub_key: key })),
      threshold: 2,
    },
  }
  const boot = (body: unknown) =>
    raw(url, 'POST', '/enclave/genesis-boot', { headers: json, body: JSON.stringify(body) })
  for (const form of [ofCode, ofDocs]) expect((await boot(form)).json.code).toBe('WRONG_PHASE')
  expect(node.custody.terms[1]).toEqual(node.custody.terms[0])
  expect(node.custody.terms[0]).toMatchObject({
    pivot: null,
    manifestSet: { threshold: 2, members: [{ alias: 'member1' }, {}, {}] },
  })
  expect((await boot({ ...ofCode, pivot_args: ['--now'] })).json.code).toBe('BAD_BODY')
  expect((await boot({ ...ofCode, dr_key: [1] })).json.code).toBe('BAD_BODY')
  expect(node.custody.terms).toHaveLength(2)
})

test('how far a ceremony is can be asked at any time', async () => {
  const { url } = await served()
  const { status, json: info } = await raw(url, 'GET', '/enclave/info')
  expect([status, custodyInfoShape.parse(info).phase]).toEqual([200, 'WaitingForBootInstruction'])
})
