/** Keys of clients and their place in a manifest, as real processes: nothing secret is printed or taken from arguments. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeManifest, parseManifest } from '../../../src/attestation/manifest.ts'
import { isRefusal } from '../../../src/attestation/verdict.ts'
import { Secret } from '../../../src/base/secret.ts'
import { readKeyFile, writeKeyFile } from '../../../src/host/key-file.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { production } from '../../fixtures/manifests.ts'

test('a new key is for its owner alone, is never overwritten, and only its public half is told', async () => {
  const path = join(temporaryFolder(), 'me.key')
  const made = await coterie(['light', 'key', 'new', path, '--json'])
  expect(made).toMatchObject({ code: 0, err: '' })
  const { publicKey } = JSON.parse(made.out)
  const { kind, seed, publicKey: written } = JSON.parse(readFileSync(path, 'utf8'))
  expect([kind, written]).toEqual(['coterie-client-key', publicKey])
  expect(made.out).not.toContain(seed)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const again = await coterie(['light', 'key', 'new', path])
  expect(again.err).toContain('KEY_FILE_NOT_WRITTEN')
  expect(JSON.parse(readFileSync(path, 'utf8')).seed).toBe(seed)
})

test('the key of a manifest-set member makes no calls, and that of a client approves nothing', async () => {
  const folder = temporaryFolder()
  const [member, client] = [join(folder, 'member'), join(folder, 'client')]
  await writeKeyFile(member, new Secret(new Uint8Array(32).fill(1)))
  await writeKeyFile(client, new Secret(new Uint8Array(32).fill(1)), 'client')
  await expect(readKeyFile(member, 'client')).rejects.toMatchObject({ code: 'BAD_KEY_FILE' })
  await expect(readKeyFile(client)).rejects.toMatchObject({ code: 'BAD_KEY_FILE' })
  const manifest = join(folder, 'manifest.json')
  writeFileSync(manifest, encodeManifest(production))
  const asked = ['--from', 'http://127.0.0.1:1', '--manifest', manifest, '--key', member]
  const refused = await coterie(['light', 'call', 'GET', '/v1/state/k', ...asked])
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('BAD_KEY_FILE') })
})

test('a client is put into a draft and taken out again, each time as a manifest that holds', async () => {
  const draft = join(temporaryFolder(), 'draft.json')
  writeFileSync(draft, encodeManifest(production))
  const read = () => JSON.parse(readFileSync(draft, 'utf8'))
  const before = read().api.clients
  const key = 'AB'.repeat(32)
  const who = ['--name', 'wallet', '--key', key]
  const may = ['--right', 'write', '--right', 'read', '--prefix', 'team/', '--prefix', 'motd']
  const added = await coterie(['policy', 'add-client', draft, ...who, ...may])
  expect(added).toMatchObject({ code: 0, err: '', out: expect.stringContaining('wallet') })
  expect(read().api.clients).toEqual([
    ...before,
    {
      name: 'wallet',
      key: 'ab'.repeat(32),
      rights: ['read', 'write'],
      prefixes: ['team/', 'motd'],
    },
  ])
  const wrong: readonly (readonly [string, readonly string[]])[] = [
    ['CLIENT_TWICE', [...who, ...may]],
    ['MANIFEST_BAD_VALUE', ['--name', 'b', '--key', 'abcd', ...may]],
    [
      'It takes read, write or custody',
      ['--name', 'b', '--key', 'cd'.repeat(32), '--right', 'all', '--prefix', 'x'],
    ],
    ['--prefix', ['--name', 'b', '--key', 'cd'.repeat(32), '--right', 'read']],
  ]
  for (const [words, args] of wrong) {
    const refused = await coterie(['policy', 'add-client', draft, ...args])
    expect(refused, words).toMatchObject({ code: 2, err: expect.stringContaining(words) })
  }
  const unknown = await coterie(['policy', 'remove-client', draft, 'nobody'])
  expect(unknown.err).toContain('CLIENT_UNKNOWN')
  const removed = await coterie(['policy', 'remove-client', draft, 'wallet', '--json'])
  expect(JSON.parse(removed.out)).toMatchObject({ out: draft, nonce: production.nonce })
  expect(read().api.clients).toEqual(before)
  expect(isRefusal(parseManifest(new Uint8Array(readFileSync(draft))))).toBe(false)
})
