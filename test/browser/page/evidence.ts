/** What is asked of evidence in a browser, and again in Node: only the public door is used. */
import {
  appraise,
  endorsementsIn,
  inspect,
  isRefusal,
  parseManifest,
  policyOf,
  timestamp,
} from '../../../src/attestation.ts'
import { fromHex } from '../../../src/base/bytes.ts'

/** Evidence with all that is held against it; bytes in hexadecimal, because it travels as JSON. */
export interface EvidenceQuestion {
  readonly platform: string
  readonly body: string
  /** As somebody would drop them on the page. */
  readonly files: readonly { readonly path: string; readonly bytes: string }[]
  /** The manifest to hold it against, JSON. */
  readonly manifest: string
  /** Values of the main register, for an inspection without a policy. */
  readonly measurements: readonly string[]
  /** 64 bytes. */
  readonly reportData: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
}

/** Every answer as the JSON that it is: the bytes are compared. */
export interface EvidenceAnswer {
  /** The verdict under the manifest. */
  readonly appraised: string
  /** The inspection under the manifest. */
  readonly held: string
  /** The inspection against the measurements alone. */
  readonly inspected: string
}

/** The public doors, or what stands behind them. */
interface Doors {
  readonly appraise: typeof appraise
  readonly inspect: typeof inspect
}

export function answerEvidence(
  question: EvidenceQuestion,
  doors: Doors = { appraise, inspect },
): EvidenceAnswer {
  const { platform, manifest, measurements } = question
  const policy = policyFrom(manifest)
  const asked = {
    evidence: { platform, body: bytesOf(question.body) },
    endorsements: {
      items: question.files.flatMap(({ path, bytes }) => endorsementsIn(path, bytesOf(bytes))),
    },
    now: timestamp(question.at),
  }
  const reportData = bytesOf(question.reportData)
  return {
    inspected: JSON.stringify(doors.inspect({ ...asked, measurements })),
    held: JSON.stringify(doors.inspect({ ...asked, policy, reportData })),
    appraised: JSON.stringify(doors.appraise({ ...asked, policy, expectedReportData: reportData })),
  }
}

function policyFrom(manifest: string) {
  const parsed = parseManifest(new TextEncoder().encode(manifest))
  if (isRefusal(parsed)) throw new Error(`${parsed.code}: ${JSON.stringify(parsed.facts)}`)
  return policyOf(parsed)
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error('a question spells bytes in hexadecimal')
  return bytes
}
