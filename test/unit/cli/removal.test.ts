import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { compareBytes, utf8 } from '../../../src/base/bytes.ts'
import { type NetworkId, nodeIdOfKey } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { claimOf, signRemoval } from '../../../src/cli/removal.ts'
import { verifySignature } from '../../../src/crypto/sign.ts'
import { writeKeyFile } from '../../../src/host/key-file.ts'
import { decodeRemoval, removalMessage } from '../../../src/wire/removal.ts'

const network = 'ab'.repeat(32) as NetworkId
const identity = new Uint8Array(32).fill(3)

async function keyFiles(count: number): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-removal-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const paths = Array.from({ length: count }, (_, i) => join(folder, `${i}.json`))
  for (const [i, path] of paths.entries())
    await writeKeyFile(path, new Secret(new Uint8Array(32).fill(i + 1)))
  return paths
}

test('a certificate names network, scope and subject, and holds one valid signature of each key', async () => {
  const paths = await keyFiles(3)
  const claim = claimOf('identity', nodeIdOfKey(identity))
  const item = decodeRemoval(await signRemoval({ network, claim, keyFiles: paths }))
  if (item.kind !== 'certificate') throw new Error('not a certificate')
  expect(item).toMatchObject({
    scope: 'identity',
    subject: identity,
    network: new Uint8Array(32).fill(0xab),
  })
  expect(item.signatures).toHaveLength(3)
  const signers = item.signatures.map(({ signer }) => signer)
  expect(signers).toEqual([...signers].sort(compareBytes))
  for (const { signer, signature } of item.signatures) {
    const message = removalMessage(network, claim)
    expect(verifySignature({ publicKey: signer, message, signature })).toBe(true)
    const elsewhere = removalMessage('cd'.repeat(32) as NetworkId, claim)
    expect(verifySignature({ publicKey: signer, message: elsewhere, signature })).toBe(false)
  }
})

test('one key given twice counts once', async () => {
  const [path = ''] = await keyFiles(1)
  const claim = claimOf('measurement', 'node-1')
  const item = decodeRemoval(await signRemoval({ network, claim, keyFiles: [path, path] }))
  expect(item).toMatchObject({ scope: 'measurement', subject: utf8('node-1') })
  expect(item.kind === 'certificate' && item.signatures).toHaveLength(1)
})

test('what does not name exactly one subject of the scope is refused before a key is opened', () => {
  const id = nodeIdOfKey(identity)
  const refused = [
    ['identity', id.slice(0, -1)],
    ['identity', '12D3KooW'],
    ['identity', 'ab'.repeat(32)],
    ['instance', id],
    ['instance', 'ab'.repeat(31)],
    ['instance', 'xy'.repeat(32)],
    ['measurement', ''],
    ['measurement', 'x'.repeat(129)],
    ['measurement', '\ud800'],
  ] as const
  for (const [scope, subject] of refused) {
    expect(() => claimOf(scope, subject), `${scope} ${subject}`).toThrow(
      expect.objectContaining({ code: 'BAD_SUBJECT' }),
    )
  }
  expect(claimOf('instance', 'AB'.repeat(32)).subject).toEqual(new Uint8Array(32).fill(0xab))
})

test('no key, or a network id that is none, signs nothing', async () => {
  const claim = claimOf('measurement', 'm')
  await expect(signRemoval({ network, claim, keyFiles: [] })).rejects.toMatchObject({
    code: 'NO_KEY',
  })
  const paths = await keyFiles(1)
  await expect(signRemoval({ network: 'evil', claim, keyFiles: paths })).rejects.toMatchObject({
    code: 'BAD_NETWORK',
  })
})
