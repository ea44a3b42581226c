/**
 * Signatures of groups over real processes: how many a second, and how long one takes, asked at one node's API. Beside it, alternating, what a
 * single key costs at least by the same way: one call of that API and one Ed25519 signature of OpenSSL.
 */
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiClient } from '../../src/api/client.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { folderOf } from '../../testnet/folder.ts'
import { prepareLayout } from '../../testnet/layout.ts'
import { Testnet } from '../../testnet/network.ts'
import { findFreeBase } from '../../testnet/ports.ts'
import { absenceOf, untilConverged } from '../../testnet/snapshot.ts'
import type { RatioLine } from './ratio-line.ts'
import { median, quantile } from './workers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
/** One after the other in a round. */
const calls = 60
/** At once, for the rate. */
const abreast = 16

export async function run(): Promise<readonly RatioLine[]> {
  const path = await mkdtemp(join(tmpdir(), 'coterie-bench-'))
  const folder = folderOf(path)
  await prepareLayout(folder, { nodes: 5, fresh: true })
  const basePort = await findFreeBase(5)
  const testnet = new Testnet({ folder, basePort, nodes: 5, onEvent: () => {} })
  try {
    await testnet.start()
    await untilConverged(testnet, AbortSignal.timeout(60_000), () => true, absenceOf)
    const urls = testnet.slots().map(({ httpPort }) => `http://127.0.0.1:${httpPort}`)
    const lines: RatioLine[] = []
    for (const [threshold, size] of [
      [2, 3],
      [3, 5],
    ] as const) {
      for (const locks of [false, true]) {
        lines.push(...(await linesOf(urls, { threshold, size, locks })))
      }
    }
    return lines
  } finally {
    await testnet.stop()
    await rm(path, { recursive: true, force: true })
  }
}

interface Kind {
  readonly threshold: number
  readonly size: number
  readonly locks: boolean
}

async function linesOf(urls: readonly string[], kind: Kind): Promise<readonly RatioLine[]> {
  const { threshold, size, locks } = kind
  const client = new ApiClient({ url: urls[0] ?? '' })
  const ids: string[] = []
  for (const url of urls.slice(0, size)) {
    const of = new ApiClient({ url })
    ids.push((await of.status()).node)
    of.close()
  }
  const { group } = await client.makeGroup({ suite: 'ed25519', threshold, locks, signers: ids })
  let count = 0
  const together = async (): Promise<void> => {
    const message = { text: `message ${++count} of ${group}` }
    await client.signByGroup(group, { message, ...(locks ? { lock: message } : {}) })
  }
  const { privateKey } = generateKeyPairSync('ed25519')
  const alone = async (): Promise<void> => {
    await client.health()
    sign(null, utf8(`message ${++count} of one`), privateKey)
  }
  const [ours, plain] = [await Figures.of(together), await Figures.of(alone)]
  for (let round = 0; round < rounds; round++) {
    await ours.measure()
    await plain.measure()
  }
  client.close()
  const name = `${threshold} of ${size}${locks ? ', a lock each' : ''}`
  return (['perSecond', 'p50', 'p99'] as const).map(figure => {
    const [mine, theirs] = [median(ours[figure]), median(plain[figure])]
    const unit = figure === 'perSecond' ? 'signatures a second' : `ms of a signature, ${figure}`
    return {
      ...{ goal: 'signing', name: `${unit}, ${name}, beside one call and one key`, nodes: 5 },
      ...{ ours: mine, plain: theirs, ratio: mine / theirs, bound: 'for the record', met: true },
    }
  })
}

/** What one way of signing costs, round by round. */
class Figures {
  readonly perSecond: number[] = []
  readonly p50: number[] = []
  readonly p99: number[] = []
  readonly #work: () => Promise<void>

  private constructor(work: () => Promise<void>) {
    this.#work = work
  }

  /** Warm. */
  static async of(work: () => Promise<void>): Promise<Figures> {
    for (let i = 0; i < calls / 2; i++) await work()
    return new Figures(work)
  }

  async measure(): Promise<void> {
    const took: number[] = []
    for (let i = 0; i < calls; i++) {
      const begun = performance.now()
      await this.#work()
      took.push(performance.now() - begun)
    }
    this.p50.push(quantile(took, 0.5))
    this.p99.push(quantile(took, 0.99))
    const begun = performance.now()
    const lanes = Array.from({ length: abreast }, async () => {
      for (let i = 0; i < calls / abreast; i++) await this.#work()
    })
    await Promise.all(lanes)
    const done = abreast * Math.ceil(calls / abreast)
    this.perSecond.push((done / (performance.now() - begun)) * 1_000)
  }
}
