/**
 * What a page pays for verification without promises: the arithmetic is in the bundle. Light clients ask WebCrypto: `light-size.test.ts`.
 * Bytes of one source are the same on every machine; the bounds leave room for small things and none for another library.
 */
import { afterAll, expect, test } from 'vitest'
import { bundle } from './bundle.ts'

const room = 'src/attestation'
const told: string[] = []

/** What is imported, and the bytes that it may cost as a server sends it. */
const rows = [
  ['everything', `export * from '${room}.ts'`, 69_000],
  ['all platforms, for people', `export { inspect } from '${room}.ts'`, 61_000],
  ['all platforms, for programs', `export { appraise } from '${room}.ts'`, 57_000],
  ['the verifier of nitro alone', withArithmetic('nitro', 'nitroAppraiser'), 29_000],
  ['the verifier of sgx alone', withArithmetic('dcap', 'sgxAppraiser'), 35_500],
  ['the verifier of tdx alone', withArithmetic('dcap', 'tdxAppraiser'), 35_500],
  ['the verifier of sev-snp alone', withArithmetic('sev-snp', 'sevSnpAppraiser'), 40_500],
  ['a simulated one', withArithmetic('simulated', 'simulatedAppraiser'), 29_500],
] as const

/** The verifier of one platform, and what it checks signatures with. */
function withArithmetic(folder: string, name: string): string {
  return `export { ${name} } from '${room}/${folder}/verify.ts'; export { atOnce } from 'src/crypto/at-once.ts'`
}

test.each(rows)('%s: a bundle has a bound', async (name, text, most) => {
  const { code, gzipBytes, foreign } = await bundle(text)
  told.push(`${String(gzipBytes).padStart(8)} ${String(code.length).padStart(8)}  ${name}`)
  expect(foreign).toEqual([])
  expect(gzipBytes).toBeLessThan(most)
  expect(gzipBytes).toBeGreaterThan(20_000)
})

test('a bundle has the portable arithmetic, and none of a machine', async () => {
  const { files } = await bundle(`export * from '${room}.ts'`)
  expect(files).toContain('src/crypto/portable-ecdsa.ts')
  expect(files.filter(path => path.includes('@noble/curves')).length).toBeGreaterThan(0)
  expect(files.filter(path => /\.node\.ts$|^src\/(host|node|api|cli)\//.test(path))).toEqual([])
})

test('an import that a browser cannot follow makes no bundle', async () => {
  await expect(bundle("import { hash } from 'node:crypto'; hash('sha256', '')")).rejects.toThrow()
  await expect(bundle("export * from 'src/crypto/hash.node.ts'")).rejects.toThrow()
})

afterAll(() => {
  process.stdout.write(`bytes of bundles\n    gzip minified\n${told.join('\n')}\n`)
})
