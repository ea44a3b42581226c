/** BIP-39: entropy as English words, by the audited `@scure/bip39`. */
import { entropyToMnemonic, mnemonicToEntropy, validateMnemonic } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import type { Secret } from '../base/secret.ts'

/** Bits of entropy: 12, 15, 18, 21 or 24 words. */
export const mnemonicStrengths = [128, 160, 192, 224, 256] as const

export type MnemonicStrength = (typeof mnemonicStrengths)[number]

/** The words of 16, 20, 24, 28 or 32 bytes. A text cannot be wiped: it goes to who asked, and nowhere else. */
export function wordsOf(entropy: Secret): string {
  return entropy.use(bytes => entropyToMnemonic(bytes, wordlist))
}

/** The bytes behind words that `wordsOf` made. */
export function entropyOf(words: string): Uint8Array {
  return mnemonicToEntropy(words, wordlist)
}

/** Whether these are words of the list in the right number with the right checksum. */
export function isMnemonic(words: string): boolean {
  return validateMnemonic(words, wordlist)
}
