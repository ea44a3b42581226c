/** A verifier of another network: holds what a node of the testnet shows against a production manifest. */
import { z } from 'zod'
import { appraise } from '../../src/attestation/appraise.ts'
import { noEndorsements } from '../../src/attestation/endorsements.ts'
import { encodeManifest, type Manifest, parseManifest } from '../../src/attestation/manifest.ts'
import { systemClock } from '../../src/host/clock.ts'
import { keyReportData } from '../../src/wire/evidence.ts'
import { writeJson } from '../folder.ts'
import { shownShape } from './reports.ts'
import { type ManifestFile, readManifest, readTask, shownFromText } from './task.ts'

const taskShape = z.strictObject({
  shown: shownShape,
  testnetManifest: z.string(),
  productionManifest: z.string(),
  report: z.string(),
})

async function main(): Promise<void> {
  const task = readTask(taskShape)
  const { keys, evidence } = shownFromText(task.shown)
  const testnet = readManifest(task.testnetManifest)
  const production = readManifest(task.productionManifest)
  const judgedBy = (file: ManifestFile): string => {
    // Bound to the testnet for both: production must refuse for what the evidence is, not for its binding.
    const expectedReportData = keyReportData(testnet.network, evidence.platform, keys)
    const endorsements = noEndorsements
    const { policy } = file
    const now = systemClock.wall()
    const verdict = appraise({ evidence, expectedReportData, endorsements, policy, now })
    return verdict.kind === 'refused' ? verdict.code : verdict.kind
  }
  const { founding, join } = production.manifest
  const simulated = testnet.manifest.join.measurements
  const { anchors } = testnet.manifest.founding
  await writeJson(task.report, {
    byTestnet: judgedBy(testnet),
    byProduction: judgedBy(production),
    simulatedMeasurement: codeOf({
      ...production.manifest,
      join: { ...join, measurements: [...join.measurements, ...simulated] },
    }),
    foreignAnchor: codeOf({ ...production.manifest, founding: { ...founding, anchors } }),
  })
}

function codeOf(manifest: Manifest): string {
  const parsed = parseManifest(encodeManifest(manifest))
  return 'code' in parsed ? parsed.code : 'accepted'
}

await main()
