/** Sizes alone, so that who only checks a length does not load the arithmetic. */

/** Sizes of X-Wing (draft-connolly-cfrg-xwing-kem), in bytes. */
export const kemBytes = {
  publicKey: 1216,
  ciphertext: 1120,
  shared: 32,
  seed: 32,
  entropy: 64,
} as const
