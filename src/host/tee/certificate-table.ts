/** The table of certificates that a host hands an SEV-SNP guest beside its report (AMD GHCB 56421 §4.1.8.1). */

/** An entry: GUID 16 bytes, offset and length of a certificate, each 4 bytes, little-endian. */
const entryBytes = 24
/** ARK, ASK, VCEK or VLEK, a list of revoked certificates, and as many again. */
const entriesMax = 8

/**
 * The bytes from the first entry to the end of the last certificate, without the padding to whole pages that hosts add; nothing for
 * what is no table or is empty. Certificates are not looked at: whoever appraises the report judges them.
 */
export function certificateTable(given: Uint8Array): Uint8Array {
  const view = new DataView(given.buffer, given.byteOffset, given.length)
  const none = given.subarray(0, 0)
  let end = 0
  for (let entry = 0; entry <= entriesMax; entry++) {
    const at = entry * entryBytes
    if (at + entryBytes > given.length) return none
    const isLast = given.subarray(at, at + 16).every(byte => byte === 0)
    // The entry of zeros that ends the table belongs to it, whatever it says of places.
    if (isLast) return end === 0 ? none : given.subarray(0, end)
    const [offset, length] = [view.getUint32(at + 16, true), view.getUint32(at + 20, true)]
    if (offset < at + 2 * entryBytes || offset + length > given.length) return none
    end = Math.max(end, offset + length)
  }
  return none
}
