/** Commands against a served node, as real processes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { writeRunFile } from '../../../src/host/data-dir.ts'
import { writeKeyFile } from '../../../src/host/key-file.ts'
import { limits } from '../../../src/wire/limits.ts'
import { decodeRemoval } from '../../../src/wire/removal.ts'
import { startCoterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { served } from '../api/served.ts'

const coterie = (args: readonly string[], input = '') => startCoterie(args, { input }).ended

test('state is written, read, listed and deleted, and a missing key ends with 1', async () => {
  const { url, node } = await served()
  expect((await coterie(['state', 'set', 'a/b', 'hello', '--url', url])).out).toBe(
    'ok, held by 1 more\n',
  )
  expect((await coterie(['state', 'get', 'a/b', '--url', url])).out).toBe('hello\n')
  await coterie(['state', 'add', 's', '--file', '-', '--url', url, '--ack', 'local'], 'from stdin')
  expect(node.state.asked.at(-1)?.ack).toBe('local')
  const list = await coterie(['state', 'list', '--url', url, '--json'])
  expect(JSON.parse(list.out).entries).toEqual([
    { kind: 'register', key: 'a/b', value: { text: 'hello' } },
    { kind: 'set', key: 's', elements: [{ text: 'from stdin' }] },
  ])
  expect((await coterie(['state', 'delete', 'a/b', '--url', url])).code).toBe(0)
  expect((await coterie(['state', 'get', 'a/b', '--url', url])).code).toBe(1)
})

test('a file without an end is refused as a value, and none that is as long as a value may be', async () => {
  const { url, node } = await served()
  const endless = ['state', 'set', 'k', '--file', '/dev/zero', '--url', url, '--json']
  const { code, err } = await coterie(endless)
  expect([code, JSON.parse(err).error.code]).toEqual([2, 'FILE_TOO_LARGE'])
  const path = join(temporaryFolder(), 'value')
  writeFileSync(path, Buffer.alloc(limits.stateValueBytesMax, 0xff))
  expect((await coterie(['state', 'set', 'k', '--file', path, '--url', url])).code).toBe(0)
  const lines = Buffer.alloc(limits.stateValueBytesMax, 1).toString('base64')
  const base64 = ['state', 'set', 'l', '--base64', '--file', '-', '--url', url]
  expect((await coterie(base64, `${lines}\n`)).code).toBe(0)
  expect(node.state.get('l')).toMatchObject({ value: new Uint8Array(65_536).fill(1) })
})

test('a counter is counted down and a multi-value register assigned', async () => {
  const { url, node } = await served()
  const written = await Promise.all([
    coterie(['state', 'increment', 'c', '--by', '-5', '--url', url]),
    coterie(['state', 'increment', 'c', '--by', '0.5', '--url', url]),
    coterie(['state', 'assign', 'm', 'one', '--url', url]),
  ])
  expect(written.map(({ code }) => code)).toEqual([0, 2, 0])
  expect(node.state.get('c')).toEqual({ kind: 'counter', key: 'c', value: -5n })
  const read = await Promise.all(
    ['c', 'm'].map(key => coterie(['state', 'get', key, '--url', url])),
  )
  expect(read.map(({ out }) => out)).toEqual(['-5\n', 'one\n'])
})

test('a hostile value cannot move the cursor of whoever lists or watches', async () => {
  const { url, node } = await served()
  await node.state.set('k\u001b[2J', utf8('\u001b]0;owned\u0007\nforged line'))
  const { out } = await coterie(['state', 'list', '--url', url])
  expect(out).not.toContain('\u001b[2J')
  expect(out).not.toContain('\u001b]0')
  expect(out.trimEnd().split('\n')).toHaveLength(1)
})

test('watch prints changes until Ctrl-C, which is no failure', async () => {
  const { url, node } = await served()
  const { child, ended } = startCoterie(['state', 'watch', 'a/', '--json', '--url', url])
  const first = new Promise<string>(resolve =>
    child.stdout.once('data', data => resolve(String(data))),
  )
  while (node.state.watchers === 0) await new Promise(resolve => setImmediate(resolve))
  await node.state.set('b', utf8('no'))
  await node.state.set('a/1', utf8('yes'))
  expect(JSON.parse(await first)).toMatchObject({ key: 'a/1', entry: { value: { text: 'yes' } } })
  child.kill('SIGINT')
  expect((await ended).code).toBe(0)
})

test('a watch whose node stops says so instead of ending as if all were well', async () => {
  const { url, node, stop } = await served()
  const { ended } = startCoterie(['state', 'watch', '--url', url])
  while (node.state.watchers === 0) await new Promise(resolve => setImmediate(resolve))
  await stop()
  const { code, err } = await ended
  expect([code, err]).toEqual([3, expect.stringContaining('STREAM_ENDED')])
})

test('status, members and peers speak plainly and in JSON; a node that is not active ends with 1', async () => {
  const { url, node } = await served()
  const status = await coterie(['status', '--url', url])
  expect([status.code, status.out]).toEqual([0, expect.stringContaining('SIMULATED TEE')])
  const members = await coterie(['members', '--json', '--url', url])
  expect(JSON.parse(members.out).members).toHaveLength(2)
  const why = await coterie(['peers', 'why', '--url', url])
  expect(why.out).toContain('MEASUREMENT_NOT_ACCEPTED')
  expect(why.out).toContain('next: Run what the manifest admits.')
  expect(why.out).toContain('register=MR')
  node.phase = 'alone'
  const alone = await coterie(['status', '--url', url])
  expect([alone.code, alone.out]).toEqual([
    1,
    expect.stringContaining('next: Start another member.'),
  ])
})

test('a warning of the node is in its status and among what doctor finds, with the next step', async () => {
  const { url, node } = await served()
  node.phase = 'alone'
  node.warnings = [{ code: 'CHECKPOINTS_WITHHELD', text: 'No member\u001b[2J has told this node.' }]
  const { out } = await coterie(['status', '--url', url])
  expect(out).toMatch(/warning CHECKPOINTS_WITHHELD: No member\S+ has told this node\./)
  expect(out).not.toContain('\u001b[2J')
  const dataDir = temporaryFolder()
  await writeRunFile(dataDir, { pid: process.pid, node: node.id, http: url, p2p: [] })
  const doctor = await coterie(['doctor', '--json', '--data-dir', dataDir])
  expect(JSON.parse(doctor.out).findings).toContainEqual({
    ...{ name: 'checkpoints-withheld', result: 'warn' },
    ...{ text: expect.stringContaining('has told this node'), next: 'Start another member.' },
  })
})

test('members remove signs with the key file and hands over a certificate', async () => {
  const { url, node } = await served()
  const key = join(temporaryFolder(), 'key.json')
  await writeKeyFile(key, new Secret(new Uint8Array(32).fill(1)))
  const args = ['members', 'remove', node.id, '--key', key, '--url', url, '--json']
  const { code, out } = await coterie(args)
  expect([code, JSON.parse(out)]).toEqual([0, { added: 1, scope: 'identity', id: node.id }])
  expect(decodeRemoval(node.removed[0] as Uint8Array)).toMatchObject({
    kind: 'certificate',
    scope: 'identity',
  })
})

test('a production node tells the operator why the state is closed', async () => {
  const { url } = await served({ opensToHost: false })
  const dataDir = temporaryFolder()
  const { token } = await import('../api/served.ts')
  writeFileSync(join(dataDir, 'api.token'), `${token}\n`, { mode: 0o600 })
  const state = await coterie(['state', 'list', '--url', url, '--data-dir', dataDir])
  expect([state.code, state.err]).toEqual([2, expect.stringContaining('NOT_FOR_THE_HOST')])
  expect((await coterie(['status', '--url', url, '--data-dir', dataDir])).code).toBe(0)
  const without = await coterie(['status', '--url', url])
  expect([without.code, without.err]).toEqual([2, expect.stringContaining('TOKEN_REQUIRED')])
})
