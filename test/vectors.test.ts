/**
 * Genuine and tampered evidence that others have published, read where it is present: `COTERIE_VECTORS`, or `../shared/vectors` beside
 * the checkout. Without the files every test is skipped by name. Nothing of them is part of this project.
 */
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isPlatformName, platformNames } from '../src/attestation/platforms.ts'
import { appraiserOf } from '../src/attestation/verifiers.ts'
import { inspectFile } from '../src/cli/evidence-file.ts'
import { coterie } from './fixtures/command-line.ts'
import {
  absence,
  areVectorsAbsent,
  type Vector,
  vectorPath,
  vectorsOf,
} from './fixtures/vectors.ts'

const vectors = platformNames.filter(isPlatformName).flatMap(vectorsOf)
/** A certificate without a report is tried where chains are. */
const isEvidence = ({ file }: Vector): boolean => !file.endsWith('.der')
const evidence = vectors.filter(isEvidence)

/** The register that `--measurement` means, from the vector itself: the measurement is never the reason of a verdict. */
function measurementOf({ platform, fields }: Vector): readonly string[] {
  const value = fields?.[appraiserOf(platform)?.mainRegister ?? '']
  return typeof value === 'string' ? [value] : []
}

/** What it was asked to carry, in hexadecimal. */
function dataOf({ fields }: Vector): string {
  const data = fields?.['report_data'] ?? fields?.['user_data']
  return typeof data === 'string' ? data : ''
}

/** Flags of `coterie verify`, endorsements by the folder that holds them where there is one. */
function flagsOf(vector: Vector) {
  const files = Object.values(vector.collateral?.files ?? {})
  const folders = [...new Set(files.map(dirname))].filter(each => each.includes('collateral'))
  return {
    platform: vector.platform,
    endorsements: (folders.length > 0 ? folders : files).map(vectorPath),
    measurement: measurementOf(vector),
    at: vector.verify_at,
  }
}

/** Refusals that say that somebody forged, changed or revoked something; genuine evidence has none of them. */
const forgeries =
  /MALFORMED|SIGNATURE|CHAIN_|ANCHOR|EXPIRED|NOT_YET|REVOKED|INSTANCE_MISMATCH|CERTIFICATE_/

let ran = 0

describe.skipIf(areVectorsAbsent)(`published evidence${absence}`, () => {
  test.each(evidence)('$id: $expected.verdict', async vector => {
    const { expected } = vector
    const { inspection } = await inspectFile(vectorPath(vector.file), flagsOf(vector))
    ran++
    const { verdict, code, checks, fields } = inspection
    expect(inspection.sentence).not.toMatch(/^Refused:/)
    const reason = JSON.stringify({ code, checks })
    if (expected.verdict === 'accept') expect(verdict, reason).toBe('trusted')
    else expect(verdict, reason).toMatch(/^(refused|undetermined)$/)
    if (expected.genuine) expect(verdict === 'refused' ? code : '').not.toMatch(forgeries)
    expect(fields).toMatchObject(vector.fields ?? {})
    const tcb = checks.find(({ id, found }) => id === 'tcb' && found !== undefined)
    if (tcb !== undefined && expected.tcb_status) {
      expect(tcb.found).toBe(expected.tcb_status)
      expect(inspection.advisories).toEqual(expected.advisory_ids)
    }
  })

  test.each(evidence.filter(({ expected }) => expected.verdict === 'accept'))(
    '$id: without a measurement it is undetermined, and with another one refused',
    async vector => {
      const path = vectorPath(vector.file)
      const flags = flagsOf(vector)
      const open = await inspectFile(path, { ...flags, measurement: [] })
      expect(open.inspection).toMatchObject({
        verdict: 'undetermined',
        code: 'MEASUREMENT_NOT_PINNED',
      })
      expect(open.inspection.checks.filter(({ outcome }) => outcome === 'fail')).toEqual([])
      const measurement = flags.measurement.map(value => value.replaceAll(/./g, 'e'))
      const other = await inspectFile(path, { ...flags, measurement })
      expect(other.inspection.code).toBe('MEASUREMENT_MISMATCH')
    },
  )

  test.each(evidence.filter(each => each.expected.verdict === 'accept' && dataOf(each) !== ''))(
    '$id: it carries its own report data, and no other',
    async vector => {
      const path = vectorPath(vector.file)
      const reportData = dataOf(vector)
      const own = await inspectFile(path, { ...flagsOf(vector), reportData })
      expect(own.inspection.verdict).toBe('trusted')
      const last = reportData.endsWith('0') ? '1' : '0'
      const other = { ...flagsOf(vector), reportData: reportData.slice(0, -1) + last }
      expect((await inspectFile(path, other)).inspection.code).toBe('REPORT_DATA_MISMATCH')
    },
  )

  test('the command says the same with its exit code', async () => {
    const first = evidence.find(({ expected }) => expected.verdict === 'accept')
    if (first === undefined) throw new Error('no vector is accepted')
    const { platform, endorsements, measurement, at } = flagsOf(first)
    const fixed = ['verify', vectorPath(first.file), '--platform', platform, '--at', at, '--json']
    const given = endorsements.flatMap(path => ['--endorsements', path])
    const [value = ''] = measurement
    const [pinned, open] = await Promise.all([
      coterie([...fixed, ...given, '--measurement', value]),
      coterie([...fixed, ...given]),
    ])
    expect([pinned.code, open.code]).toEqual([0, 3])
    expect(JSON.parse(open.out)).toMatchObject({ code: 'MEASUREMENT_NOT_PINNED' })
  })

  test('all of them ran', () => {
    const others = vectors.length - evidence.length
    process.stdout.write(
      `published evidence: ${ran} of ${vectors.length} ran, ${others} without evidence are tried as chains\n`,
    )
    expect(ran).toBe(evidence.length)
    expect(ran).toBeGreaterThan(0)
  })
})
