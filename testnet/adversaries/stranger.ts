/** A light client: it appraises a node, keeps what it was shown, and tries what only a member may do. */
import { z } from 'zod'
import { appraise } from '../../src/attestation/appraise.ts'
import { noEndorsements } from '../../src/attestation/endorsements.ts'
import { systemClock } from '../../src/host/clock.ts'
import { Stranger } from '../../src/host/net/stranger.ts'
import { systemRandom } from '../../src/host/random.ts'
import { systemTimers } from '../../src/host/timers.ts'
import { keyReportData } from '../../src/wire/evidence.ts'
import { writeJson } from '../folder.ts'
import { readManifest, readTask, shownAsText } from './task.ts'

const taskShape = z.strictObject({
  manifest: z.string(),
  address: z.string(),
  /** Whether it tries member protocols, or only looks. */
  intrudes: z.boolean(),
  report: z.string(),
})

async function main(): Promise<void> {
  const task = readTask(taskShape)
  const { network, policy } = readManifest(task.manifest)
  const { signal } = new AbortController()
  const client = await Stranger.open({
    network,
    appraiser: {
      appraiseKeys: (keys, evidence) =>
        appraise({
          evidence,
          expectedReportData: keyReportData(network, evidence.platform, keys),
          endorsements: noEndorsements,
          policy,
          now: systemClock.wall(),
        }),
    },
    random: systemRandom,
    timers: systemTimers,
    refused: () => {},
  })
  const { keys, evidence, verdict } = await client.dial(task.address, signal)
  const report = {
    id: client.id,
    shown: shownAsText(keys, evidence),
    measurement: verdict.measurement,
    findings: task.intrudes ? await client.tryMemberProtocols(signal) : null,
  }
  await writeJson(task.report, report)
  await client.stop()
}

await main()
