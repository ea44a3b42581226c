/** `coterie start` as a real process: on a testnet of one, and under a production manifest. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ApiClient } from '../../src/api/client.ts'
import { routes } from '../../src/api/contract.ts'
import { active, clientOf, dataDir, started, stopped } from '../fixtures/node-process.ts'

test('a node starts, takes writes, stops on SIGTERM with 0 and leaves no lock, run file or socket', async () => {
  const data = await dataDir('testnet')
  const run = started(data)
  const { http, node } = await run.ready
  const client = clientOf(http, data)
  expect(JSON.parse(readFileSync(join(data, 'run.json'), 'utf8'))).toMatchObject({
    pid: run.child.pid,
    http,
    node,
  })
  for (const name of ['run.json', 'api.token']) {
    expect(statSync(join(data, name)).mode & 0o777, name).toBe(0o600)
  }
  await active(client)
  await expect(client.set('k', { text: 'v' })).rejects.toMatchObject({
    code: 'NO_PEER_TO_ACK',
    status: 503,
  })
  expect(await client.set('k', { text: 'v' }, { ack: 'local' })).toEqual({
    key: 'k',
    acknowledgedBy: 0,
  })
  expect(await client.get('k')).toMatchObject({ value: { text: 'v' } })

  const second = started(data)
  expect(await second.ended).toMatchObject({
    code: 2,
    err: expect.stringContaining('ALREADY_RUNNING'),
  })
  expect(await client.get('k')).toMatchObject({ value: { text: 'v' } })

  expect(await stopped(run)).toBe(0)
  expect(readdirSync(data).sort()).toEqual([
    'api.token',
    'audit',
    'cache',
    'config.json',
    'machine.json',
    'manifest.json',
  ])
  await expect(client.health()).rejects.toMatchObject({ code: 'NOT_RUNNING' })
})

test('an open watch does not hold a stop up, and a killed node is healed by the next start', async () => {
  const data = await dataDir('testnet')
  const first = started(data)
  const { http, node } = await first.ready
  const client = clientOf(http, data)
  await active(client)
  const watching = client
    .watch({})
    .next()
    .catch(error => error.code)
  await client.set('k', { text: 'v' }, { ack: 'local' })
  await watching
  first.child.kill('SIGKILL')
  await first.ended
  expect(readdirSync(data)).toContain('LOCK')

  const again = started(data)
  const next = await again.ready
  expect(next.node).not.toBe(node)
  const open = clientOf(next.http, data)
    .watch({})
    .next()
    .catch(() => undefined)
  expect(await stopped(again)).toBe(0)
  await open
})

test('under a production manifest the host gets status with its token, and nothing of the state', async () => {
  const data = await dataDir('production')
  const founding = await started(data).ended
  expect(founding).toMatchObject({ code: 2, err: expect.stringContaining('FOUNDING_NOT_ALLOWED') })
  const run = started(data, { flags: ['--found', 'false'] })
  const { http } = await run.ready
  const client = clientOf(http, data)
  const status = await client.status()
  expect(status).toMatchObject({ testnet: false, tee: 'simulated' })
  expect(status.phase).not.toBe('active')
  await expect(new ApiClient({ url: http }).status()).rejects.toMatchObject({
    code: 'TOKEN_REQUIRED',
  })
  const calls = [
    client.list({}),
    client.get('k'),
    client.prove('k'),
    client.set('k', { text: 'v' }),
    client.delete('k'),
    client.add('k', { text: 'v' }),
    client.removeElement('k', { text: 'v' }),
    client.assign('k', { text: 'v' }),
    client.increment('k', 1),
    client.watch({}).next(),
  ]
  expect(calls).toHaveLength(
    Object.values(routes).filter(({ access }) => access === 'state').length,
  )
  const outcomes = await Promise.allSettled(calls)
  const refused = { status: 'rejected', reason: { code: 'NOT_FOR_THE_HOST', status: 403 } }
  expect(outcomes).toMatchObject(calls.map(() => refused))
  expect(await stopped(run)).toBe(0)
})

test('with the inspector open a production node refuses to start', async () => {
  const data = await dataDir('production')
  const run = started(data, { node: ['--inspect=127.0.0.1:0'] })
  expect(await run.ended).toMatchObject({ code: 2, err: expect.stringContaining('INSPECTOR_OPEN') })
})

test('a busy port and an open directory are said before any key is made', async () => {
  const data = await dataDir('testnet')
  const first = started(data)
  const { http } = await first.ready
  const other = await dataDir('testnet')
  const busy = await started(other, { flags: ['--http-port', new URL(http).port] }).ended
  expect(busy).toMatchObject({ code: 2, err: expect.stringContaining('PORT_IN_USE') })
  expect(busy.err).toContain(new URL(http).port)
  expect(readdirSync(other)).not.toContain('LOCK')
  expect(await stopped(first)).toBe(0)
})
