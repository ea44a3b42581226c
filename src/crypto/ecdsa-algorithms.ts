/** Curves that certificates and quotes of the known platforms are signed on. */
export type EcdsaCurve = 'P-256' | 'P-384'
export type EcdsaHash = 'SHA-256' | 'SHA-384' | 'SHA-512'
/** `raw`: r and s, each big-endian in the curve's length; `der`: as in certificates (RFC 5480 §2.2.3). */
export type EcdsaFormat = 'raw' | 'der'

/** What the platforms' arithmetic is asked. */
export interface PointSigned {
  readonly curve: EcdsaCurve
  readonly hash: EcdsaHash
  /** Uncompressed point. */
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  /** Of the curve's length if `raw`, strict if `der`. */
  readonly signature: Uint8Array
  readonly format: EcdsaFormat
}
