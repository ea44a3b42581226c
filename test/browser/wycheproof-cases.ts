/** Questions of C2SP/wycheproof about the arithmetic below attestation, read where the files lie beside the checkout. */
import { existsSync, readFileSync } from 'node:fs'
import type { EcdsaCurve, EcdsaHash } from '../../src/crypto/ecdsa-algorithms.ts'
import { vectorPath } from '../fixtures/vectors.ts'
import type { ArithmeticCase } from './arithmetic-cases.ts'
import type { ArithmeticQuestion } from './page/arithmetic.ts'

type Fields = Readonly<Record<string, string>>
interface Group {
  readonly tests: readonly (Fields & { readonly result: string })[]
  readonly [field: string]: unknown
}

export const isWycheproofAbsent = !existsSync(vectorPath('wycheproof'))
export const wycheproofAbsence = isWycheproofAbsent
  ? ' (skipped: no wycheproof vectors here, set COTERIE_VECTORS)'
  : ''

/** The cases of a file; those that leave the answer open, or that cannot be asked, are left out. */
function casesOf(
  file: string,
  ask: (vector: Fields, group: Group) => ArithmeticQuestion | undefined,
): readonly ArithmeticCase[] {
  const text = readFileSync(vectorPath(`wycheproof/${file}_test.json`), 'utf8')
  const { testGroups }: { readonly testGroups: readonly Group[] } = JSON.parse(text)
  return testGroups.flatMap(group =>
    group.tests.flatMap(vector => {
      const question = ask(vector, group)
      const isOpen = question === undefined || vector.result === 'acceptable'
      if (isOpen) return []
      const opened = vector.result === 'valid' ? (vector['msg'] ?? '') : vector.result
      return [[question.ask === 'open' ? opened : vector.result, question] as const]
    }),
  )
}

const curves = [
  ['ecdsa_secp256r1_sha256', 'P-256', 'SHA-256', 'der'],
  ['ecdsa_secp256r1_sha256_p1363', 'P-256', 'SHA-256', 'raw'],
  ['ecdsa_secp384r1_sha384', 'P-384', 'SHA-384', 'der'],
  ['ecdsa_secp384r1_sha384_p1363', 'P-384', 'SHA-384', 'raw'],
] as const satisfies readonly (readonly [string, EcdsaCurve, EcdsaHash, 'der' | 'raw'])[]

const signed = ({ msg = '', sig = '' }: Fields) => ({ message: msg, signature: sig })
const inside = ({ publicKey }: Group, field: string): string =>
  (publicKey as Fields | undefined)?.[field] ?? ''

/** All of them, by the names of their files. */
export const wycheproofCases: Readonly<Record<string, () => readonly ArithmeticCase[]>> = {
  ...Object.fromEntries(
    curves.map(([file, curve, hash, format]) => [
      file,
      () =>
        casesOf(file, (vector, group) => {
          const publicKey = inside(group, 'uncompressed')
          return { ask: 'ecdsa', curve, hash, format, publicKey, ...signed(vector) }
        }),
    ]),
  ),
  rsa_pss_4096_sha384_mgf1_48: () =>
    casesOf('rsa_pss_4096_sha384_mgf1_48', (vector, group) => {
      // Spelled as an integer of DER, with a zero byte in front.
      const modulus = inside(group, 'modulus').slice(2)
      return { ask: 'rsa', modulus, ...signed(vector) }
    }),
  ed25519: () =>
    casesOf('ed25519', (vector, group) => ({
      ...{ ask: 'ed25519', publicKey: inside(group, 'pk') },
      ...signed(vector),
    })),
  aes_gcm: () =>
    casesOf('aes_gcm', ({ key = '', iv = '', aad = '', ct, tag }, group) => {
      const { keySize, ivSize, tagSize } = group
      if (keySize !== 256 || ivSize !== 96 || tagSize !== 128) return undefined
      return { ask: 'open', key, nonce: iv, aad, sealed: `${ct}${tag}` }
    }),
}
