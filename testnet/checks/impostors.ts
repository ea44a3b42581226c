/** Programs that speak the protocol well and have no right to be believed; each is a process of its own. */

import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import { tcbRuleOf } from '../../src/attestation/manifest-draft.ts'
import {
  type Disguise,
  type ImpostorReport,
  impostorReportShape,
  judgeReportShape,
  type Shown,
  strangerReportShape,
} from '../adversaries/reports.ts'
import { readJson } from '../folder.ts'
import { writeChangedManifest } from '../layout.ts'
import { sibling } from '../processes.ts'
import { type Check, type CheckContext, require, until } from './check.ts'
import { assertOutside, refusalOf } from './refusals.ts'

export const impostorChecks: readonly Check[] = [
  { name: 'replayed-evidence-refused', run: replayedEvidence },
  { name: 'relayed-evidence-refused', run: relayedEvidence },
  { name: 'simulated-refused-by-production-policy', run: simulatedInProduction },
  { name: 'light-client-confined', run: lightClientConfined, patience: 90_000 },
]

/** How long an impostor goes on trying after its first refusal, in milliseconds. */
const persistence = 1_000

/** Evidence of an earlier boot, and of another node, beside keys that it does not vouch for. */
async function replayedEvidence(context: CheckContext): Promise<string> {
  const victim = await shownBy(context)
  // The control: the same program is let in with evidence of its own, so what others refuse is the disguise.
  await impersonate(context, 'none', victim, async read => {
    await until(context, 'the undisguised program to be let in', async () => {
      return (await read()).connected.length > 0 ? true : undefined
    })
  })
  const old = await isRefused(context, 'own-old', victim)
  const foreign = await isRefused(context, 'foreign-evidence', victim)
  require(old === 'REPORT_DATA_MISMATCH', `evidence of an earlier boot: ${old}`)
  require(foreign === 'REPORT_DATA_MISMATCH', `evidence of another node: ${foreign}`)
  return 'evidence of an earlier boot and of another node: REPORT_DATA_MISMATCH on both sides'
}

/** Another node's keys and evidence over an own channel, and a proof that was made for another channel. */
async function relayedEvidence(context: CheckContext): Promise<string> {
  const victim = await shownBy(context)
  const keys = await isRefused(context, 'foreign-keys', victim)
  const channel = await isRefused(context, 'other-channel', victim)
  require(keys === 'IDENTITY_MISMATCH', `another node's keys and evidence: ${keys}`)
  require(channel === 'BINDER_MISMATCH', `a proof for another channel: ${channel}`)
  return 'IDENTITY_MISMATCH for relayed keys, BINDER_MISMATCH for a relayed proof, on both sides'
}

/** A separate process holds the evidence of a running node against a manifest that is no testnet's. */
async function simulatedInProduction(context: CheckContext): Promise<string> {
  const shown = await shownBy(context)
  const productionManifest = join(context.folder.path, 'production.json')
  await writeChangedManifest(context.folder, productionManifest, ours => ({
    ...ours,
    founding: { ...ours.founding, name: 'production', testnet: false, anchors: [] },
    join: {
      ...ours.join,
      measurements: [tdxSoftware(ours.join.measurements[0]?.validUntil ?? '')],
      tcb: [tcbRuleOf('tdx')],
    },
  }))
  const report = await runScript(context, 'judge', judgeReportShape, {
    shown,
    testnetManifest: context.folder.manifest,
    productionManifest,
  })
  require(report.byTestnet === 'trusted', `the testnet itself says ${report.byTestnet}`)
  const codes = {
    byProduction: 'SIMULATED_NOT_TRUSTED',
    simulatedMeasurement: 'SIMULATED_WITHOUT_TESTNET',
    foreignAnchor: 'ANCHOR_WITHOUT_TESTNET',
  } as const
  for (const name of ['byProduction', 'simulatedMeasurement', 'foreignAnchor'] as const) {
    require(report[name] === codes[name], `${name}: ${report[name]} instead of ${codes[name]}`)
  }
  return `trusted by the testnet, ${report.byProduction} by production; ${report.simulatedMeasurement} and ${report.foreignAnchor} for manifests that would admit it`
}

