/**
 * What a page pays for a light client: its own code where the browser gives WebCrypto, noble besides where it does not. Bytes as a server
 * sends them; of one source they are the same on every machine.
 */
import { afterAll, expect, test } from 'vitest'
import { bundle, type Piece, piecesOf } from './bundle.ts'

const told: string[] = []
const tell = (bytes: number, what: string): void => {
  told.push(`${String(bytes).padStart(8)}  ${what}`)
}
const sum = (pieces: readonly Piece[]): number =>
  pieces.reduce((bytes, { gzipBytes }) => bytes + gzipBytes, 0)

/** Loaded where WebCrypto is not. */
const fallback = '/crypto/portable.ts'
const withoutFallback = [/\/portable\.ts$/]

/** Checkpoints of a node and who signed the same, what a key holds under them, and how signatures settle. */
const core = `
  export { headIn } from 'src/light/checkpoints.ts'
  export { provenIn } from 'src/light/proof.ts'
  export { Signers } from 'src/light/signers.ts'
  export { settled } from 'src/crypto/settled.ts'
`
const platforms = {
  nitro: "export { nitroAppraiser } from 'src/attestation/nitro/verify.ts'",
  'sgx and tdx': "export { sgxAppraiser, tdxAppraiser } from 'src/attestation/dcap/verify.ts'",
  'sev-snp': "export { sevSnpAppraiser } from 'src/attestation/sev-snp/verify.ts'",
  simulated: "export { simulatedAppraiser } from 'src/attestation/simulated/verify.ts'",
} as const
const { simulated: _, ...real } = platforms

/** Nitro brings its chain along; Intel and AMD have lists, levels and authorities, and AMD's keys alone are 4,600 bytes that nothing packs. */
const oneRows = [
  ['nitro', 20_000],
  ['sgx and tdx', 26_500],
  ['sev-snp', 31_800],
  ['simulated', 18_300],
] as const

test.each(oneRows)('heads, proofs and %s take at most %i bytes', async (name, most) => {
  const { gzipBytes, files, bytesOfFile } = await bundle(core + platforms[name], withoutFallback)
  tell(gzipBytes, `heads, proofs and ${name}`)
  expect(gzipBytes).toBeLessThanOrEqual(most)
  expect(files.filter(path => path.startsWith('@noble/'))).toEqual([])
  if (name !== 'nitro') return
  const rows = files.map(file => [bytesOfFile(file), file] as const)
  for (const [bytes, file] of rows.toSorted(([left], [right]) => right - left)) {
    if (bytes >= 300) told.push(`${' '.repeat(10)}${String(bytes).padStart(6)}  ${file}`)
  }
})

test('heads, proofs and all four platforms take at most 60,000 bytes', async () => {
  const { gzipBytes } = await bundle(core + Object.values(real).join(';'), withoutFallback)
  tell(gzipBytes, 'heads, proofs and all four platforms')
  expect(gzipBytes).toBeLessThanOrEqual(42_000)
})

test('heads and proofs alone are small', async () => {
  const text =
    "export { headIn } from 'src/light/checkpoints.ts'; export { provenIn } from 'src/light/proof.ts'"
  const { gzipBytes } = await bundle(text, withoutFallback)
  tell(gzipBytes, 'heads and proofs alone')
  expect(gzipBytes).toBeLessThan(10_000)
})

const light = "export * from 'src/light.ts'"

/** What a light client loads besides, when the manifest admits a platform. */
const demandedRows = [
  ['nitro', '/nitro/verify.ts', 8_500],
  ['sgx and tdx', '/dcap/verify.ts', 16_000],
  ['sev-snp', '/sev-snp/verify.ts', 20_500],
  ['simulated', '/simulated/verify.ts', 6_500],
] as const

test.each(demandedRows)(
  'a light client loads %s when its manifest admits it',
  async (name, demanded, most) => {
    const { first, later } = await piecesOf(light, { external: [], demanded })
    tell(sum(later), `light client, what ${name} adds`)
    expect(sum(later)).toBeLessThan(most)
    expect(first.flatMap(({ files }) => files).filter(file => file.includes(demanded))).toEqual([])
  },
)

test('a light client loads no curves, no CBOR library and no zod at once', async () => {
  const { first } = await piecesOf(light, { external: [], demanded: fallback })
  tell(sum(first), 'light client, all but platforms')
  expect(sum(first)).toBeLessThan(40_500)
  const files = first.flatMap(piece => piece.files)
  expect(files).toContain('src/wire/cbor-scan.ts')
  const unwanted = /^@noble\/|cbor-x|cborg|^zod\/|\.node\.ts$|^src\/(host|node|api|cli|protocol)\//
  expect(files.filter(path => unwanted.test(path))).toEqual([])
})

/** With manifests, HTTP, reports and their words; 60,000 would be had by leaving out what a report says. */
test('a light client with all four platforms takes at most 67,000 bytes', async () => {
  const besides = [
    ...withoutFallback,
    /simulated\/verify\.ts$/,
    /light\/channel\.ts$/,
    /^\.\/channel\.ts$/,
  ]
  const { gzipBytes } = await bundle(light, besides)
  tell(gzipBytes, 'light client with all four platforms')
  expect(gzipBytes).toBeLessThan(67_000)
})

test.each([
  ['where WebCrypto is not, noble', fallback, 25_000],
  ['for sealed calls, HPKE with X-Wing', '/light/channel.ts', 40_000],
] as const)('a light client loads %s', async (what, demanded, most) => {
  const { first, later } = await piecesOf(light, { external: [], demanded })
  tell(sum(later), `light client, ${what}`)
  expect(sum(later)).toBeLessThan(most)
  expect(sum(later)).toBeGreaterThan(10_000)
  expect(first.flatMap(({ files }) => files).filter(file => file.includes(demanded))).toEqual([])
})

afterAll(() => {
  process.stdout.write(`bytes of light clients, gzip -9\n${told.join('\n')}\n`)
})
