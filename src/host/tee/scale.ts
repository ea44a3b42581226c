/** As much of SCALE, the encoding of parity-scale-codec, as leads to the quote in an envelope of dstack. */
import { HostError } from '../../base/errors.ts'

/** First bytes of `VersionedAttestation::V0` around `AttestationQuote::DstackTdx` (dstack, `dstack-attest`). */
const version0 = 0
const tdxQuote = 0

/**
 * The bytes of the quote, without a look at the event log behind them.
 *
 * @throws {HostError} `TEE_BAD_ANSWER` for another version, another platform, or a quote that is cut or longer than `bytesMax`.
 */
export function quoteInAttestation(attestation: Uint8Array, bytesMax: number): Uint8Array {
  const [version, kind] = attestation
  if (version !== version0 || kind !== tdxQuote) {
    throw new HostError('TEE_BAD_ANSWER', 'The envelope of dstack is not one that is known here.')
  }
  const length = compactAt(attestation, 2)
  const start = 2 + (length?.size ?? 0)
  if (
    length === undefined ||
    length.value > bytesMax ||
    start + length.value > attestation.length
  ) {
    throw new HostError('TEE_BAD_ANSWER', 'The envelope of dstack ends before its quote.')
  }
  return attestation.subarray(start, start + length.value)
}

/** A compact whole number below 2^30: its two lowest bits say in how many bytes, 1, 2 or 4, little-endian. */
function compactAt(bytes: Uint8Array, at: number): { value: number; size: number } | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  const size = [1, 2, 4][first & 3]
  if (size === undefined || at + size > bytes.length) return undefined
  let word = 0
  for (let i = size - 1; i >= 0; i--) word = word * 0x100 + (bytes[at + i] ?? 0)
  return { value: Math.floor(word / 4), size }
}
