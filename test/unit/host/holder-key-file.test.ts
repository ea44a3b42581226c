/** Key files of holders, against those who write them, read them and try passphrases. */

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { readHolderKey, signedByHolder } from '../../../src/attestation/custody/holder-key.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import type { Random } from '../../../src/base/random.ts'
import { Secret } from '../../../src/base/secret.ts'
import { makeHolderKeyFile, readHolderKeyFile } from '../../../src/host/holder-key-file.ts'

/** Seeds of one byte, and a salt of another. */
const chance: Random = { bytes: count => new Uint8Array(count).fill(count === 64 ? 0x5a : 0x5b) }
const seedHex = '5a'.repeat(64)
const passphrase = (text = 'correct horse battery') => new Secret(utf8(text))

function fresh(name = 'key.json'): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-holder-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, name)
}

let sealed: Promise<string> | undefined

/** A sealed key file, stretched once for all tests; `change` bends what is in it. */
async function sealedFile(change: (content: Record<string, unknown>) => object = x => x) {
  sealed ??= makeSealed()
  const path = fresh()
  writeFileSync(path, JSON.stringify(change(JSON.parse(await sealed))), { mode: 0o600 })
  return path
}

async function makeSealed(): Promise<string> {
  const path = fresh()
  await makeHolderKeyFile(path, { alias: 'alice', passphrase: passphrase() }, chance)
  return readFileSync(path, 'utf8')
}

const refusal = (action: Promise<unknown>) =>
  action.then(
    () => 'nothing',
    error => error.code,
  )

test('a sealed key comes back with its passphrase and with no other, and the file does not hold it', async () => {
  const path = fresh()
  const publicKey = await makeHolderKeyFile(
    path,
    { alias: 'alice', passphrase: passphrase() },
    chance,
  )
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readFileSync(path, 'utf8')).not.toContain('5a'.repeat(16))
  const stored = await readHolderKeyFile(path)
  expect(stored).toMatchObject({ alias: 'alice', publicKey, isSealed: true, isExposed: false })
  using keys = await stored.open(passphrase())
  const message = utf8('m')
  const read = readHolderKey(publicKey)
  expect(read && signedByHolder(read, message, keys.sign(message))).toBe(true)
  expect(await refusal(stored.open(passphrase('correct horse batterz')))).toBe('PASSPHRASE_WRONG')
  expect(await refusal(stored.open(undefined))).toBe('PASSPHRASE_WRONG')
})

test('an unsealed key says what it is, and comes back without a passphrase', async () => {
  const path = fresh()
  await makeHolderKeyFile(path, { alias: 'bob', passphrase: null }, chance)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ kdf: null, seeds: seedHex })
  const stored = await readHolderKeyFile(path)
  expect(stored.isSealed).toBe(false)
  using keys = await stored.open(undefined)
  expect(keys.publicKey).toEqual(stored.publicKey)
})

test('a key is never overwritten, and nothing but the key is left', async () => {
  const path = fresh()
  await makeHolderKeyFile(path, { alias: 'a', passphrase: null }, chance)
  const before = readFileSync(path, 'utf8')
  expect(await refusal(makeHolderKeyFile(path, { alias: 'b', passphrase: null }, chance))).toBe(
    'KEY_FILE_NOT_WRITTEN',
  )
  expect(readFileSync(path, 'utf8')).toBe(before)
  expect(
    await refusal(makeHolderKeyFile(join(path, 'x'), { alias: 'b', passphrase: null }, chance)),
  ).toBe('KEY_FILE_NOT_WRITTEN')
  expect(execFileSync('ls', [join(path, '..')], { encoding: 'utf8' })).toBe('key.json\n')
})

test('what the passphrase vouches for cannot be changed: alias, public key, how it is stretched', async () => {
  const changes: readonly ((content: Record<string, unknown>) => object)[] = [
    content => ({ ...content, alias: 'mallory' }),
    content => ({ ...content, publicKey: `00${String(content['publicKey']).slice(2)}` }),
    content => ({ ...content, kdf: { ...(content['kdf'] as object), N: 2 ** 14 } }),
    content => ({ ...content, seeds: `00${String(content['seeds']).slice(2)}` }),
  ]
  for (const change of changes) {
    const stored = await readHolderKeyFile(await sealedFile(change))
    expect(await refusal(stored.open(passphrase()))).toBe('PASSPHRASE_WRONG')
  }
})

test('a file that asks for a gigabyte, or is none, is refused before anything is stretched', async () => {
  const kdf = (change: object) => (content: Record<string, unknown>) => ({
    ...content,
    kdf: { ...(content['kdf'] as object), ...change },
  })
  const changes: readonly ((content: Record<string, unknown>) => object)[] = [
    ...[
      { N: 2 ** 30 },
      { N: 2 ** 19 },
      { N: 2 ** 17 + 1 },
      { N: 2 ** 10 },
      { r: 1024 },
      { p: 1024 },
    ].map(kdf),
    ...[{ name: 'none' }, { salt: '' }, { N: '131072' }, { more: 1 }].map(kdf),
    content => ({ ...content, kdf: null }),
    content => ({ ...content, format: 'coterie-holder-key/2' }),
    content => ({ ...content, more: 1 }),
    content => ({ ...content, alias: '../x' }),
    content => ({ ...content, pad: 'x'.repeat(10_000) }),
    () => [],
  ]
  for (const change of changes) {
    expect(await refusal(readHolderKeyFile(await sealedFile(change)))).toBe('BAD_HOLDER_KEY_FILE')
  }
})

test('a link, a pipe and a file that others can change are not read; one that they can read costs a sealed key a warning', async () => {
  const path = await sealedFile()
  symlinkSync(path, `${path}.link`)
  expect(await refusal(readHolderKeyFile(`${path}.link`))).toBe('KEY_FILE_EXPOSED')
  execFileSync('mkfifo', ['-m', '600', `${path}.pipe`])
  expect(await refusal(readHolderKeyFile(`${path}.pipe`))).toBe('BAD_HOLDER_KEY_FILE')
  expect(await refusal(readHolderKeyFile(`${path}.missing`))).toBe('KEY_FILE_UNREADABLE')
  chmodSync(path, 0o622)
  expect(await refusal(readHolderKeyFile(path))).toBe('KEY_FILE_EXPOSED')
  chmodSync(path, 0o644)
  expect((await readHolderKeyFile(path)).isExposed).toBe(true)
  const open = fresh()
  await makeHolderKeyFile(open, { alias: 'bob', passphrase: null }, chance)
  chmodSync(open, 0o640)
  expect(await refusal(readHolderKeyFile(open))).toBe('KEY_FILE_EXPOSED')
})

test('no error about a key file quotes it', async () => {
  const path = fresh()
  const whole = {
    format: 'coterie-holder-key/1',
    alias: 'a',
    publicKey: '00'.repeat(1248),
    kdf: null,
    seeds: seedHex,
  }
  for (const content of [
    JSON.stringify(whole).slice(0, -1),
    JSON.stringify({ ...whole, more: 1 }),
  ]) {
    writeFileSync(path, content, { mode: 0o600 })
    const error = await readHolderKeyFile(path).catch(caught => caught)
    expect(inspect(error, { depth: 9 })).not.toContain('5a5a')
  }
  writeFileSync(path, JSON.stringify(whole), { mode: 0o600 })
  const error = await (await readHolderKeyFile(path)).open(undefined).catch(caught => caught)
  expect([error.code, inspect(error, { depth: 9 }).includes('5a5a')]).toEqual([
    'BAD_HOLDER_KEY_FILE',
    false,
  ])
})
