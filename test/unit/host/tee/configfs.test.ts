import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseCertificateTable } from '../../../../src/attestation/sev-snp/certificate-table.ts'
import { equalBytes } from '../../../../src/base/bytes.ts'
import {
  ConfigfsAttester,
  type ConfigfsPlatform,
  configfsPlatform,
} from '../../../../src/host/tee/configfs.ts'
import {
  type DeviceFiles,
  errnoError,
  systemDeviceFiles,
} from '../../../../src/host/tee/device-files.ts'
import type { Evidence } from '../../../../src/wire/evidence.ts'
import { attesterConforms } from '../../../conformance/attester.ts'
import {
  type BareKind,
  bareQuote,
  certificateTableOf,
  reportDataAt,
} from '../../../fakes/bare-quote.ts'
import { FakeConfigfs, type FakeDriver, fakeConfigfsRoot } from '../../../fakes/configfs.ts'
import { absence, areVectorsAbsent, vectorBytes } from '../../../fixtures/vectors.ts'

const { signal } = new AbortController()
const dataOf = (n: number): Uint8Array => new Uint8Array(64).fill(n)
const root = fakeConfigfsRoot

const ask = new Uint8Array(700).fill(1)
const vcek = new Uint8Array(900).fill(2)
const table = certificateTableOf([
  ['own', new Uint8Array(20).fill(9)],
  ['vcek', vcek],
  ['ark', new Uint8Array(300).fill(3)],
  ['ask', ask],
  ['crl', new Uint8Array(40).fill(4)],
  ['vcek', new Uint8Array(50).fill(5)],
])
const tdx: FakeDriver = { provider: 'tdx_guest', outblob: data => bareQuote('tdx-v4', data) }
const snp: FakeDriver = {
  provider: 'sev_guest',
  outblob: data => bareQuote('sev-snp', data),
  auxblob: () => table,
}

const open = (
  driver: FakeDriver,
  platform: ConfigfsPlatform = 'tdx',
): { readonly fake: FakeConfigfs; readonly attester: ConfigfsAttester } => {
  const fake = new FakeConfigfs(driver)
  return { fake, attester: new ConfigfsAttester(fake, { platform, root }) }
}
const carriesAt =
  (kind: BareKind) =>
  ({ body }: Evidence, data: Uint8Array): boolean =>
    equalBytes(body.subarray(reportDataAt[kind], reportDataAt[kind] + 64), data)

attesterConforms('configfs-tsm of TDX', async () => ({
  attester: open(tdx).attester,
  carries: carriesAt('tdx-v4'),
}))
attesterConforms('configfs-tsm of SEV-SNP', async () => ({
  attester: open(snp, 'sev-snp').attester,
  carries: carriesAt('sev-snp'),
}))

/** Real files: the directory gets its fields as from the kernel, which a plain file system does not do. */
function kernelTree(driver: FakeDriver): DeviceFiles {
  return {
    ...systemDeviceFiles,
    makeDirectory: async path => {
      await systemDeviceFiles.makeDirectory(path)
      await writeFile(join(path, 'provider'), `${driver.provider}\n`, { mode: 0o400 })
      await writeFile(join(path, 'generation'), '0\n')
      await writeFile(join(path, 'inblob'), '', { mode: 0o200 })
      await writeFile(join(path, 'outblob'), '')
    },
    write: async (path, bytes) => {
      const written = await systemDeviceFiles.write(path, bytes)
      await chmod(path, 0o600)
      const folder = join(path, '..')
      await writeFile(join(folder, 'outblob'), driver.outblob(await readFile(path)))
      await writeFile(join(folder, 'auxblob'), driver.auxblob?.() ?? '')
      await writeFile(join(folder, 'generation'), '1\n')
      return written
    },
    removeDirectory: async path => {
      for (const name of await readdir(path)) await rm(join(path, name))
      await systemDeviceFiles.removeDirectory(path)
    },
  }
}

