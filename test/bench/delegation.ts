/**
 * Verification work of delegated results (k = 2) against all-pairs, counted: in both everybody ends as a member that is known to be
 * fresh at everybody. All-pairs is one look at the key evidence and one at a step-up, of each at each other. Ours is counted in whole
 * membership machines: looks in handshakes, at step-ups and at records, re-runs, and signatures over results, weighed by what
 * one costs beside a look at evidence of the four real platforms, on average, measured here on forged machines; what it comes to beside
 * the cheapest of them, a quote of TDX with collateral seen before, is said too. Signatures of possession are checked once for each
 * pair by both, and left out on both sides.
 */
import { appraise } from '../../src/attestation/appraise.ts'
import { Secret } from '../../src/base/secret.ts'
import { SigningKey } from '../../src/crypto/sign.ts'
import { resultHashes, resultsMessage, verifyResults } from '../../src/wire/delegated-result.ts'
import { keyReportData } from '../../src/wire/evidence.ts'
import { countDelegated } from '../fakes/delegation-count.ts'
import {
  admittingPlatforms,
  makeVendors,
  quoteOn,
  type RealPlatform,
  realPlatforms,
  vendorsSay,
} from '../fixtures/mixed-platforms.ts'
import { epoch, testNetwork, testNode } from '../fixtures/network.ts'
import type { RatioLine } from './ratio-line.ts'

const k = 2
/** Nodes, and how many that are alike are lived through. */
const sizes = [
  [10, 10],
  [100, 98],
  [1_000, Number(process.env['LIVES'] ?? 4)],
] as const

export async function run(): Promise<readonly RatioLine[]> {
  const weights = await costOfSignature()
  return sizes.map(([nodes, lives]) => line(nodes, lives, weights))
}

function line(nodes: number, lives: number, { weight, worst }: Weights): RatioLine {
  const work = countDelegated(nodes, k, lives)
  if (work.strangers > 0 || work.reruns > nodes) throw new Error(JSON.stringify(work))
  const ours = work.looks + work.reruns + work.signatures * weight
  const plain = 2 * nodes * (nodes - 1)
  const ratio = plain / ours
  const least = plain / (work.looks + work.reruns + work.signatures * worst)
  const counted = `${work.looks} looks, ${work.reruns} re-runs, ${work.signatures} signatures at ${weight.toFixed(2)}; at ${worst.toFixed(2)}, ${least.toFixed(1)} times`
  const isBound = nodes >= 100
  return {
    ...{ goal: 'delegation', name: `looks at evidence, fewer than all-pairs: ${counted}`, nodes },
    ...{ ours, plain, ratio, bound: isBound ? 'ratio >= 20' : 'counted' },
    met: isBound ? ratio >= 20 : null,
  }
}

/** One signature as a share of one look. */
interface Weights {
  /** Beside the look of a network that has as many machines of each real platform. */
  readonly weight: number
  /** Beside the cheapest. */
  readonly worst: number
}

/** Of a signature over an answer of a hundred results with their hashes, beside looks at machines that were not seen before. */
async function costOfSignature(): Promise<Weights> {
  const vendors = makeVendors(epoch)
  const made = testNetwork({ change: manifest => admittingPlatforms(vendors, manifest) })
  const { keys } = await testNode(made, 'measured')
  const lookAt = (platform: RealPlatform): number => {
    const expectedReportData = keyReportData(made.network, platform, keys)
    const endorsements = { items: Object.values(vendorsSay(vendors)[platform]) }
    const asked = { expectedReportData, endorsements, now: epoch, policy: made.policy }
    const bodies = Array.from({ length: 150 }, (_, i) =>
      quoteOn(vendors, platform, { machine: 1 + i, reportData: expectedReportData, now: epoch }),
    )
    return perCall(i => {
      const verdict = appraise({ ...asked, evidence: { platform, body: bodies[i]! } })
      if (verdict.kind !== 'trusted') throw new Error(JSON.stringify(verdict))
    })
  }
  const looks = realPlatforms.map(lookAt)
  const signing = new SigningKey(new Secret(new Uint8Array(32).fill(7)))
  const results = Array.from({ length: 100 }, (_, i) => new Uint8Array(500).fill(i))
  const said = { signer: signing.publicKey, policy: new Uint8Array(32), lifeMs: 600_000 }
  const signed = resultsMessage(made.network, { ...said, hashes: resultHashes(results) })
  const signature = signing.sign(signed)
  const check = perCall(() => {
    const hashes = resultHashes(results)
    if (!verifyResults(made.network, { ...said, hashes }, signature)) throw new Error('not signed')
  })
  const average = looks.reduce((sum, look) => sum + look) / looks.length
  return { weight: check / average, worst: check / Math.min(...looks) }
}

/** Microseconds of a processor, after fifty calls to warm up. */
function perCall(action: (index: number) => void): number {
  for (let i = 0; i < 50; i++) action(i)
  const before = process.cpuUsage()
  for (let i = 50; i < 150; i++) action(i)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 100
}
