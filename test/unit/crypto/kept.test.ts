/**
 * What rooms that browsers run keep beyond a run. A run that is still being settled guesses signatures, so whoever keeps what one of them
 * vouched for asks `isCertain`; whatever is new here says why it need not.
 */
import { expect, test } from 'vitest'
import { readTree, type Tree } from '../../law/tree.ts'

/** Follow from bytes alone, whoever signed them. */
const fromBytes: ReadonlySet<string> = new Set([
  'src/attestation/endorsements.ts digests',
  'src/attestation/revocation-list.ts nameOfReading',
  'src/attestation/x509.ts nameOfReading',
  'src/crypto/arithmetic.ts atHand',
  'src/crypto/hash.ts scratch',
  'src/crypto/hash.ts tags',
  'src/crypto/sha2.ts made',
  'src/wire/cbor.ts idle',
  'src/wire/evidence.ts digests',
])

/** Cannot change, or hold nothing of what was read. */
const isFixed =
  /: ReadonlySet|: ReadonlyMap|new (TextEncoder|TextDecoder|Uint8Array\((0|32)\)|Int8Array)/

/** Things at the top of a module that can change. */
function kept(tree: Tree): readonly string[] {
  return [...tree].flatMap(([path, text]) =>
    text
      .split('\n')
      .filter(
        line => /^(export )?(let |const \w+(: [^=]+)? = new )/.test(line) && !isFixed.test(line),
      )
      .map(line => `${path} ${/(?:let|const) (\w+)/.exec(line)?.[1] ?? ''}`),
  )
}

test('whatever a run could leave behind is only kept when it is certain', () => {
  const tree = readTree(/^src\/(base|crypto|wire|attestation|light)\/.*(?<!\.node)\.ts$/)
  const found = kept(tree)
  expect([...fromBytes].filter(each => !found.includes(each))).toEqual([])
  const vouched = found.filter(each => !fromBytes.has(each))
  expect(vouched).toEqual(
    expect.arrayContaining([
      'src/attestation/x509.ts keptLeaves',
      'src/attestation/dcap/verify.ts awaiting',
    ]),
  )
  const asks = (path: string): boolean => /\bisCertain\(\)/.test(tree.get(path) ?? '')
  expect(vouched.filter(each => !asks(each.split(' ')[0] ?? ''))).toEqual([])
})

test('a planted cache is found', () => {
  const planted = (line: string) => kept(new Map([['src/wire/a.ts', line]]))
  for (const line of [
    'const seen = new BoundedMap<string, true>(9)',
    'const seen: Map<string, true> = new Map()',
    'let seen = 0',
  ]) {
    expect(planted(line)).toEqual(['src/wire/a.ts seen'])
  }
  expect(planted("const names: ReadonlySet<string> = new Set(['a'])")).toEqual([])
})
