/** Curves that certificates and quotes of the known platforms are signed on. */
export type EcdsaCurve = 'P-256' | 'P-384'
export type EcdsaHash = 'SHA-256' | 'SHA-384' | 'SHA-512'
