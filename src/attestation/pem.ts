/**
 * Certificates as text (PEM, RFC 7468), strictly: labels and base64 in one spelling, so that no byte of a chain may be changed
 * and mean the same.
 */
import { fromUtf8 } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** Value of each letter by its code, or -1: chains come with every quote, and a map of letters would take a fifth of their time. */
const sextets = new Int8Array(128).fill(-1)
for (const [value, letter] of [...alphabet].entries()) sextets[letter.charCodeAt(0)] = value

const begin = '-----BEGIN CERTIFICATE-----'
const end = '-----END CERTIFICATE-----'

/** Certificates of one document: no vendor's chain has more than four. */
const blocksMax = 16
/** Letters of every line but the last: 64 (§2), and 76 (RFC 2045 §6.8) in quotes of some enclaves. */
const lineLengths: ReadonlySet<number> = new Set([64, 76])

const bad = (expected: string): PeerFault => new PeerFault('BAD_PEM', `expected ${expected} in PEM`)

/**
 * The DER of one to 16 certificates, in their order, freshly made. Lines end alike, with LF or CRLF; the end of the last may
 * be missing. Explanatory text between blocks (§5.2) is refused.
 *
 * @throws {PeerFault} `BAD_PEM`.
 */
export function certificatesOfPem(bytes: Uint8Array): Uint8Array[] {
  const text = fromUtf8(bytes) ?? ''
  const lines = text.split(text.includes('\r') ? '\r\n' : '\n')
  if (lines.at(-1) === '') lines.pop()
  const certificates: Uint8Array[] = []
  for (let next = 0; next < lines.length; ) {
    if (lines[next] !== begin) throw bad('a first line')
    const last = lines.indexOf(end, next)
    if (last < 0) throw bad('a last line')
    if (certificates.length === blocksMax) throw bad(`at most ${blocksMax} certificates`)
    certificates.push(fromBase64(joined(lines.slice(next + 1, last))))
    next = last + 1
  }
  if (certificates.length === 0) throw bad('a certificate')
  return certificates
}

/** Certificates of a document that is DER of one, which begins with the tag of a sequence, or else PEM. @throws {PeerFault} `BAD_PEM`. */
export function certificatesIn(bytes: Uint8Array): Uint8Array[] {
  return bytes[0] === 0x30 ? [bytes] : certificatesOfPem(bytes)
}

function joined(lines: readonly string[]): string {
  const [first = ''] = lines
  const isEven =
    lines.length <= 1 ||
    (lineLengths.has(first.length) &&
      lines.every(({ length }, i) =>
        i < lines.length - 1 ? length === first.length : length <= first.length,
      ))
  if (!isEven || lines.some(({ length }) => length > 76)) throw bad('lines of 64 or 76 letters')
  return lines.join('')
}

/** Canonical base64 (RFC 4648 §3.5): padded, nothing else between the letters, and no bits left over but zeros. */
function fromBase64(text: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (text.length === 0 || text.length % 4 !== 0) throw bad('whole groups of base64')
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  let bits = 0
  let held = 0
  let offset = 0
  for (let i = 0; i < text.length - padding; i++) {
    const sextet = sextets[text.charCodeAt(i)] ?? -1
    if (sextet < 0) throw bad('base64')
    bits = ((bits << 6) | sextet) & 0xffff
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[offset++] = bits >> held
  }
  if ((bits & ((1 << held) - 1)) !== 0) throw bad('base64 without bits left over')
  return bytes
}
