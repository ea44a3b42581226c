/** Evidence in a file, and what people say beside it in flags. */

import { inspect } from '../attestation/inspect.ts'
import type { Inspection } from '../attestation/inspection.ts'
import { factsOf, isPlatformName } from '../attestation/platforms.ts'
import { policyOf } from '../attestation/policy.ts'
import { appraiserOf } from '../attestation/verifiers.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { type Timestamp, timestamp } from '../base/time.ts'
import { readAtMost } from '../host/bounded-read.ts'
import { readEndorsementFiles } from '../host/endorsements/files.ts'
import { limits } from '../wire/limits.ts'
import { readPolicy, readPolicyBytes } from './policy-file.ts'

/** As people write them. */
export interface EvidenceFlags {
  readonly platform: string
  readonly endorsements: readonly string[]
  /** Any of them. */
  readonly measurement: readonly string[]
  readonly reportData?: string
  readonly policy?: string
  readonly at?: string
}

export interface InspectedFile {
  readonly inspection: Inspection
  /** The time that it was inspected for. */
  readonly now: Timestamp
  /** Files of folders that are no endorsements. */
  readonly passedOver: readonly string[]
}

/**
 * Inspects the evidence in a file, or on standard input for `-`.
 *
 * @throws {UsageError} `FILE_UNREADABLE`, `BAD_TIME`, `BAD_MEASUREMENT`, `BAD_REPORT_DATA`, and what `readEndorsementFiles` and
 * `readPolicy` throw. @throws {HostError} `MANIFEST_UNREADABLE`.
 */
export async function inspectFile(file: string, flags: EvidenceFlags): Promise<InspectedFile> {
  const asked = await askedBy(flags)
  const { endorsements, passedOver } = await readEndorsementFiles(flags.endorsements)
  const body = await readAtMost(file, limits.handshakeFrameBytesMax)
  const evidence = { platform: flags.platform, body }
  return { inspection: inspect({ ...asked, evidence, endorsements }), now: asked.now, passedOver }
}

async function askedBy(flags: EvidenceFlags) {
  const { at, policy, reportData } = flags
  return {
    now: at === undefined ? timestamp(Date.now()) : timeOf(at),
    measurements: flags.measurement.map(text => measurementOf(text, flags.platform)),
    reportData: reportData === undefined ? undefined : reportDataOf(reportData, flags.platform),
    policy:
      policy === undefined
        ? undefined
        : policyOf(readPolicy(await readPolicyBytes(policy)).manifest),
  }
}

function timeOf(text: string): Timestamp {
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/
  const at = form.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(at)) return timestamp(at)
  throw new UsageError('BAD_TIME', 'The time of --at is none that can be read.', {
    next: 'Write it as 2026-01-31T12:00:00Z, with its zone.',
  })
}

function measurementOf(text: string, platform: string): string {
  const register = isPlatformName(platform) ? appraiserOf(platform)?.mainRegister : undefined
  const length =
    isPlatformName(platform) && register !== undefined
      ? factsOf(platform).registers[register]
      : undefined
  const bytes = fromHex(text.toLowerCase())
  if (bytes !== undefined && (length === undefined || bytes.length === length)) return toHex(bytes)
  const size = length === undefined ? 'a whole number of' : `${length}`
  throw new UsageError('BAD_MEASUREMENT', `A measurement here has ${size} bytes in hexadecimal.`, {
    next: `Give the whole value of ${register ?? 'the main register'}, as whoever builds the software states it.`,
  })
}

/** A Nitro document carries what it was given; all other hardware 64 bytes, and people fill the rest of them with zeros. */
function reportDataOf(text: string, platform: string): Uint8Array {
  const bytes = fromHex(text.toLowerCase())
  const bytesMax = platform === 'nitro' ? 512 : 64
  if (bytes === undefined || bytes.length === 0 || bytes.length > bytesMax) {
    throw new UsageError(
      'BAD_REPORT_DATA',
      `Report data have 1 to ${bytesMax} bytes in hexadecimal.`,
      {
        next: 'Give what the evidence was asked to carry, such as a hash of a key and a nonce.',
      },
    )
  }
  if (platform === 'nitro') return bytes
  const whole = new Uint8Array(bytesMax)
  whole.set(bytes)
  return whole
}
