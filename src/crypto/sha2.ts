/**
 * SHA-2 (FIPS 180-4) for pages, in a quarter of noble's bytes: every page that verifies anything loads it, because WebCrypto hashes behind a
 * promise. Constants are made the way that the standard defines them, so there are none to get wrong. Half as fast as noble, which is
 * faster than documents arrive.
 */

/** SHA-256: 32 fresh bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return hashed(data, tables().sha256)
}

/** SHA-384: 48 fresh bytes. */
export function sha384(data: Uint8Array): Uint8Array {
  return hashed(data, tables().sha384).slice(0, 48)
}

/** SHA-512: 64 fresh bytes. */
export function sha512(data: Uint8Array): Uint8Array {
  return hashed(data, tables().sha512)
}

/** One of the three, in words of 32 bits; words of 64 bits are two of them, the upper half first. */
interface Form {
  readonly start: Int32Array
  readonly rounds: Int32Array
  /** Mixes a block into the state; its first words are the message's. */
  readonly mix: (state: Int32Array, words: Int32Array, rounds: Int32Array) => void
}

function hashed(data: Uint8Array, { start, rounds, mix }: Form): Uint8Array {
  const state = start.slice()
  const words = new Int32Array(rounds.length)
  const blockBytes = 8 * state.length
  const message = padded(data, blockBytes)
  for (let block = 0; block < message.byteLength; block += blockBytes) {
    for (let at = 0; at < blockBytes; at += 4) words[at / 4] = message.getInt32(block + at)
    mix(state, words, rounds)
  }
  const digest = new DataView(new ArrayBuffer(4 * state.length))
  for (const [i, word] of state.entries()) digest.setInt32(4 * i, word)
  // It may be a key.
  new Uint8Array(message.buffer).fill(0)
  return new Uint8Array(digest.buffer)
}

/** The message, a one bit, zeros, and its length in bits as the last eight bytes (§5.1): blocks of so many bytes. */
function padded(data: Uint8Array, blockBytes: number): DataView {
  // The length has an eighth of a block; the lower eight bytes of it can say how long anything is.
  const length = Math.ceil((data.length + 1 + blockBytes / 8) / blockBytes) * blockBytes
  const message = new Uint8Array(length)
  message.set(data)
  message[data.length] = 0x80
  const view = new DataView(message.buffer)
  view.setBigUint64(length - 8, 8n * BigInt(data.length))
  return view
}

const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by))
const at = (words: Int32Array, i: number): number => words[i] ?? 0

/** One block of SHA-256 (§6.2.2). */
function mixNarrow(state: Int32Array, words: Int32Array, rounds: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = at(words, i - 15)
    const y = at(words, i - 2)
    const s0 = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3)
    const s1 = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10)
    words[i] = (at(words, i - 16) + s0 + at(words, i - 7) + s1) | 0
  }
  let a = at(state, 0)
  let b = at(state, 1)
  let c = at(state, 2)
  let d = at(state, 3)
  let e = at(state, 4)
  let f = at(state, 5)
  let g = at(state, 6)
  let h = at(state, 7)
  for (let i = 0; i < 64; i++) {
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
    const chosen = (h + s1 + ((e & f) ^ (~e & g)) + at(rounds, i) + at(words, i)) | 0
    const major = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + chosen) | 0
    d = c
    c = b
    b = a
    a = (chosen + major) | 0
  }
  state[0] = at(state, 0) + a
  state[1] = at(state, 1) + b
  state[2] = at(state, 2) + c
  state[3] = at(state, 3) + d
  state[4] = at(state, 4) + e
  state[5] = at(state, 5) + f
  state[6] = at(state, 6) + g
  state[7] = at(state, 7) + h
}

/** One half of a word of 64 bits that is turned by less than 32: the upper one, or the lower one if the halves are swapped. */
const half = (upper: number, lower: number, by: number): number =>
  (upper >>> by) | (lower << (32 - by))
/** What a sum of lower halves carries over. */
const carried = (sum: number): number => Math.floor(sum / 0x1_0000_0000)

