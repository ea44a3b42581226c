/** The door of threshold signing: who gets in, in which form, how often, and how it says no. */
import { expect, test } from 'vitest'
import { signingRoutes } from '../../../src/api/signing-contract.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { raw, served, token } from './served.ts'

const json = { 'content-type': 'application/json' }
const groups = '/v1/signing/groups'

test('outside a testnet no route of signing answers from the host, with a token or without', async () => {
  const { url, node } = await served({ opensToHost: false })
  for (const { method, path } of Object.values(signingRoutes)) {
    for (const headers of [json, { ...json, authorization: `Bearer ${token}` }]) {
      const body = method === 'GET' ? {} : { body: '{}' }
      const target = path.replace(':key', node.signing.group.group)
      const answer = await raw(url, method, target, { headers, ...body })
      expect([answer.status, answer.json.error.code]).toEqual([403, 'NOT_FOR_THE_HOST'])
      expect(answer.json.error.next).toContain('.signing')
    }
  }
  expect([...node.signing.made, ...node.signing.reshared, ...node.signing.signed]).toEqual([])
})

test('a group is made, listed, handed on and signs, with bytes as values and keys in hexadecimal', async () => {
  const { client, node } = await served()
  const { group, signers } = node.signing.group
  const made = await client.makeGroup({ suite: 'ed25519', threshold: 2, locks: true })
  expect(node.signing.made).toEqual([
    { suite: 'ed25519', threshold: 2, clonesMax: 0, locks: true, purpose: '' },
  ])
  expect(made).toMatchObject({ group, publicKey: '07'.repeat(32) })
  expect(await client.signingGroups()).toEqual([made])
  const after = { signers: signers.map(({ node: name }) => name), threshold: 3 }
  expect(await client.reshareGroup(group, after)).toMatchObject({ epoch: 2 })
  expect(node.signing.reshared).toEqual([after])
  const asked = { message: { text: 'pay' }, lock: { base64: '/w==' }, publicKey: '07' }
  const answer = await client.signByGroup(group, asked)
  expect(answer).toMatchObject({ signature: '09'.repeat(64), publicKey: '07'.repeat(32), group })
  const [message, lock, publicKey] = [utf8('pay'), Uint8Array.of(255), Uint8Array.of(7)]
  expect(node.signing.signed).toEqual([{ group, message, lock, publicKey, caller: 'door/http' }])
})

test('what does not fit is turned away with its place, and an unknown group with the next step', async () => {
  const { url, node } = await served()
  const sign = `${groups}/${'ab'.repeat(32)}/sign`
  const ask = async (path: string, body: string) => {
    const answer = await raw(url, 'POST', path, { headers: json, body })
    return { status: answer.status, ...answer.json.error }
  }
  for (const [path, body, place] of [
    [sign, '{"message":"pay"}', 'message'],
    [sign, '{"message":{"text":"pay"},"publicKey":"0"}', 'publicKey'],
    [groups, '{"suite":"rsa","threshold":2,"locks":true}', 'suite'],
    [groups, '{"suite":"ed25519","threshold":1,"locks":true}', 'threshold'],
    [`${sign.slice(0, -5)}/reshare`, '{"signers":["a"],"threshold":2}', 'signers'],
  ] as const) {
    const refused = await ask(path, body)
    expect([refused.status, refused.code, refused.next]).toEqual([
      400,
      'BAD_BODY',
      expect.stringContaining(place),
    ])
  }
  const unknown = await ask(sign, '{"message":{"text":"pay"}}')
  expect([unknown.status, unknown.code, unknown.next]).toEqual([
    404,
    'GROUP_UNKNOWN',
    expect.stringContaining('signers'),
  ])
  expect(node.signing.signed).toEqual([])
})

test('more ceremonies than a node begins are put off, and do not stand in the way of signatures', async () => {
  const { url, node } = await served()
  const { group } = node.signing.group
  const body = '{"suite":"ed25519","threshold":2,"locks":true}'
  // All at once: a slow machine must not give the budget time to fill again.
  const asked = Array.from({ length: 20 }, () => raw(url, 'POST', groups, { headers: json, body }))
  const codes = new Set((await Promise.all(asked)).map(({ status }) => status))
  expect([...codes].toSorted()).toEqual([200, 429])
  expect(node.signing.made.length).toBeLessThan(20)
  const sign = { headers: json, body: '{"message":{"text":"pay"}}' }
  expect((await raw(url, 'POST', `${groups}/${group}/sign`, sign)).status).toBe(200)
})