/** A light client sees a node prove itself, and gets nothing that is a member's. */
async function lightClientConfined(context: CheckContext): Promise<string> {
  const report = await runScript(context, 'stranger', strangerReportShape, {
    manifest: context.folder.manifest,
    address: firstAddress(context),
    intrudes: true,
  })
  const { findings, measurement, id } = report
  require(measurement === 'coterie-testnet', `the node proved itself as ${measurement}`)
  require(findings !== null, 'the light client tried nothing')
  require(findings.opened.length === 0, `served on ${findings.opened.join(', ')}`)
  require(findings.heard === 0, `${findings.heard} gossip messages reached it`)
  require(findings.gossipPeers === 0, 'the node told it its gossip topics')
  require(findings.peersTold === 0, 'the node told it peers')
  await assertOutside(context, id)
  return 'attested the node; every member protocol, gossip and routing stayed closed to it'
}

/** What node 0 shows to everybody who asks for its evidence. */
async function shownBy(context: CheckContext): Promise<Shown> {
  const report = await runScript(context, 'stranger', strangerReportShape, {
    manifest: context.folder.manifest,
    address: firstAddress(context),
    intrudes: false,
  })
  return report.shown
}

/** The one code with which node 0 and the impostor both say that it was refused. */
async function isRefused(
  context: CheckContext,
  disguise: Disguise,
  victim: Shown,
): Promise<string> {
  return await impersonate(context, disguise, victim, async read => {
    const heard = await until(context, `the impostor (${disguise}) to be refused`, async () => {
      const { refusals, connected } = await read()
      require(connected.length === 0, `the impostor (${disguise}) was let in`)
      return refusals.find(refusal => refusal.by === 'them')
    })
    const { node } = await read()
    const first = context.testnet.slot(0)
    const said = await until(context, `node-0 to refuse the impostor (${disguise})`, () => {
      return refusalOf(context, first, refusal => refusal.by === 'me' && refusal.node === node)
    })
    require(said.code === heard.code, `node-0 says ${said.code}, the impostor heard ${heard.code}`)
    await wait(persistence)
    require((await read()).connected.length === 0, `the impostor (${disguise}) was let in later`)
    await assertOutside(context, node)
    return said.code
  })
}

let impostors = 0

/** Runs an impostor while `action` watches its report. */
async function impersonate<T>(
  context: CheckContext,
  disguise: Disguise,
  victim: Shown,
  action: (read: () => Promise<ImpostorReport>) => Promise<T>,
): Promise<T> {
  const name = `impostor-${impostors++}-${disguise}`
  const machine = join(context.folder.path, `${name}.machine.json`)
  const report = join(context.folder.path, `${name}.report.json`)
  await context.layout.hardware.issue(machine)
  const task = {
    disguise,
    machine,
    manifest: context.folder.manifest,
    bootstrap: [firstAddress(context)],
    victim,
    report,
  }
  const { exited } = await context.testnet.startScript(name, [
    script('impostor'),
    JSON.stringify(task),
  ])
  let isOver = false
  void exited.then(() => {
    isOver = true
  })
  const read = async (): Promise<ImpostorReport> => {
    return await until(context, `${name} to report`, async () => {
      require(!isOver, `${name} ended by itself`)
      return impostorReportShape.safeParse(await readJson(report)).data
    })
  }
  try {
    return await action(read)
  } finally {
    await context.testnet.stopScript(name)
  }
}

let scripts = 0

/** Runs a script to its end and answers with its report. */
async function runScript<T>(
  context: CheckContext,
  file: string,
  shape: z.ZodType<T>,
  task: object,
): Promise<T> {
  const name = `${file}-${scripts++}`
  const report = join(context.folder.path, `${name}.report.json`)
  const full = JSON.stringify({ ...task, report })
  const { exited } = await context.testnet.startScript(name, [script(file), full])
  const aborted = new Promise<undefined>(resolve => {
    context.signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const exit = await Promise.race([exited, aborted])
  if (exit === undefined) await context.testnet.stopScript(name)
  require(exit?.code === 0, `${name} ${exit === undefined ? 'took too long' : 'failed'}`)
  const parsed = shape.safeParse(await readJson(report)).data
  require(parsed !== undefined, `${name} reported nothing`)
  return parsed
}

function firstAddress(context: CheckContext): string {
  return `/ip4/127.0.0.1/tcp/${context.testnet.slot(0).relayPort}`
}

function script(name: string): string {
  return fileURLToPath(sibling(`adversaries/${name}`))
}

function tdxSoftware(validUntil: string) {
  const register = '11'.repeat(48)
  return {
    name: 'production',
    platform: 'tdx',
    registers: { mrtd: register, rtmr0: register, rtmr1: register, rtmr2: register },
    svnMin: 0,
    validFrom: '2026-01-01T00:00:00Z',
    validUntil,
  } as const
}
