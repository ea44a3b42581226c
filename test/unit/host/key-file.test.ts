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
import { utf8 } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { verifySignature } from '../../../src/crypto/sign.ts'
import { readKeyFile, writeKeyFile } from '../../../src/host/key-file.ts'

const seed = () => new Secret(new Uint8Array(32).fill(0x5a))
const seedHex = '5a'.repeat(32)

function fresh(name = 'key.json'): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-key-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, name)
}

test('a written key file is for its owner alone and reads back as the key that signs', async () => {
  const path = fresh()
  const given = seed()
  await writeKeyFile(path, given)
  expect(given.isWiped).toBe(false)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    kind: 'coterie-manifest-member-key',
    publicKey: expect.stringMatching(/^[0-9a-f]{64}$/),
    seed: seedHex,
  })
  using key = await readKeyFile(path)
  const message = utf8('m')
  expect(verifySignature({ publicKey: key.publicKey, message, signature: key.sign(message) })).toBe(
    true,
  )
})

test('a key is never overwritten', async () => {
  const path = fresh()
  await writeKeyFile(path, seed())
  await expect(writeKeyFile(path, new Secret(new Uint8Array(32)))).rejects.toMatchObject({
    code: 'KEY_FILE_NOT_WRITTEN',
  })
  expect(readFileSync(path, 'utf8')).toContain(seedHex)
})

test('a key file that others can open, or behind a link, is not used', async () => {
  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o610]) {
    const path = fresh()
    await writeKeyFile(path, seed())
    chmodSync(path, mode)
    const error = await readKeyFile(path).catch(caught => caught)
    expect(error.code, mode.toString(8)).toBe('KEY_FILE_EXPOSED')
    expect(error.next).toContain('chmod 600')
  }
  const path = fresh()
  await writeKeyFile(path, seed())
  symlinkSync(path, `${path}.link`)
  await expect(readKeyFile(`${path}.link`)).rejects.toMatchObject({ code: 'KEY_FILE_EXPOSED' })
})

test('a file that is no key file is refused without its content in the error', async () => {
  const whole = { kind: 'coterie-manifest-member-key', publicKey: '00'.repeat(32), seed: seedHex }
  const contents = [
    '',
    `{"seed":"${seedHex}"`,
    JSON.stringify({ ...whole, kind: 'other' }),
    JSON.stringify({ ...whole, seed: `${seedHex}00` }),
    JSON.stringify({ ...whole, more: 1 }),
    JSON.stringify(whole),
    JSON.stringify({ ...whole, pad: 'x'.repeat(5000) }),
  ]
  for (const content of contents) {
    const path = fresh()
    writeFileSync(path, content, { mode: 0o600 })
    const error = await readKeyFile(path).catch(caught => caught)
    expect(error.code, content.slice(0, 40)).toBe('BAD_KEY_FILE')
    expect(inspect(error, { depth: 9 })).not.toContain(seedHex)
  }
  await expect(readKeyFile(fresh('missing.json'))).rejects.toMatchObject({
    code: 'KEY_FILE_UNREADABLE',
  })
})
