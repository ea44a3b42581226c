/** The routes of light clients: who may ask, what comes through, and what does not. */
import { expect, test } from 'vitest'
import { CoterieError, UsageError } from '../../../src/base/errors.ts'
import { raw, served } from './served.ts'

const nonce = 'ab'.repeat(32)
const digest = 'cd'.repeat(32)
const paths = [
  `/attestation?nonce=${nonce}`,
  '/light/manifest',
  '/light/checkpoint',
  `/light/evidence/${digest}`,
  '/light/proof?key=public%2Fa',
]

test('anybody may ask, without a token and from a page of any origin, and gets bytes', async () => {
  const { url } = await served({ opensToHost: false })
  for (const path of paths) {
    for (const origin of [undefined, 'null', 'https://wallet.example']) {
      const headers = origin === undefined ? {} : { origin }
      const answer = await raw(url, 'GET', path, { headers })
      expect(answer.status, path).toBe(200)
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-type': path === '/light/manifest' ? 'application/json' : 'application/cbor',
      })
    }
  }
})

test('a page of another origin reads errors of these routes, and nothing of any other', async () => {
  const { url } = await served()
  const headers = { origin: 'https://wallet.example' }
  const refused = await raw(url, 'GET', '/attestation', { headers })
  expect(refused.status).toBe(400)
  expect(refused.headers['access-control-allow-origin']).toBe('*')
  for (const path of ['/health', '/v1/status', '/light', '/lightly', '/v1/state/light', '/']) {
    const answer = await raw(url, 'GET', path, { headers })
    expect(answer.status, path).toBe(403)
    expect(answer.headers['access-control-allow-origin'], path).toBeUndefined()
  }
})

test('a name that this server does not go by is refused here too', async () => {
  const { url } = await served()
  for (const path of paths) {
    const answer = await raw(url, 'GET', path, { headers: { host: 'evil.example' } })
    expect([answer.status, answer.json.error.code]).toEqual([421, 'HOST_REFUSED'])
  }
})

test('what is asked for comes through, and nothing that does not fit', async () => {
  const { url } = await served()
  const asked = async (path: string): Promise<string> => {
    const answer = await raw(url, 'GET', path)
    return answer.status === 200 ? answer.text : answer.json.error.code
  }
  expect(await asked(`/attestation?nonce=${nonce}`)).toBe(`attestation ${nonce}`)
  expect(await asked('/light/checkpoint')).toBe('checkpoint 3')
  expect(await asked('/light/checkpoint?cosigners=0')).toBe('checkpoint 0')
  expect(await asked('/light/checkpoint?cosigners=32')).toBe('checkpoint 32')
  expect(await asked('/light/proof?key=a%2Fb&sequence=17')).toBe('proof a/b 17')
  expect(await asked('/light/proof?key=a')).toBe('proof a null')
  expect(await asked(`/light/evidence/${digest}`)).toBe(`evidence ${digest}`)
  const misfits = [
    ...['', `?nonce=${nonce.slice(2)}`, `?nonce=${nonce.toUpperCase()}`, `?nonce=${nonce}&x=1`].map(
      query => `/attestation${query}`,
    ),
    ...['33', '-1', '1e1', '0x1', '', '1.5', '999'].map(n => `/light/checkpoint?cosigners=${n}`),
    ...['', '?key=a&sequence=-1', '?key=a&sequence=1e3', `?key=${'x'.repeat(513)}`].map(
      query => `/light/proof${query}`,
    ),
    '/light/manifest?x=1',
  ]
  for (const path of misfits) expect(await asked(path), path).toBe('BAD_REQUEST')
  for (const wrong of ['zz'.repeat(32), digest.slice(2), digest.toUpperCase(), '%00']) {
    expect(await asked(`/light/evidence/${wrong}`), wrong).toBe('BAD_KEY')
  }
  expect(await asked('/light/evidence/%ff')).toBe('BAD_KEY')
  const written = await raw(url, 'POST', '/light/checkpoint')
  expect([written.status, written.json.error.code]).toEqual([405, 'METHOD_NOT_ALLOWED'])
})

test('a refusal of the node carries its code, its status and the next step', async () => {
  const { url, node } = await served()
  const refusals = [
    [new UsageError('NOT_PUBLIC', 'No.', { next: 'Ask elsewhere.' }), 403],
    [new UsageError('CHECKPOINT_GONE', 'No.', { next: 'Fetch again.' }), 410],
    [new UsageError('EVIDENCE_NOT_HELD', 'No.', { next: 'Fetch again.' }), 404],
    [new CoterieError('NO_CHECKPOINT', 'No.', { next: 'Wait.' }), 503],
    [new CoterieError('TOO_MANY_REQUESTS', 'No.', { next: 'Wait.' }), 429],
  ] as const
  for (const [error, status] of refusals) {
    node.light.failWith = error
    const answer = await raw(url, 'GET', '/light/proof?key=a')
    const { code, next } = error
    expect(answer.status).toBe(status)
    expect(answer.json.error).toMatchObject({ code, next })
  }
})
