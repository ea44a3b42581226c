/** One pass, no recursion, over bytes that claim to be canonical CBOR. Decides, builds nothing. */
import { compareBytes } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'

/** How much a decoder may be asked to do. */
export interface CborLimits {
  /** Largest accepted encoding, in bytes. */
  readonly bytesMax: number
  /** Deepest nesting of arrays and maps; 16 unless said. */
  readonly depthMax?: number
  /** Most items in all, containers and keys included; 10,000 unless said. */
  readonly itemsMax?: number
}

const depthMaxDefault = 16 // reference: peers of the field allow 128; our deepest message needs 6
const itemsMaxDefault = 10_000

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

interface OpenContainer {
  /** Items still to come; a map counts keys and values. */
  left: number
  readonly isMap: boolean
  /** The spelling of the last key, to see that keys rise. */
  lastKey: Uint8Array | undefined
}

/** @throws {PeerFault} `CBOR_TOO_LARGE`, `CBOR_TOO_DEEP`, `CBOR_TOO_MANY`, `CBOR_TRUNCATED`, `CBOR_TRAILING`, `CBOR_TYPE`, `CBOR_NOT_CANONICAL`, `CBOR_BAD_TEXT`. */
export function scanCbor(bytes: Uint8Array, limits: CborLimits): void {
  if (bytes.length > limits.bytesMax) {
    throw new PeerFault('CBOR_TOO_LARGE', `more than ${limits.bytesMax} bytes`)
  }
  const depthMax = limits.depthMax ?? depthMaxDefault
  let itemsLeft = limits.itemsMax ?? itemsMaxDefault
  const open: OpenContainer[] = []
  let offset = 0
  do {
    if (itemsLeft-- === 0) throw new PeerFault('CBOR_TOO_MANY', 'more items than allowed')
    const start = offset
    const head = readHead(bytes, offset)
    offset = head.end
    const container = open.at(-1)
    const isKey = container?.isMap === true && container.left % 2 === 0
    if (isKey && head.major > 1 && head.major !== 3) {
      throw new PeerFault('CBOR_TYPE', 'a key is an integer or a text')
    }
    if (head.major === 2 || head.major === 3) offset = skipString(bytes, head)
    if (isKey && container !== undefined) checkKeyOrder(container, bytes.subarray(start, offset))
    if (container !== undefined) container.left--
    if (head.major === 4 || head.major === 5) {
      if (open.length === depthMax) throw new PeerFault('CBOR_TOO_DEEP', 'nested too deep')
      const left = head.major === 4 ? head.argument : 2 * head.argument
      if (left > bytes.length - offset) {
        throw new PeerFault('CBOR_TRUNCATED', 'a container is longer than the message')
      }
      open.push({ left, isMap: head.major === 5, lastKey: undefined })
    }
    while (open.at(-1)?.left === 0) open.pop()
  } while (open.length > 0)
  if (offset !== bytes.length) throw new PeerFault('CBOR_TRAILING', 'bytes after the value')
}

interface Head {
  readonly major: number
  readonly argument: number
  readonly end: number
}

function readHead(bytes: Uint8Array, offset: number): Head {
  const first = bytes[offset]
  if (first === undefined) throw new PeerFault('CBOR_TRUNCATED', 'the message ends early')
  const major = first >> 5
  const short = first & 0x1f
  if (major === 6) throw new PeerFault('CBOR_TYPE', 'tags are not accepted')
  if (major === 7) {
    // false, true, null; neither undefined nor any float.
    if (short >= 20 && short <= 22) return { major, argument: short, end: offset + 1 }
    throw new PeerFault('CBOR_TYPE', 'a simple value or float is not accepted')
  }
  if (short < 24) return { major, argument: short, end: offset + 1 }
  if (short > 27) throw new PeerFault('CBOR_NOT_CANONICAL', 'indefinite or reserved length')
  const width = 1 << (short - 24)
  const end = offset + 1 + width
  if (end > bytes.length) throw new PeerFault('CBOR_TRUNCATED', 'the message ends early')
  let argument = 0
  for (let i = offset + 1; i < end; i++) argument = argument * 256 + (bytes[i] ?? 0)
  const least = width === 1 ? 24 : 2 ** (4 * width)
  if (argument < least)
    throw new PeerFault('CBOR_NOT_CANONICAL', 'a number is not in shortest form')
  const most = major === 1 ? Number.MAX_SAFE_INTEGER - 1 : Number.MAX_SAFE_INTEGER
  if (argument > most) throw new PeerFault('CBOR_TYPE', 'an integer is beyond 53 bits')
  return { major, argument, end }
}

function skipString(bytes: Uint8Array, head: Head): number {
  const end = head.end + head.argument
  if (end > bytes.length)
    throw new PeerFault('CBOR_TRUNCATED', 'a string is longer than the message')
  if (head.major === 3) {
    try {
      strictUtf8.decode(bytes.subarray(head.end, end))
    } catch (cause) {
      throw new PeerFault('CBOR_BAD_TEXT', 'a text is not valid UTF-8', { cause })
    }
  }
  return end
}

function checkKeyOrder(container: OpenContainer, key: Uint8Array): void {
  if (container.lastKey !== undefined && compareBytes(container.lastKey, key) >= 0) {
    throw new PeerFault('CBOR_NOT_CANONICAL', 'map keys are not unique and rising')
  }
  container.lastKey = key
}