/** Words 16 to 79 of a block of SHA-384 and SHA-512 (§6.4.2). */
function spreadWide(words: Int32Array): void {
  for (let i = 32; i < 160; i += 2) {
    const xh = at(words, i - 30)
    const xl = at(words, i - 29)
    const yh = at(words, i - 4)
    const yl = at(words, i - 3)
    const lower =
      ((half(xl, xh, 1) ^ half(xl, xh, 8) ^ half(xl, xh, 7)) >>> 0) +
      ((half(yl, yh, 19) ^ half(yh, yl, 29) ^ half(yl, yh, 6)) >>> 0) +
      (at(words, i - 13) >>> 0) +
      (at(words, i - 31) >>> 0)
    words[i] =
      (half(xh, xl, 1) ^ half(xh, xl, 8) ^ (xh >>> 7)) +
      (half(yh, yl, 19) ^ half(yl, yh, 29) ^ (yh >>> 6)) +
      at(words, i - 14) +
      at(words, i - 32) +
      carried(lower)
    words[i + 1] = lower
  }
}

/** One block of SHA-384 and SHA-512 (§6.4.2): `now` is a to h and moves on by one word in each round. */
function mixWide(state: Int32Array, words: Int32Array, rounds: Int32Array): void {
  spreadWide(words)
  const now = state.slice()
  for (let i = 0; i < 160; i += 2) {
    const ah = at(now, 0)
    const al = at(now, 1)
    const eh = at(now, 8)
    const el = at(now, 9)
    const lower =
      (at(now, 15) >>> 0) +
      ((half(el, eh, 14) ^ half(el, eh, 18) ^ half(eh, el, 9)) >>> 0) +
      (((el & at(now, 11)) ^ (~el & at(now, 13))) >>> 0) +
      (at(rounds, i + 1) >>> 0) +
      (at(words, i + 1) >>> 0)
    const upper =
      at(now, 14) +
      (half(eh, el, 14) ^ half(eh, el, 18) ^ half(el, eh, 9)) +
      ((eh & at(now, 10)) ^ (~eh & at(now, 12))) +
      at(rounds, i) +
      at(words, i) +
      carried(lower)
    const major =
      (lower >>> 0) +
      ((half(al, ah, 28) ^ half(ah, al, 2) ^ half(ah, al, 7)) >>> 0) +
      (((al & at(now, 3)) ^ (al & at(now, 5)) ^ (at(now, 3) & at(now, 5))) >>> 0)
    const majorUpper =
      upper +
      (half(ah, al, 28) ^ half(al, ah, 2) ^ half(al, ah, 7)) +
      ((ah & at(now, 2)) ^ (ah & at(now, 4)) ^ (at(now, 2) & at(now, 4))) +
      carried(major)
    now.copyWithin(2, 0)
    const next = (at(now, 9) >>> 0) + (lower >>> 0)
    now[8] = at(now, 8) + upper + carried(next)
    now[9] = next
    now[0] = majorUpper
    now[1] = major
  }
  for (let i = 0; i < 16; i += 2) {
    const lower = (at(state, i + 1) >>> 0) + (at(now, i + 1) >>> 0)
    state[i] = at(state, i) + at(now, i) + carried(lower)
    state[i + 1] = lower
  }
}

type Tables = Readonly<Record<'sha256' | 'sha384' | 'sha512', Form>>

let made: Tables | undefined

/** Made once, when something is hashed: two milliseconds. */
function tables(): Tables {
  made ??= makeTables()
  return made
}

/** Fractional parts of cube roots (§4.2) and of square roots (§5.3) of the first primes; SHA-256 has the upper halves. */
function makeTables(): Tables {
  const primes: bigint[] = []
  for (let n = 2n; primes.length < 80; n++)
    if (primes.every(prime => n % prime > 0n)) primes.push(n)
  const rounds = rootsOf(primes, 3n)
  const start = rootsOf(primes.slice(0, 8), 2n)
  const upper = (halves: Int32Array): Int32Array => halves.filter((_, i) => i % 2 === 0)
  return {
    sha256: { start: upper(start), rounds: upper(rounds).slice(0, 64), mix: mixNarrow },
    sha384: { start: rootsOf(primes.slice(8, 16), 2n), rounds, mix: mixWide },
    sha512: { start, rounds, mix: mixWide },
  }
}

/** The first 64 bits behind the point of the roots of numbers below 2^9. */
function rootsOf(numbers: readonly bigint[], degree: bigint): Int32Array {
  const roots = numbers.map(number => {
    const power = number << (64n * degree)
    let root = 0n
    for (let bit = 1n << 69n; bit > 0n; bit >>= 1n) {
      if ((root + bit) ** degree <= power) root += bit
    }
    return root
  })
  return Int32Array.from(
    roots.flatMap(root => [
      Number(BigInt.asIntN(32, root >> 32n)),
      Number(BigInt.asIntN(32, root)),
    ]),
  )
}