const folder = await mkdtemp(join(tmpdir(), 'coterie-configfs-'))
afterAll(() => rm(folder, { recursive: true }))

attesterConforms('configfs-tsm on real files', async () => ({
  attester: new ConfigfsAttester(kernelTree(snp), { platform: 'sev-snp', root: folder }),
  carries: carriesAt('sev-snp'),
}))

test('a directory of real files is gone after each request', async () => {
  const attester = new ConfigfsAttester(kernelTree(tdx), { platform: 'tdx', root: folder })
  await Promise.all([1, 2, 3].map(n => attester.quote(dataOf(n), signal)))
  expect(await readdir(folder)).toEqual([])
})

test('without a driver there is no plain file that swallows a request', async () => {
  const inside = join(folder, 'no-driver')
  await mkdir(inside)
  const attester = new ConfigfsAttester(systemDeviceFiles, { platform: 'tdx', root: inside })
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code: 'TEE_NOT_OFFERED' })
  expect(await readdir(inside)).toEqual([])
  await rm(inside, { recursive: true })
})

test('a request is a directory of its own with one write of exactly 64 bytes, taken away at the end', async () => {
  const { fake, attester } = open(snp, 'sev-snp')
  const names = new Set<string>()
  fake.before = (call, path) => void (call === 'makeDirectory' && names.add(path))
  await attester.quote(dataOf(1), signal)
  await attester.quote(dataOf(2), signal)
  expect(names.size).toBe(2)
  expect(fake.open).toBe(0)
  const [first, ...rest] = fake.calls.slice(0, fake.calls.length / 2)
  expect(first).toMatch(/^makeDirectory coterie-[0-9a-f-]{36}$/)
  expect(rest.map(call => call.replace(/coterie-.*/, ''))).toEqual([
    'read provider',
    'read generation',
    'write inblob',
    'read outblob',
    'read auxblob',
    'read generation',
    'removeDirectory ',
  ])
})

test('of what the host gives with a report, the key and its authority follow it, in a table that verifiers take', async () => {
  const { body } = await open(snp, 'sev-snp').attester.quote(dataOf(1), signal)
  const documents = parseCertificateTable(body.subarray(1184))
  expect(documents.map(({ slot }) => slot)).toEqual(['vcek', 'ask'])
  expect(documents.map(({ bytes }) => bytes)).toEqual([vcek, ask])
})

test.skipIf(areVectorsAbsent)(`the table of a real host is put in order${absence}`, async () => {
  const given = vectorBytes('sev-snp/veraison-genoa-tsm.auxblob')
  const { body } = await open({ ...snp, auxblob: () => given }, 'sev-snp').attester.quote(
    dataOf(1),
    signal,
  )
  const documents = parseCertificateTable(body.subarray(1184))
  expect(documents.map(({ slot }) => slot).toSorted()).toEqual(['ask', 'vcek'])
})

test.each<[string, () => Uint8Array]>([
  ['an empty table', () => new Uint8Array()],
  ['a table of zeros', () => new Uint8Array(4096)],
  ['a table without an end', () => new Uint8Array(4096).fill(1)],
  ['a certificate beyond the end', () => table.slice(0, 1000)],
  ['nothing that is of use', () => certificateTableOf([['own', ask]])],
  ['an empty certificate', () => certificateTableOf([['vcek', new Uint8Array()]])],
  ['more than anybody needs', () => certificateTableOf(Array(17).fill(['vcek', vcek]))],
  ['certificates that are too long', () => certificateTableOf([['vcek', new Uint8Array(11_200)]])],
])('a report goes without certificates where the host gives %s', async (_, auxblob) => {
  const { body } = await open({ ...snp, auxblob }, 'sev-snp').attester.quote(dataOf(1), signal)
  expect(body.length).toBe(1184)
})

