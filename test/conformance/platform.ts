/** What every platform's evidence must do when it is appraised. */
import { expect, test } from 'vitest'
import type { Appraisal } from '../../src/attestation/appraisal.ts'
import { appraise } from '../../src/attestation/appraise.ts'
import { toHex } from '../../src/base/bytes.ts'

/** One appraisal each; all but `genuine` have exactly one thing wrong. */
export interface PlatformCases {
  readonly genuine: Appraisal
  readonly debug: Appraisal
  readonly expired: Appraisal
  readonly notYetValid: Appraisal
  /** A chain to a root that is not pinned. */
  readonly foreign: Appraisal
  readonly otherMeasurement: Appraisal
  readonly oldFirmware: Appraisal
  readonly otherReportData: Appraisal
  /** The bytes that neither signature nor parser may ignore; all of them unless said. */
  readonly ignoredBytes?: ReadonlySet<number>
  /** Whether bytes after the evidence are passed over, because guests hand it out in larger buffers. */
  readonly ignoresTail?: boolean
}

/** Runs the suite for the platform called `name`; `make` is called once. */
export function platformConforms(name: string, make: () => Promise<PlatformCases>): void {
  let made: Promise<PlatformCases> | undefined
  const cases = (): Promise<PlatformCases> => {
    made ??= make()
    return made
  }

  test(`${name}: genuine evidence is trusted, twice alike, and is not changed`, async () => {
    const { genuine } = await cases()
    const before = toHex(genuine.evidence.body)
    const verdict = appraise(genuine)
    expect(verdict).toMatchObject({ kind: 'trusted', platform: genuine.evidence.platform })
    expect(appraise(genuine)).toEqual(verdict)
    expect(toHex(genuine.evidence.body)).toBe(before)
  })

  test(`${name}: a verdict lapses no later than the policy's evidence age`, async () => {
    const { genuine } = await cases()
    const verdict = appraise(genuine)
    if (verdict.kind !== 'trusted') throw new Error(verdict.kind)
    expect(verdict.expiresAt).toBeGreaterThan(genuine.now)
    expect(verdict.expiresAt).toBeLessThanOrEqual(genuine.now + genuine.policy.evidenceAge)
  })

  const wrong = [
    ['debug', 'DEBUG_ENABLED'],
    ['expired', 'EVIDENCE_EXPIRED'],
    ['notYetValid', 'EVIDENCE_NOT_YET_VALID'],
    ['foreign', 'UNKNOWN_ANCHOR'],
    ['otherMeasurement', 'MEASUREMENT_MISMATCH'],
    ['oldFirmware', 'TCB_NOT_ALLOWED'],
    ['otherReportData', 'REPORT_DATA_MISMATCH'],
  ] as const
  test.each(wrong)(`${name}: %s evidence is refused as %s`, async (which, code) => {
    expect(appraise((await cases())[which])).toMatchObject({ kind: 'refused', code })
  })

  bytesAreJudged(name, cases)
}

/** A guard against hanging alone: two verifications for each byte take seconds of CPU on a busy machine. */
const timeout = 180_000

function bytesAreJudged(name: string, cases: () => Promise<PlatformCases>): void {
  test(`${name}: with any byte changed, evidence is refused and nothing throws`, {
    timeout,
  }, async () => {
    const { genuine, ignoredBytes } = await cases()
    const { body } = genuine.evidence
    const accepted: number[] = []
    for (const [i, byte] of body.entries()) {
      // One bit of each byte, another from byte to byte.
      const changed = Uint8Array.from(body).fill(byte ^ (1 << (i % 8)), i, i + 1)
      if (!ignoredBytes?.has(i) && appraiseBody(genuine, changed)) accepted.push(i)
    }
    expect(accepted).toEqual([])
  })

  test(`${name}: cut short anywhere or prolonged, evidence is refused and nothing throws`, async () => {
    const { genuine, ignoresTail = false } = await cases()
    const { body } = genuine.evidence
    for (let length = 0; length < body.length; length++) {
      expect(appraiseBody(genuine, body.subarray(0, length))).toBe(false)
    }
    expect(appraiseBody(genuine, Uint8Array.of(...body, 0))).toBe(ignoresTail)
  })
}

/** Whether `genuine` is still trusted with another body. */
function appraiseBody(genuine: Appraisal, body: Uint8Array): boolean {
  const evidence = { ...genuine.evidence, body }
  return appraise({ ...genuine, evidence }).kind === 'trusted'
}
