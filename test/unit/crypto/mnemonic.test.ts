import { expect, test } from 'vitest'
import { fromHex } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { isMnemonic, wordsOf } from '../../../src/crypto/mnemonic.ts'

// The first two test vectors of BIP-39, and its last.
const vectors = [
  ['00000000000000000000000000000000', `${'abandon '.repeat(11)}about`],
  [
    '7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f',
    'legal winner thank year wave sausage worth useful legal winner thank yellow',
  ],
  [
    'f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f',
    'void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold',
  ],
] as const

test.each(vectors)('entropy %s has the words that BIP-39 says', (hex, words) => {
  expect(wordsOf(new Secret(fromHex(hex)!))).toBe(words)
  expect(isMnemonic(words)).toBe(true)
})

test('a wrong word, a wrong checksum and a wrong number of words are none', () => {
  const [, words] = vectors[1]
  for (const wrong of [
    words.replace('yellow', 'winner'),
    `${words} legal`,
    words.slice(6),
    'x',
    '',
  ]) {
    expect(isMnemonic(wrong)).toBe(false)
  }
})
