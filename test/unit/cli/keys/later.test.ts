/** What a holder does after the ceremony: another passphrase, the next manifest. As real processes. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { parseCustodyEnvelope } from '../../../../src/attestation/custody/approvals.ts'
import { isRefusal } from '../../../../src/attestation/verdict.ts'
import { utf8 } from '../../../../src/base/bytes.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { readHolderKeyFile } from '../../../../src/host/holder-key-file.ts'
import { coterie, temporaryFolder } from '../../../fixtures/command-line.ts'
import { codeIn, decryptShare, holderDesk } from '../../../fixtures/holder-desk.ts'

/** A file of mode 0600 with a passphrase. */
function kept(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, `${text}\n`, { mode: 0o600 })
  return path
}

test('a key file takes another passphrase and opens with no earlier one; a wrong one changes nothing', async () => {
  const folder = temporaryFolder()
  const [old, next] = ['the first passphrase', 'quite another passphrase']
  const [oldFile, nextFile] = [kept(folder, 'old', old), kept(folder, 'next', next)]
  const key = join(folder, 'alice.json')
  const sealed = ['--passphrase-file', oldFile]
  await coterie(['keys', 'generate', '--alias', 'alice', '--out', key, ...sealed])
  const before = readFileSync(key, 'utf8')
  const { publicKey } = await readHolderKeyFile(key)
  const change = (...flags: string[]) => coterie(['keys', 'passphrase', key, '--json', ...flags])

  const wrong = await change('--passphrase-file', nextFile, '--new-passphrase-file', nextFile)
  expect([wrong.code, codeIn(wrong.err)]).toEqual([2, 'PASSPHRASE_WRONG'])
  expect(readFileSync(key, 'utf8')).toBe(before)

  const changed = await change(...sealed, '--new-passphrase-file', nextFile)
  expect([changed.code, JSON.parse(changed.out)]).toEqual([
    0,
    { key, alias: 'alice', isSealed: true },
  ])
  expect(statSync(key).mode & 0o777).toBe(0o600)
  const stored = await readHolderKeyFile(key)
  await expect(stored.open(new Secret(utf8(old)))).rejects.toMatchObject({
    code: 'PASSPHRASE_WRONG',
  })
  using opened = await stored.open(new Secret(utf8(next)))
  expect(opened.publicKey).toEqual(publicKey)
  // Nothing else is left beside it that has the keys.
  expect(readdirSync(dirname(key)).filter(name => name.endsWith('.tmp'))).toEqual([])

  const bare = await change('--passphrase-file', nextFile, '--no-passphrase')
  expect(bare.err).toContain('NOT sealed')
  expect((await readHolderKeyFile(key)).isSealed).toBe(false)
  const again = await change('--new-passphrase-file', oldFile)
  expect(JSON.parse(again.out)).toMatchObject({ isSealed: true })
})

test('the next manifest of a key is drafted, approved, and takes shares to a node', async () => {
  const desk = await holderDesk()
  const { file, output } = await desk.genesis()
  expect((await decryptShare(desk, file)).code).toBe(0)
  const draft = (...flags: string[]) => coterie(['keys', 'draft', file, ...flags])
  const hash = '77'.repeat(32)
  const drafted = await draft('--pivot-hash', hash, '--pivot-arg', '--once')
  expect(drafted).toMatchObject({ code: 0, err: expect.stringContaining(`application ${hash}`) })
  const next = desk.save('next.json', drafted.out)
  const { namespace, shares } = output.manifest
  expect(JSON.parse(drafted.out)).toEqual({
    ...output.manifest,
    namespace: { ...namespace, nonce: namespace.nonce + 1 },
    pivot: { hash, restart: 'never', args: ['--once'] },
  })
  expect(shares.length).toBeGreaterThan(0)
  const own = ['--key', desk.keys[0] ?? '', '--manifest', desk.manifest]
  const approved = await coterie(['keys', 'approve', next, ...own, '--yes', '--json'])
  expect(approved.code).toBe(0)
  const approval = desk.save('approval.json', approved.out)
  const { out } = await coterie(['keys', 'combine', next, approval])
  expect(isRefusal(parseCustodyEnvelope(utf8(out)))).toBe(false)

  const kept = JSON.parse((await coterie(['keys', 'draft', next])).out)
  expect(kept.pivot).toEqual({ hash, restart: 'never', args: ['--once'] })
  const none = JSON.parse((await coterie(['keys', 'draft', next, '--no-pivot'])).out)
  expect([none.pivot, none.namespace.nonce]).toEqual([null, namespace.nonce + 2])
})

test.each([
  ['a nonce that does not rise', ['--namespace-nonce', '12345'], 'LOW_NONCE'],
  ['a nonce that is none', ['--namespace-nonce', '1e9'], 'BAD_NAMESPACE'],
  ['an application without a hash', ['--pivot-arg', 'x'], 'BAD_PIVOT'],
  ['half a hash', ['--pivot-hash', '77'], 'BAD_PIVOT'],
])('no draft of %s', async (_what, flags, code) => {
  const desk = await holderDesk(2)
  const { file } = await desk.genesis()
  const refused = await coterie(['keys', 'draft', file, '--json', ...flags])
  expect([refused.code, codeIn(refused.err), refused.out]).toEqual([2, code, ''])
})
