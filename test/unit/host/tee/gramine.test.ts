import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { equalBytes } from '../../../../src/base/bytes.ts'
import {
  type DeviceFiles,
  errnoError,
  systemDeviceFiles,
} from '../../../../src/host/tee/device-files.ts'
import { checkGramine, GramineAttester } from '../../../../src/host/tee/gramine.ts'
import type { Evidence } from '../../../../src/wire/evidence.ts'
import { attesterConforms } from '../../../conformance/attester.ts'
import { bareQuote, reportDataAt } from '../../../fakes/bare-quote.ts'
import { FakeGramine, fakeGramineRoot } from '../../../fakes/gramine.ts'

const { signal } = new AbortController()
const dataOf = (n: number): Uint8Array => new Uint8Array(64).fill(n)
const at = reportDataAt['sgx-v3']
const carries = ({ body }: Evidence, data: Uint8Array): boolean =>
  equalBytes(body.subarray(at, at + 64), data)

attesterConforms('Gramine', async () => ({
  attester: new GramineAttester(new FakeGramine(), fakeGramineRoot),
  carries,
}))

const folder = await mkdtemp(join(tmpdir(), 'coterie-gramine-'))
afterAll(() => rm(folder, { recursive: true }))

attesterConforms('Gramine on real files', async () => {
  const files: DeviceFiles = {
    ...systemDeviceFiles,
    write: async (path, bytes) => {
      const written = await systemDeviceFiles.write(path, bytes)
      await writeFile(join(folder, 'quote'), bareQuote('sgx-v3', await readFile(path)))
      return written
    },
  }
  await writeFile(join(folder, 'attestation_type'), 'dcap')
  await writeFile(join(folder, 'user_report_data'), new Uint8Array(64))
  await checkGramine(files, folder)
  return { attester: new GramineAttester(files, folder), carries }
})

test.each(['none', 'epid', '', 'dcap-like'])(
  'an enclave of attestation type "%s" does not quote',
  async type => {
    const enclave = new FakeGramine()
    enclave.type = type
    const checked = checkGramine(enclave, fakeGramineRoot)
    await expect(checked).rejects.toMatchObject({ code: 'TEE_NO_DCAP', next: /dcap/ })
  },
)

test('a process outside of an enclave has no such files', async () => {
  const checked = checkGramine(new FakeGramine(), '/elsewhere')
  await expect(checked).rejects.toMatchObject({ code: 'TEE_NOT_OFFERED' })
})

test('a write that is taken in part would be filled up with zeros, and is not quoted', async () => {
  const enclave = new FakeGramine()
  enclave.takes = 32
  const quote = new GramineAttester(enclave, fakeGramineRoot).quote(dataOf(1), signal)
  await expect(quote).rejects.toMatchObject({ code: 'TEE_REQUEST_REFUSED' })
})

test('a state that somebody else in the process changed is noticed in the quote', async () => {
  const enclave = new FakeGramine()
  enclave.quote = () => bareQuote('sgx-v3', dataOf(9))
  const quote = new GramineAttester(enclave, fakeGramineRoot).quote(dataOf(1), signal)
  await expect(quote).rejects.toMatchObject({ code: 'TEE_WRONG_REPORT_DATA' })
})

test('a quoting enclave that fails is told from one that does not allow it', async () => {
  const enclave = new FakeGramine()
  const attester = new GramineAttester(enclave, fakeGramineRoot)
  const fail = (errno: string) => (): Uint8Array => {
    throw errnoError(errno, 'quote')
  }
  enclave.quote = fail('EACCES')
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code: 'TEE_FORBIDDEN' })
  enclave.quote = fail('EIO')
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code: 'TEE_BROKEN' })
  enclave.quote = data => bareQuote('tdx-v4', data)
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code: 'TEE_BAD_ANSWER' })
})
