/** Hashes of OpenSSL in one call (`crypto.hash`), which is faster than noble from 32 bytes on. */
import { hash } from 'node:crypto'

export function sha256(data: Uint8Array): Uint8Array {
  return plain(hash('sha256', data, 'buffer'))
}

export function sha256Hex(data: Uint8Array): string {
  return hash('sha256', data, 'hex')
}

export function sha384(data: Uint8Array): Uint8Array {
  return plain(hash('sha384', data, 'buffer'))
}

export function sha512(data: Uint8Array): Uint8Array {
  return plain(hash('sha512', data, 'buffer'))
}

/** A `Buffer` slices and compares unlike a `Uint8Array`, so none leaves this file. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