test('a driver without a table of certificates quotes all the same', async () => {
  const { body } = await open({ ...snp, auxblob: undefined }, 'sev-snp').attester.quote(
    dataOf(1),
    signal,
  )
  expect(body.length).toBe(1184)
})

test('what a driver leaves behind the end of a quote is no part of the evidence', async () => {
  const outblob = (data: Uint8Array): Uint8Array =>
    Buffer.concat([bareQuote('tdx-v5-1.5', data), Buffer.alloc(512)])
  const { body } = await open({ ...tdx, outblob }).attester.quote(dataOf(1), signal)
  expect(equalBytes(body, bareQuote('tdx-v5-1.5', dataOf(1)))).toBe(true)
})

const refusing = (errno: string): FakeDriver => ({
  ...tdx,
  outblob: () => {
    throw errnoError(errno, 'outblob')
  },
})

test.each([
  ['EINVAL', 'TEE_REQUEST_REFUSED'],
  ['EBUSY', 'TEE_BUSY'],
  ['ENXIO', 'TEE_PROVIDER_GONE'],
  ['EFBIG', 'TEE_EVIDENCE_TOO_LARGE'],
  ['ETIMEDOUT', 'TEE_TIMEOUT'],
  ['EINTR', 'TEE_INTERRUPTED'],
  ['EIO', 'TEE_BROKEN'],
  ['ENOTTY', 'TEE_KEY_DISABLED'],
  ['EACCES', 'TEE_FORBIDDEN'],
])(
  '%s of the driver is %s with a next step, asked once, and nothing stays behind',
  async (errno, code) => {
    const { fake, attester } = open(refusing(errno))
    const error = await attester.quote(dataOf(1), signal).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, cause: { code: errno } })
    expect(error).toHaveProperty('next', expect.stringMatching(/\w/))
    expect(fake.calls.filter(call => call === 'read outblob')).toHaveLength(1)
    expect(fake.open).toBe(0)
  },
)

test('an errno that nobody expects is the device broken, by its name', async () => {
  const quote = open(refusing('EPROTO')).attester.quote(dataOf(1), signal)
  await expect(quote).rejects.toMatchObject({ code: 'TEE_BROKEN', message: /EPROTO/ })
})

test('a mistake in this program is not taken for a device', async () => {
  const outblob = (): Uint8Array => {
    throw new TypeError('a bug')
  }
  const quote = open({ ...tdx, outblob }).attester.quote(dataOf(1), signal)
  await expect(quote).rejects.toThrow(TypeError)
})

test('after a failure the next request is asked anew', async () => {
  const { fake, attester } = open(refusing('EBUSY'))
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code: 'TEE_BUSY' })
  fake.driver = tdx
  const evidence = await attester.quote(dataOf(2), signal)
  expect(carriesAt('tdx-v4')(evidence, dataOf(2))).toBe(true)
})

test.each(['read outblob', 'read auxblob'])(
  'a request that somebody wrote into before "%s" is thrown away',
  async when => {
    const { fake, attester } = open(snp, 'sev-snp')
    // Even with the same bytes: whoever can write them can write others between two looks.
    fake.before = (call, path) => {
      if (`${call} ${path.slice(path.lastIndexOf('/') + 1)}` === when) fake.intrude(dataOf(1))
    }
    await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code: 'TEE_RACED' })
  },
)

test('a failed quote that reads as success without bytes is an error', async () => {
  const quote = open({ ...tdx, outblob: () => new Uint8Array() }).attester.quote(dataOf(1), signal)
  await expect(quote).rejects.toMatchObject({ code: 'TEE_EMPTY_ANSWER' })
})

test('a driver that takes a part of the request is not asked for its answer', async () => {
  const { fake, attester } = open(tdx)
  fake.takes = 63
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({
    code: 'TEE_REQUEST_REFUSED',
  })
  expect(fake.calls).not.toContain('read outblob')
})

