/**
 * Where evidence of each platform keeps its report data, and where it ends: enough for an attester to see that it was given what it
 * asked for. Whether the evidence is genuine is the verifier's business.
 */

import type { PlatformName } from '../../attestation/platforms.ts'
import { equalBytes } from '../../base/bytes.ts'
import { HostError } from '../../base/errors.ts'

/** Platforms whose evidence is bytes at fixed places. */
export type QuotingPlatform = Extract<PlatformName, 'sgx' | 'tdx' | 'sev-snp'>

/** Largest quote that is believed to be one: PCK chain, TD 1.5 body and signature take some 5 KiB. */
export const quoteBytesMax = 12 * 1024

/** An ATTESTATION_REPORT (AMD SEV-SNP Firmware ABI 56860, table 23) has this many bytes, REPORT_DATA at 0x050. */
export const snpReportBytes = 1184
const snpReportData = 0x50

/** Quote header, and REPORT_DATA inside of each body (Intel SGX DCAP App. A.4; Intel TDX DCAP App. A.3 and A.4). */
const headerBytes = 48
const sgxBody = { bytes: 384, reportData: 320 }
const td10Body = { bytes: 584, reportData: 520 }
const td15Body = { bytes: 648, reportData: 520 }
const teeTypes = { sgx: 0, tdx: 0x81 } as const

/**
 * The exact quote without what a driver left behind its end.
 *
 * @throws {HostError} `TEE_BAD_ANSWER` for what is no quote of `platform`, `TEE_WRONG_REPORT_DATA` for one that says something
 * else than was asked.
 */
export function exactQuote(
  platform: QuotingPlatform,
  answer: Uint8Array,
  reportData: Uint8Array,
): Uint8Array {
  const place = platform === 'sev-snp' ? snpPlace(answer) : dcapPlace(platform, answer)
  if (place === undefined || place.end > answer.length || place.end > quoteBytesMax) {
    throw new HostError(
      'TEE_BAD_ANSWER',
      `The device gave ${answer.length} bytes that are no quote.`,
    )
  }
  if (!equalBytes(answer.subarray(place.reportData, place.reportData + 64), reportData)) {
    throw new HostError(
      'TEE_WRONG_REPORT_DATA',
      'The device quoted something else than was asked.',
      {
        next: 'Stop what else asks this device, or what stands between it and this node.',
      },
    )
  }
  return answer.slice(0, place.end)
}

interface Place {
  readonly reportData: number
  readonly end: number
}

function snpPlace(answer: Uint8Array): Place | undefined {
  // A guest gets the report alone; what an older driver keeps behind it is no part of it.
  return answer.length < snpReportBytes
    ? undefined
    : { reportData: snpReportData, end: snpReportBytes }
}

function dcapPlace(platform: 'sgx' | 'tdx', answer: Uint8Array): Place | undefined {
  if (answer.length < headerBytes + 6) return undefined
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length)
  if (view.getUint32(4, true) !== teeTypes[platform]) return undefined
  const body = bodyOf(platform, view)
  if (body === undefined) return undefined
  const signatureLength = body.at + body.bytes
  if (signatureLength + 4 > answer.length) return undefined
  const end = signatureLength + 4 + view.getUint32(signatureLength, true)
  return { reportData: body.at + body.reportData, end }
}

interface BodyPlace {
  readonly at: number
  readonly bytes: number
  readonly reportData: number
}

function bodyOf(platform: 'sgx' | 'tdx', view: DataView): BodyPlace | undefined {
  const version = view.getUint16(0, true)
  if (platform === 'sgx') return version === 3 ? { at: headerBytes, ...sgxBody } : undefined
  if (version === 4) return { at: headerBytes, ...td10Body }
  if (version !== 5) return undefined
  const [type, bytes] = [view.getUint16(headerBytes, true), view.getUint32(headerBytes + 2, true)]
  const body = type === 2 ? td10Body : type === 3 ? td15Body : undefined
  return body?.bytes === bytes ? { at: headerBytes + 6, ...body } : undefined
}
