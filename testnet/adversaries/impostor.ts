/**
 * A program that speaks the member protocol as a member does, but shows what is not its own. It has a real
 * machine of the testnet, so that only the disguise can be what others refuse.
 */
import { z } from 'zod'
import { appraise } from '../../src/attestation/appraise.ts'
import { noEndorsements } from '../../src/attestation/endorsements.ts'
import { markOf } from '../../src/attestation/manifest.ts'
import type { Verdict } from '../../src/attestation/verdict.ts'
import { PeerFault } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/log.ts'
import { systemClock } from '../../src/host/clock.ts'
import { openNet } from '../../src/host/net/libp2p.ts'
import { netLimits } from '../../src/host/net/options.ts'
import type { Admission, NetHandlers } from '../../src/host/net/port.ts'
import { systemRandom } from '../../src/host/random.ts'
import { openSimulatedAttester } from '../../src/host/tee/simulated.ts'
import { systemTimers } from '../../src/host/timers.ts'
import { type Identity, makeIdentity } from '../../src/node/identity.ts'
import { type Evidence, keyReportData, type NodeKeys } from '../../src/wire/evidence.ts'
import { writeJson } from '../folder.ts'
import { type Disguise, disguises, type ImpostorReport, shownShape } from './reports.ts'
import { type ManifestFile, readManifest, readTask, shownFromText } from './task.ts'

const taskShape = z.strictObject({
  disguise: z.enum(disguises),
  machine: z.string(),
  manifest: z.string(),
  bootstrap: z.array(z.string()),
  /** What another node shows to everybody. */
  victim: shownShape,
  report: z.string(),
})

interface Face {
  readonly keys: NodeKeys
  readonly evidence: Evidence
}

/** Admits whom the manifest admits, and shows the face that it was given. */
class Impostor implements Admission {
  readonly network
  readonly #manifest: ManifestFile
  readonly #identity: Identity
  readonly #face: Face
  readonly #signsLate: boolean
  #lastMessage = new Uint8Array(64)

  constructor(manifest: ManifestFile, identity: Identity, face: Face, disguise: Disguise) {
    this.network = manifest.network
    this.#manifest = manifest
    this.#identity = identity
    this.#face = face
    this.#signsLate = disguise === 'other-channel'
  }

  self(): ReturnType<Admission['self']> {
    return { ...this.#face, manifest: markOf(this.#manifest.manifest) }
  }

  manifestSteps(): readonly Uint8Array[] {
    return [this.#manifest.envelope]
  }

  considerManifest(): undefined {
    return undefined
  }

  knownEvidence(): undefined {
    return undefined
  }

  appraiseKeys(keys: NodeKeys, evidence: Evidence): Verdict {
    const expectedReportData = keyReportData(this.network, evidence.platform, keys)
    return this.#appraise(evidence, expectedReportData)
  }

  appraiseBinder(_node: unknown, evidence: Evidence, binder: Uint8Array): Verdict {
    return this.#appraise(evidence, binder)
  }

  barred(): undefined {
    return undefined
  }

  sign(message: Uint8Array): Uint8Array {
    const other = this.#lastMessage
    this.#lastMessage = message.slice()
    return this.#identity.signing.sign(this.#signsLate ? other : message)
  }

  async quote(): Promise<Evidence> {
    return this.#face.evidence
  }

  #appraise(evidence: Evidence, expectedReportData: Uint8Array): Verdict {
    const { policy } = this.#manifest
    const now = systemClock.wall()
    return appraise({ evidence, expectedReportData, endorsements: noEndorsements, policy, now })
  }
}

async function main(): Promise<void> {
  const task = readTask(taskShape)
  const manifest = readManifest(task.manifest)
  const identity = makeIdentity(systemRandom)
  const face = await faceOf(task, manifest, identity)
  const report: ImpostorReport = { node: identity.node, connected: [], refusals: [] }
  let written = Promise.resolve()
  const tell = () => {
    written = written.then(() => writeJson(task.report, report))
  }
  const handlers: NetHandlers = {
    async memberConnected({ node }) {
      report.connected.push(node)
      tell()
    },
    connectionRefused({ by, refusal, node }) {
      report.refusals.push({ by, code: refusal.code, node })
      tell()
    },
    memberDisconnected() {},
    async lightAsked(question) {
      return question
    },
    dialRefused() {},
    dialFailed() {},
    flooded() {},
    gossip: () => ({ kind: 'ignore' }),
    async asked() {
      throw new PeerFault('NOT_ACTIVE', 'an impostor answers nothing')
    },
    told() {},
    steppedUp() {},
  }
  const options = { listen: [], announce: [], bootstrap: task.bootstrap, limits: netLimits.local }
  const net = await openNet(options, {
    admission: new Impostor(manifest, identity, face, task.disguise),
    handlers,
    identitySeed: identity.identitySeed,
    noiseSecret: identity.noiseSecret,
    log: silentLogger,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
  })
  tell()
  const stop = new AbortController()
  process.once('SIGTERM', () => {
    stop.abort()
    void net.stop().then(() => process.exit(0))
  })
  await net.start(stop.signal)
}

async function faceOf(
  task: z.infer<typeof taskShape>,
  manifest: ManifestFile,
  own: Identity,
): Promise<Face> {
  const attester = await openSimulatedAttester(task.machine)
  const evidenceFor = (keys: NodeKeys): Promise<Evidence> => {
    const reportData = keyReportData(manifest.network, attester.platform, keys)
    return attester.quote(reportData, new AbortController().signal)
  }
  const victim = shownFromText(task.victim)
  switch (task.disguise) {
    case 'none':
    case 'other-channel':
      return { keys: own.keys, evidence: await evidenceFor(own.keys) }
    case 'own-old':
      return { keys: own.keys, evidence: await evidenceFor(makeIdentity(systemRandom).keys) }
    case 'foreign-evidence':
      return { keys: own.keys, evidence: victim.evidence }
    case 'foreign-keys':
      return victim
  }
}

await main()
