import fc from 'fast-check'
import { expect, test } from 'vitest'
import { certificatesIn, certificatesOfPem } from '../../../src/attestation/pem.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import { toPem } from '../../../src/host/tee/pem.ts'

const der = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 256)
const pem = (...documents: readonly Uint8Array[]): string =>
  documents.map(each => toPem('CERTIFICATE', each)).join('')

const certificate = fc.uint8Array({ minLength: 1, maxLength: 300 })

test('what is written as PEM is read again, block by block, whatever ends the lines', () => {
  const documents = fc.array(certificate, { minLength: 1, maxLength: 16 })
  const property = fc.property(documents, chain => {
    const text = pem(...chain)
    expect(certificatesOfPem(utf8(text))).toEqual(chain)
    expect(certificatesOfPem(utf8(text.replaceAll('\n', '\r\n')))).toEqual(chain)
    expect(certificatesOfPem(utf8(text.slice(0, -1)))).toEqual(chain)
  })
  fc.assert(property)
})

test('changed by one byte, PEM is refused or means other bytes', () => {
  const property = fc.property(
    certificate,
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
    (one, at, mask) => {
      const bytes = utf8(pem(one))
      const place = at % bytes.length
      const changed = bytes.map((byte, i) => (i === place ? byte ^ mask : byte))
      let read: Uint8Array[] = []
      try {
        read = certificatesOfPem(changed)
      } catch (error) {
        expect(error).toBeInstanceOf(PeerFault)
      }
      expect(read).not.toEqual([one])
    },
  )
  fc.assert(property, { numRuns: 2_000 })
})

/** Of one line of letters. */
const whole = pem(der(45))
const [first = '', letters = '', last = ''] = whole.split('\n')

test.each([
  ['nothing at all', ''],
  ['text in front', `x\n${whole}`],
  ['text behind', `${whole}x`],
  ['a blank line between blocks', `${whole}\n${whole}`],
  ['another label', whole.replaceAll('CERTIFICATE', 'X509 CRL')],
  ['no last line', `${first}\n${letters}\n`],
  ['no letters', `${first}\n${last}\n`],
  ['a block in a block', `${first}\n${whole}`],
  ['two ways to end a line', `${first}\r\n${letters}\n${last}\n`],
  ['a byte order mark', `\ufeff${whole}`],
  [
    'a short line that is not the last',
    `${first}\n${letters.slice(0, 4)}\n${letters.slice(4)}\n${last}`,
  ],
  ['a long line', `${first}\n${'A'.repeat(80)}\n${last}`],
  ['lines of 72 letters', `${first}\n${'A'.repeat(72)}\n${letters}\n${last}`],
  ['a last line that is the longest', `${first}\n${'A'.repeat(64)}\n${'A'.repeat(76)}\n${last}`],
  ['lines of two lengths', `${first}\n${'A'.repeat(76)}\n${'A'.repeat(64)}\nAAAA\n${last}`],
  ['a space', `${first}\n${letters.slice(0, -4)} ${letters.slice(-3)}\n${last}`],
  ['letters of base64url', `${first}\nAA-_\n${last}`],
  ['a missing padding', `${first}\nAAA\n${last}`],
  ['more padding than two', `${first}\nA===\n${last}`],
  ['padding in the middle', `${first}\nAA==AAAA\n${last}`],
  ['bits left over before one pad', `${first}\nAAB=\n${last}`],
  ['bits left over before two pads', `${first}\nAB==\n${last}`],
  ['more blocks than anybody sends', pem(...Array.from({ length: 17 }, () => der(3)))],
])('PEM with %s is refused', (_, text) => {
  expect(() => certificatesOfPem(utf8(text))).toThrow(expect.objectContaining({ code: 'BAD_PEM' }))
})

test('what the refused ones are made of is read', () => {
  const block = `${first}\n${letters}\n${last}`
  expect(certificatesOfPem(utf8(block))).toEqual([der(45)])
  const wide = `${first}\n${'A'.repeat(76)}\n${'A'.repeat(76)}\n${last}`
  expect(certificatesOfPem(utf8(wide))).toEqual([new Uint8Array(114)])
})

test('bytes that are no text are refused', () => {
  expect(() => certificatesOfPem(Uint8Array.of(0xff))).toThrow(PeerFault)
})

test('a document of certificates is DER of one or PEM of several', () => {
  const one = Uint8Array.of(0x30, 0)
  expect(certificatesIn(one)).toEqual([one])
  expect(certificatesIn(utf8(pem(one, one)))).toEqual([one, one])
})
