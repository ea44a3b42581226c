import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { readEndorsementFiles } from '../../../../src/host/endorsements/files.ts'
import { temporaryFolder } from '../../../fixtures/command-line.ts'
import { link } from '../../../fixtures/simulated.ts'

const certificate = link('leaf', null).der
const pem = (label: string, der: Uint8Array): Uint8Array =>
  utf8(`-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`)
/** The outline of a list of revoked certificates: a sequence whose first part begins with a version. */
const list = Uint8Array.of(0x30, 5, 0x30, 3, 2, 1, 1)

test('a folder is read in the order of its names, without what lies deeper', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'crl'))
  writeFileSync(join(folder, 'b.pem'), pem('CERTIFICATE', certificate))
  writeFileSync(join(folder, 'a.crl'), list)
  writeFileSync(join(folder, 'quote'), 'no endorsement')
  const { endorsements, passedOver } = await readEndorsementFiles([folder])
  expect(endorsements.items.map(({ kind }) => kind)).toEqual(['crl', 'certificates'])
  expect(passedOver).toEqual([join(folder, 'quote')])
})

test('more endorsements than a verifier looks at are refused, and not cut off', async () => {
  const folder = temporaryFolder()
  for (let i = 0; i < 33; i++) writeFileSync(join(folder, `${i}.crl`), list)
  await expect(readEndorsementFiles([folder])).rejects.toMatchObject({
    code: 'ENDORSEMENTS_TOO_MANY',
  })
})