test.each<[string, string, (data: Uint8Array) => Uint8Array]>([
  ['of other report data', 'TEE_WRONG_REPORT_DATA', () => bareQuote('tdx-v4', dataOf(9))],
  [
    'of report data with one other bit',
    'TEE_WRONG_REPORT_DATA',
    data => bareQuote('tdx-v4', data.with(63, 0)),
  ],
  ['of SGX', 'TEE_BAD_ANSWER', data => bareQuote('sgx-v3', data)],
  ['that is a report of SEV-SNP', 'TEE_BAD_ANSWER', data => bareQuote('sev-snp', data)],
  ['cut by a byte', 'TEE_BAD_ANSWER', data => bareQuote('tdx-v4', data).slice(0, -1)],
  ['of one byte', 'TEE_BAD_ANSWER', () => Uint8Array.of(4)],
  ['longer than any', 'TEE_BAD_ANSWER', data => bareQuote('tdx-v4', data, 12_000)],
  ['longer than is read', 'TEE_EVIDENCE_TOO_LARGE', data => bareQuote('tdx-v4', data, 40_000)],
  ['of version 6', 'TEE_BAD_ANSWER', data => bareQuote('tdx-v4', data).with(0, 6)],
  [
    'of a body of another size',
    'TEE_BAD_ANSWER',
    data => bareQuote('tdx-v5-1.5', data).with(50, 1),
  ],
])('a quote %s is not given on', async (_, code, outblob) => {
  const { fake, attester } = open({ ...tdx, outblob })
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code })
  expect(fake.open).toBe(0)
})

test('the platform is that of the driver, and another driver later is noticed', async () => {
  const fake = new FakeConfigfs(tdx)
  expect(await configfsPlatform(fake, root)).toBe('tdx')
  expect(fake.open).toBe(0)
  const attester = new ConfigfsAttester(fake, { platform: 'tdx', root })
  fake.driver = snp
  expect(await configfsPlatform(fake, root)).toBe('sev-snp')
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code: 'TEE_CHANGED' })
  fake.driver = { ...tdx, provider: 'other_guest' }
  await expect(configfsPlatform(fake, root)).rejects.toMatchObject({ code: 'TEE_PROVIDER_GONE' })
  fake.driver = undefined
  await expect(configfsPlatform(fake, root)).rejects.toMatchObject({ code: 'TEE_PROVIDER_GONE' })
})

test('a generation that is no number says that this is not the kernel', async () => {
  const { fake, attester } = open(tdx)
  const read = fake.read.bind(fake)
  fake.read = async (path, bytesMax) =>
    path.endsWith('/generation') ? Buffer.from('x\n') : await read(path, bytesMax)
  await expect(attester.quote(dataOf(1), signal)).rejects.toMatchObject({ code: 'TEE_BAD_ANSWER' })
})

test('who gives up is free at once, while the device still works, and the device is left clean', async () => {
  const { fake, attester } = open(tdx)
  const leaving = new AbortController()
  const read = fake.read.bind(fake)
  const held = Promise.withResolvers<void>()
  fake.read = async (path, bytesMax) => {
    if (path.endsWith('/outblob')) {
      leaving.abort()
      await held.promise
    }
    return await read(path, bytesMax)
  }
  await expect(attester.quote(dataOf(1), leaving.signal)).rejects.toThrow('abort')
  expect(fake.open).toBe(1)
  const next = attester.quote(dataOf(2), signal)
  held.resolve()
  expect(carriesAt('tdx-v4')(await next, dataOf(2))).toBe(true)
  expect(fake.open).toBe(0)
})

test('more requests than anybody would wait for are refused at once', async () => {
  const { attester } = open(tdx)
  const asked = Array.from({ length: 40 }, (_, n) => attester.quote(dataOf(n), signal))
  const settled = await Promise.allSettled(asked)
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(32)
  expect(settled.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'TEE_BUSY' } })
})
