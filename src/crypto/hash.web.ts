/** Hashes of noble, for where OpenSSL is not. */
export { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
