/**
 * Goal G10: quotes of SGX and TDX verified in full per second of a processor, ours and @phala/dcap-qvl alternating, with
 * collateral that was seen before and with collateral that was not; documents of Nitro and reports of SEV-SNP, warm; and a verdict
 * found again. On published evidence, which is no part of the project.
 */
import { type Appraisal, appraise } from '../../src/attestation/appraise.ts'
import { VerdictCache } from '../../src/attestation/cache.ts'
import { Checks } from '../../src/attestation/checks.ts'
import type { Endorsements } from '../../src/attestation/endorsements.ts'
import { noEndorsements } from '../../src/attestation/endorsements.ts'
import { vendorKeysOf } from '../../src/attestation/vendor-keys.ts'
import { appraiserOf, verifyWith } from '../../src/attestation/verifiers.ts'
import { instant, timestamp } from '../../src/base/time.ts'
import { keyReportData } from '../../src/wire/evidence.ts'
import { askOracle, collateralForOracle } from '../fixtures/dcap-oracle.ts'
import { epoch, testNetwork, testNode } from '../fixtures/network.ts'
import {
  areVectorsAbsent,
  endorsementsBeside,
  type Vector,
  vectorBytes,
  vectorsOf,
} from '../fixtures/vectors.ts'
import type { RatioLine } from './ratio-line.ts'
import { median } from './workers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
const perRound = 100

export async function run(): Promise<readonly RatioLine[]> {
  const hit = await cacheHit()
  if (areVectorsAbsent) {
    console.error('no published evidence here: name its folder with COTERIE_VECTORS')
    return [hit]
  }
  const quote = accepted('tdx')
  return [
    ...quotes(quote),
    alone('milliseconds for a document of Nitro, warm', accepted('nitro'), 4),
    alone('milliseconds for a report of SEV-SNP, warm', accepted('sev-snp'), 1),
    hit,
  ]
}

function accepted(platform: Vector['platform']): Vector {
  const vector = vectorsOf(platform).find(({ expected }) => expected.verdict === 'accept')
  if (vector === undefined) throw new Error(`published evidence of ${platform}`)
  return vector
}

function quotes(vector: Vector): readonly RatioLine[] {
  const [body, collateral] = [vectorBytes(vector.file), collateralForOracle(vector)]
  const at = Date.parse(vector.verify_at)
  const known = endorsementsBeside(vector)
  const cached: number[] = []
  const fresh: number[] = []
  const theirs: number[] = []
  let count = 0
  for (let round = 0; round <= rounds; round++) {
    const figures = [
      perSecond(() => verifyOurs(vector, body, known)),
      perSecond(() => verifyOurs(vector, body, unseen(known, count++))),
      perSecond(() => {
        if (!('status' in askOracle(body, collateral, at))) throw new Error('refused by the twin')
      }),
    ] as const
    if (round === 0) continue
    for (const [i, list] of [cached, fresh, theirs].entries()) list.push(figures[i] ?? 0)
  }
  return [
    line('quotes of TDX per CPU second, collateral seen before', cached, theirs, 15),
    line('quotes of TDX per CPU second, collateral not seen before', fresh, theirs, 5),
  ]
}

/** The same documents in bytes that no cache knows: white space after a document of Intel's says nothing. */
const unseen = ({ items }: Endorsements, count: number): Endorsements => ({
  items: items.map(({ kind, bytes }) =>
    kind === 'tcb-info' || kind === 'qe-identity'
      ? {
          kind,
          bytes: Uint8Array.from([...bytes, ...new Uint8Array(1 + (count % 4_000)).fill(10)]),
        }
      : { kind, bytes },
  ),
})

function verifyOurs(vector: Vector, body: Uint8Array, endorsements: Endorsements): void {
  const { platform } = vector
  const appraiser = appraiserOf(platform)
  if (appraiser === undefined) throw new Error(platform)
  const now = timestamp(Date.parse(vector.verify_at))
  const anchors = vendorKeysOf(platform)
  const request = { body, anchors, endorsements, now, revocation: 'if-present' } as const
  const { kind } = verifyWith(appraiser, { ...request, checks: new Checks() })
  if (kind !== 'claims') throw new Error(`${vector.id}: ${kind}`)
}

function alone(name: string, vector: Vector, bound: number): RatioLine {
  const body = vectorBytes(vector.file)
  const brought = Object.values(vector.collateral?.files ?? {})
  const endorsements: Endorsements = {
    items: brought.map(file => ({ kind: 'certificates', bytes: vectorBytes(file) })),
  }
  const times = Array.from({ length: rounds + 1 }, () => {
    return 1_000 / perSecond(() => verifyOurs(vector, body, endorsements))
  }).slice(1)
  const ours = median(times)
  const plain = bound
  return {
    ...{ goal: 'G10', name, nodes: 1, ours, plain, ratio: ours / bound },
    ...{ bound: `<= ${bound} ms`, met: ours <= bound },
  }
}

async function cacheHit(): Promise<RatioLine> {
  const network = testNetwork()
  const node = await testNode(network, 'a')
  const appraisal: Appraisal = {
    evidence: node.evidence,
    expectedReportData: keyReportData(network.network, 'simulated', node.keys),
    endorsements: noEndorsements,
    policy: network.policy,
    now: epoch,
  }
  if (appraise(appraisal).kind !== 'trusted') throw new Error('evidence of the fixture')
  const cache = new VerdictCache()
  const times = Array.from({ length: rounds + 1 }, () => {
    return 1e6 / perSecond(() => void cache.appraise(appraisal, instant(0)), 20_000)
  }).slice(1)
  const ours = median(times)
  return {
    ...{ goal: 'G10', name: 'microseconds for a verdict found again', nodes: 1, ours, plain: 20 },
    ...{ ratio: ours / 20, bound: '<= 20 us', met: ours <= 20 },
  }
}

function line(name: string, ours: number[], theirs: number[], bound: number): RatioLine {
  const [mine, plain] = [median(ours), median(theirs)]
  const ratio = mine / plain
  return {
    ...{ goal: 'G10', name, nodes: 1, ours: mine, plain, ratio },
    ...{ bound: `ratio >= ${bound}`, met: ratio >= bound },
  }
}

/** By the time of a processor, so that other work on the machine does not decide. */
function perSecond(action: () => void, count = perRound): number {
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) action()
  const { user, system } = process.cpuUsage(before)
  return (count * 1e6) / (user + system)
}
