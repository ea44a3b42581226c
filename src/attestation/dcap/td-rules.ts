/** What a trust domain must be, whatever runs in it (Intel TDX Module ABI Specification, TD attributes). */
import type { Refusal } from '../verdict.ts'
import type { TdReport } from './quote.ts'

/**
 * Bits of TDATTRIBUTES that may be set, least significant byte first: DEBUG (0; refused with the others that are debugged),
 * SEPT_VE_DISABLE (28), PKS (30), KL (31), PERFMON (63). Not among them: all else in byte 0, which makes a TD untrusted;
 * MIGRATABLE (29), because it lets another TD move the memory; and what is reserved.
 */
const attributesAllowed = [0x01, 0, 0, 0xd0, 0, 0, 0, 0x80]

/** Bit 28: without it the host may take a page away and give another; the guest would go on without noticing. */
const septVeDisable = 0x10

/**
 * Why a trust domain is refused, whatever runs in it.
 *
 * Codes: `TD_ATTRIBUTES_NOT_ALLOWED`, `TDX_MODULE_MISMATCH`, `SERVICE_TD_BOUND`.
 */
export function brokenTd(td: TdReport): Refusal | undefined {
  const isAllowed = td.attributes.every((byte, i) => (byte & ~(attributesAllowed[i] ?? 0)) === 0)
  if (!isAllowed) return notAllowed('bits set that are reserved or weaken the TD')
  if (((td.attributes[3] ?? 0) & septVeDisable) === 0)
    return notAllowed('SEPT_VE_DISABLE is not set')
  if (!isZero(td.mrSignerSeam) || !isZero(td.seamAttributes)) {
    return { code: 'TDX_MODULE_MISMATCH', facts: { reason: 'a module that Intel did not sign' } }
  }
  if (td.later !== undefined && !isZero(td.later.mrServiceTd)) {
    return { code: 'SERVICE_TD_BOUND', facts: { reason: 'MRSERVICETD is not zero' } }
  }
  return undefined
}

/** Whether the host may read the memory: bit 0. */
export const isTdDebug = ({ attributes }: TdReport): boolean => ((attributes[0] ?? 0) & 0x01) !== 0

const notAllowed = (reason: string): Refusal => ({
  code: 'TD_ATTRIBUTES_NOT_ALLOWED',
  facts: { reason },
})

const isZero = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0)
