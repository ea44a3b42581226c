/**
 * Goal G10: quotes of TDX verified in full per second of a processor, ours and @phala/dcap-qvl alternating: published ones whose
 * collateral was seen before, and forged ones of which little or nothing was; documents of Nitro and reports of SEV-SNP, warm; and a verdict
 * found again. Published evidence is no part of the project.
 */
import type { Appraisal } from '../../src/attestation/appraisal.ts'
import { appraise } from '../../src/attestation/appraise.ts'
import { VerdictCache } from '../../src/attestation/cache.ts'
import { Checks } from '../../src/attestation/checks.ts'
import { tdxAppraiser } from '../../src/attestation/dcap/verify.ts'
import type { Endorsements } from '../../src/attestation/endorsements.ts'
import { noEndorsements } from '../../src/attestation/endorsements.ts'
import { vendorKeysOf } from '../../src/attestation/vendor-keys.ts'
import { verifyWith } from '../../src/attestation/verification.ts'
import { appraiserOf } from '../../src/attestation/verifiers.ts'
import { instant, timestamp } from '../../src/base/time.ts'
import { keyReportData } from '../../src/wire/evidence.ts'
import {
  askOracle,
  type CollateralBytes,
  collateralBytesOf,
  collateralForOracle,
} from '../fixtures/dcap-oracle.ts'
import { epoch, testNetwork, testNode } from '../fixtures/network.ts'
import {
  areVectorsAbsent,
  endorsementsBeside,
  type Vector,
  vectorBytes,
  vectorsOf,
} from '../fixtures/vectors.ts'
import { type DcapAuthority, dcapQuote, makeDcapAuthority, makePair } from '../forge/dcap.ts'
import { dcapCollateral, dcapEndorsements } from '../forge/dcap-collateral.ts'
import type { RatioLine } from './ratio-line.ts'
import { median } from './workers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
const perRound = 100
/** Rounds that do not count, while both programs are still being compiled: some 600 quotes. */
const warmUps = 12

export async function run(): Promise<readonly RatioLine[]> {
  const hit = await cacheHit()
  if (areVectorsAbsent) {
    console.error('no published evidence here: name its folder with COTERIE_VECTORS')
    return [hit]
  }
  return [
    seen(accepted('tdx')),
    unseen('PCK and every document new, certificates above them seen', () => forge(knownAuthority)),
    unseen('everything new, even the root', () => forge()),
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

/** Published quotes: all that Intel says about them was seen before by ours, which keeps it, and is read anew each time by the twin. */
function seen(vector: Vector): RatioLine {
  const [body, endorsements] = [vectorBytes(vector.file), endorsementsBeside(vector)]
  const collateral = collateralForOracle(collateralBytesOf(vector))
  const at = Date.parse(vector.verify_at)
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round <= rounds; round++) {
    const figures = [
      perSecond(() => verifyOurs(vector, body, endorsements)),
      perSecond(() => mustPass(askOracle(body, collateral, at))),
    ] as const
    if (round === 0) continue
    ours.push(figures[0])
    theirs.push(figures[1])
  }
  return line('quotes of TDX per CPU second, collateral seen before', { ours, theirs, bound: 15 })
}

/**
 * Quotes of the forge of which `what` was never seen. Ours checks ten signatures for a quote under a new root, and seven below
 * certificates that it keeps; the twin checks eleven, some of them twice, and none over a list of revoked certificates.
 */
function unseen(what: string, forge: () => Forged): RatioLine {
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round < warmUps + rounds; round++) {
    const forged = Array.from({ length: perRound }, forge)
    const [first, second] = [forged.slice(0, perRound / 2), forged.slice(perRound / 2)]
    const figures = [
      perSecond(i => {
        const { body, endorsements, authority } = first[i]!
        const now = epoch
        const anchors = [authority.rootKey]
        const request = { body, anchors, endorsements, now, checks: new Checks() }
        if (verifyWith(tdxAppraiser, request).kind !== 'claims') throw new Error('refused by ours')
      }, first.length),
      perSecond(i => {
        const { body, collateral, authority } = second[i]!
        mustPass(askOracle(body, collateral, epoch, authority.rootCertificate))
      }, second.length),
    ] as const
    if (round < warmUps) continue
    ours.push(figures[0])
    theirs.push(figures[1])
  }
  return line(`quotes of TDX per CPU second, ${what}`, { ours, theirs, bound: 5 })
}

interface Forged {
  readonly authority: DcapAuthority
  readonly body: Uint8Array
  readonly endorsements: Endorsements
  readonly collateral: ReturnType<typeof collateralForOracle>
}

const knownAuthority = makeDcapAuthority(epoch)
let forgedCount = 0

/** Certificates of machines that Intel had revoked in 2026, about. */
const listEntries = 60

/** A new machine of a new model, and a new issue of all that is said of it; under new certificates, or under those of `above`. */
function forge(above: DcapAuthority = makeDcapAuthority(epoch)): Forged {
  const authority = { ...above, pck: makePair(), attestation: makePair() }
  const fmspc = (++forgedCount).toString(16).padStart(12, '0')
  const serials = Array.from({ length: listEntries }, (_, i) => {
    return `77${fmspc}${i.toString(16).padStart(26, '0')}`
  })
  const made = dcapCollateral(authority, {
    ...{ tee: 'tdx', rootList: { revoked: serials.slice(-1) }, pckList: { revoked: serials } },
    tcbInfo: form => Object.assign(form, { fmspc, tcbEvaluationDataNumber: forgedCount }),
    identity: form => Object.assign(form, { tcbEvaluationDataNumber: forgedCount }),
  })
  const bytes = Object.fromEntries(
    Object.entries(made).map(([name, endorsement]) => [name, endorsement.bytes]),
  ) as CollateralBytes
  return {
    authority,
    body: dcapQuote(authority, { form: 'v4', leaf: { pck: { fmspc } } }),
    endorsements: dcapEndorsements(made),
    collateral: collateralForOracle(bytes),
  }
}

function mustPass(answer: ReturnType<typeof askOracle>): void {
  if ('refusal' in answer) throw new Error(`refused by the twin: ${answer.refusal}`)
}

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

function line(
  name: string,
  { ours, theirs, bound }: { readonly ours: number[]; readonly theirs: number[]; bound: number },
): RatioLine {
  const [mine, plain] = [median(ours), median(theirs)]
  const ratio = mine / plain
  return {
    ...{ goal: 'G10', name, nodes: 1, ours: mine, plain, ratio },
    ...{ bound: `ratio >= ${bound}`, met: ratio >= bound },
  }
}

/** By the time of a processor, so that other work on the machine does not decide. */
function perSecond(action: (index: number) => void, count = perRound): number {
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) action(i)
  const { user, system } = process.cpuUsage(before)
  return (count * 1e6) / (user + system)
}
