/** `coterie signing …` and `coterie sign` against a served node. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { served } from '../api/served.ts'

test('a group is made by ends of node ids, shown in a table, and handed on, with a word on what is lost', async () => {
  const { url, node } = await served()
  const [first = '', second = ''] = node.members().map(member => member.node)
  const signers = ['--signers', `${first.slice(-8)}, ${second}`]
  const terms = ['--threshold', '2', '--locks', '--purpose', 'payouts']
  const made = await coterie(['signing', 'create', ...terms, ...signers, '--url', url])
  expect([made.code, made.err]).toEqual([
    0,
    expect.stringContaining('gone for ever once more than 1'),
  ])
  expect(made.out).toContain(`public key  ${'07'.repeat(32)} (ed25519)`)
  expect(node.signing.made).toMatchObject([
    { signers: [first, second], threshold: 2, clonesMax: 0, locks: true, purpose: 'payouts' },
  ])
  const shown = await coterie(['signing', 'groups', '--url', url])
  expect(shown.out).toMatch(/c0c0c0c0c0c0c0c0 +ed25519 +2 of 3/)
  const handed = await coterie(['signing', 'reshare', 'c0c0', ...signers, '--url', url, '--json'])
  expect([handed.code, JSON.parse(handed.out).epoch]).toEqual([0, 2])
  expect(node.signing.reshared).toEqual([{ signers: [first, second], threshold: 2 }])
})

test('a signature is printed for a text, a file and bytes, under a lock', async () => {
  const { url, node } = await served()
  const path = join(temporaryFolder(), 'message')
  writeFileSync(path, Uint8Array.of(0xff, 0))
  const at = ['--url', url]
  const plain = await coterie(['sign', 'c0', 'pay', '--lock', 'round 1', ...at])
  expect(plain).toMatchObject({ code: 0, out: `${'09'.repeat(64)}\n`, err: '' })
  await coterie(['sign', 'c0', '--file', path, ...at])
  const json = await coterie(['sign', 'c0', '--hex', '0102', '--key', '07', '--json', ...at])
  expect(JSON.parse(json.out)).toMatchObject({ suite: 'ed25519', epoch: 1 })
  expect(node.signing.signed).toMatchObject([
    { message: utf8('pay'), lock: utf8('round 1') },
    { message: Uint8Array.of(0xff, 0) },
    { message: Uint8Array.of(1, 2), publicKey: Uint8Array.of(7) },
  ])
})

test('what is not understood reaches no signer, and says what to do', async () => {
  const { url, node } = await served()
  for (const [args, code, exit] of [
    [['sign', 'c0'], 'BAD_MESSAGE', 2],
    [['sign', 'c0', 'pay', '--hex', '00'], 'BAD_MESSAGE', 2],
    [['sign', 'c0', '--hex', 'xyz'], 'BAD_MESSAGE', 2],
    [['sign', 'c0', '--file', '/nowhere/at/all'], 'FILE_UNREADABLE', 2],
    [['sign', 'c0', '--file', '/dev/zero'], 'MESSAGE_TOO_LONG', 2],
    [['sign', 'ff', 'pay'], 'NO_SUCH_GROUP', 2],
    [['sign', 'ff'.repeat(32), 'pay'], 'GROUP_UNKNOWN', 1],
    [['signing', 'create', '--threshold', '2', '--signers', 'nobody'], 'NO_SUCH_SIGNER', 2],
    [['signing', 'reshare', 'ff'.repeat(32), '--signers', node.id], 'NO_THRESHOLD', 2],
  ] as const) {
    const refused = await coterie([...args, '--url', url, '--json'])
    expect([refused.code, JSON.parse(refused.err).error.code]).toEqual([exit, code])
  }
  expect([...node.signing.made, ...node.signing.reshared, ...node.signing.signed]).toEqual([])
})
