/**
 * What a page pays for verification. Where a door has no promise the arithmetic is in the bundle; light clients ask WebCrypto.
 * Bytes of one source are the same on every machine; the bounds leave room for small things and none for another library.
 */
import { afterAll, expect, test } from 'vitest'
import { bundle, type Piece, piecesOf } from './bundle.ts'

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
  expect(files).toContain('src/crypto/portable-ecdsa.ts')
  expect(files.filter(path => path.includes('@noble/curves')).length).toBeGreaterThan(0)
  expect(files.filter(path => /\.node\.ts$|^src\/(host|node|api|cli)\//.test(path))).toEqual([])
})

test('an import that a browser cannot follow makes no bundle', async () => {
  await expect(bundle("import { hash } from 'node:crypto'; hash('sha256', '')")).rejects.toThrow()
  await expect(bundle("export * from 'src/crypto/hash.node.ts'")).rejects.toThrow()
})

/** What a light client loads besides, when the manifest admits a platform: own code, arithmetic not counted. */
const lightRows = [
  ['nitro', '/nitro/verify.ts', 6_500],
  ['sgx and tdx', '/dcap/verify.ts', 14_000],
  ['sev-snp', '/sev-snp/verify.ts', 17_000],
  ['simulated', '/simulated/verify.ts', 4_500],
] as const

const light = "export * from 'src/light.ts'"
const arithmetic = [/^@noble\//]
const sum = (pieces: readonly Piece[]): number =>
  pieces.reduce((bytes, { gzipBytes }) => bytes + gzipBytes, 0)
const tell = (bytes: number, what: string): void => {
  told.push(`${String(bytes).padStart(8)}           ${what}`)
}

test.each(lightRows)(
  'a light client loads %s when its manifest admits it',
  async (name, demanded, most) => {
    const { first, later } = await piecesOf(light, { external: arithmetic, demanded })
    tell(sum(later), `light, what ${name} adds: own code`)
    expect(sum(later)).toBeLessThan(most)
    expect(first.flatMap(({ files }) => files).filter(file => file.includes(demanded))).toEqual([])
  },
)

test('a light client loads its own code and the hashes at once, and no curves, neither a CBOR library nor zod', async () => {
  const demanded = '/nitro/verify.ts'
  const own = sum((await piecesOf(light, { external: arithmetic, demanded })).first)
  const { first } = await piecesOf(light, { external: [], demanded })
  tell(own, 'light, all but platforms: own code')
  tell(sum(first) - own, 'light: hashes of noble')
  // What is shared with what comes later is a piece of its own, and costs some hundred bytes.
  expect(own).toBeLessThan(42_500)
  expect(sum(first) - own).toBeLessThan(6_000)
  const files = first.flatMap(piece => piece.files)
  expect(files).toContain('src/wire/cbor-scan.ts')
  expect(
    files.filter(path =>
      /@noble\/curves|cbor-x|cborg|\/zod\/|\.node\.ts$|^src\/(host|node|api|cli|protocol)\//.test(
        path,
      ),
    ),
  ).toEqual([])
})

test('where WebCrypto is not, a light client loads noble', async () => {
  const { later } = await piecesOf(light, { external: [], demanded: '/crypto/portable.ts' })
  tell(sum(later), 'light, without WebCrypto: noble')
  expect(sum(later)).toBeLessThan(25_000)
  expect(sum(later)).toBeGreaterThan(10_000)
})

test('a light client loads HPKE with X-Wing when it calls', async () => {
  const { first, later } = await piecesOf(light, { external: [], demanded: '/light/channel.ts' })
  tell(sum(later), 'light, what a call adds: HPKE, X-Wing, AES and curves of noble')
  expect(sum(later)).toBeLessThan(28_000)
  expect(later.flatMap(({ files }) => files)).toContain('src/crypto/hpke.ts')
  const early = first.flatMap(({ files }) => files)
  expect(early.filter(file => /hpke|kem\.(web\.)?ts|sealed|ml-kem|ciphers/.test(file))).toEqual([])
})

test('heads and proofs alone are small', async () => {
  const text =
    "export { headIn } from 'src/light/checkpoints.ts'; export { provenIn } from 'src/light/proof.ts'"
  const { first } = await piecesOf(text, { external: arithmetic })
  tell(sum(first), 'light, heads and proofs: own code')
  expect(sum(first)).toBeLessThan(9_000)
})

afterAll(() => {
  process.stdout.write(`bytes of bundles\n    gzip minified\n${told.join('\n')}\n`)
})
