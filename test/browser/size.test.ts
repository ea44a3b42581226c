/**
 * What a page pays for verification. The arithmetic is in the bundle: WebCrypto answers later, and a pure function cannot wait.
 * Bytes of one source are the same on every machine; the bounds leave room for small things and none for another library.
 */
import { afterAll, expect, test } from 'vitest'
import { bundle } from './bundle.ts'

const room = 'src/attestation'
const told: string[] = []

/** What is imported, from where, and the bytes that it may cost as a server sends it. */
const rows = [
  ['everything', '*', `${room}.ts`, 70_000],
  ['all platforms, for people', '{ inspect }', `${room}.ts`, 61_000],
  ['all platforms, for programs', '{ appraise }', `${room}.ts`, 57_000],
  ['the verifier of nitro alone', '{ nitroAppraiser }', `${room}/nitro/verify.ts`, 28_000],
  ['the verifier of sgx alone', '{ sgxAppraiser }', `${room}/dcap/verify.ts`, 34_000],
  ['the verifier of tdx alone', '{ tdxAppraiser }', `${room}/dcap/verify.ts`, 34_000],
  ['the verifier of sev-snp alone', '{ sevSnpAppraiser }', `${room}/sev-snp/verify.ts`, 40_000],
  ['a simulated one', '{ simulatedAppraiser }', `${room}/simulated/verify.ts`, 28_500],
] as const

test.each(rows)('%s: %s of %s is a bundle of at most %i bytes', async (name, names, path, most) => {
  const { code, gzipBytes, foreign } = await bundle(`export ${names} from '${path}'`)
  told.push(`${String(gzipBytes).padStart(8)} ${String(code.length).padStart(8)}  ${name}`)
  expect(foreign).toEqual([])
  expect(gzipBytes).toBeLessThan(most)
  expect(gzipBytes).toBeGreaterThan(5_000)
})

test('a bundle has the portable arithmetic, and none of a machine', async () => {
  const { files } = await bundle(`export * from '${room}.ts'`)
  expect(files).toContain('src/crypto/ecdsa.web.ts')
  expect(files.filter(path => /\.node\.ts$|^src\/(host|node|api|cli)\//.test(path))).toEqual([])
})

test('an import that a browser cannot follow makes no bundle', async () => {
  await expect(bundle("import { hash } from 'node:crypto'; hash('sha256', '')")).rejects.toThrow()
  await expect(bundle("export * from 'src/crypto/hash.node.ts'")).rejects.toThrow()
})

afterAll(() => {
  process.stdout.write(`bytes of bundles\n    gzip minified\n${told.join('\n')}\n`)
})
