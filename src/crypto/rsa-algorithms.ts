/** Bytes of modulus and signature: the keys of AMD's roots and authorities all have 4096 bits. */
export const rsaBytes = 512

/** What is signed with RSASSA-PSS, SHA-384 in both places and a salt of 48 bytes (RFC 8017 §8.1), by whom. */
export interface RsaSigned {
  /** 512 bytes, big-endian, the top bit set; the exponent is 65537. */
  readonly modulus: Uint8Array
  readonly message: Uint8Array
  /** 512 bytes. */
  readonly signature: Uint8Array
}
