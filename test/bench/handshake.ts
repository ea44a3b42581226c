/**
 * Goal G1: an attested dial beside a plain libp2p dial (TCP, Noise, yamux), alternating in one run between
 * two processes. Cached: both ends know each other's evidence. First contact: evidence travels both ways and
 * each end verifies the whole chain. A dial lasts until both ends hold a connection to a peer that they
 * authenticated: libp2p's dialler has its own before the other end has checked anything.
 *
 * Goal G13: the cached dial beside our own Noise channel alone, without challenge, evidence, binder and verdict.
 */
import { encodeManifest } from '../../src/attestation/manifest.ts'
import { testNetwork, testNode } from '../fixtures/network.ts'
import type { RatioLine } from './ratio-line.ts'
import { median, Worker } from './workers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 7)
const dialsPerRound = 120
const modes = ['plain', 'unattested', 'cached', 'first contact'] as const
type Mode = (typeof modes)[number]

interface Dial {
  readonly began: number
  readonly stood: number
}

/** Milliseconds until the later of both ends held the connection. */
function latencies(dials: readonly Dial[], opened: readonly number[]): number[] {
  if (dials.length !== opened.length) throw new Error('every dial opens one connection')
  return dials.map(({ began, stood }, i) => Math.max(stood, opened[i] ?? 0) - began)
}

interface Measured {
  readonly p50: number[]
  readonly cpu: number[]
}

/** Runs the bench; one line for each ratio. */
export async function run(): Promise<readonly RatioLine[]> {
  const server = new Worker('./handshake-worker.ts')
  const client = new Worker('./handshake-worker.ts')
  try {
    const network = testNetwork({ seed: 'bench of the handshake' })
    for (const [worker, name] of [
      [server, 'server'],
      [client, 'client'],
    ] as const) {
      const node = await testNode(network, name)
      await worker.call('open', {
        manifest: encodeManifest(network.manifest),
        envelope: network.envelopeBytes,
        evidence: node.evidence,
        keys: node.keys,
        identitySeed: node.identitySeed().use(bytes => bytes.slice()),
        noiseSecret: node.noiseSecret().use(bytes => bytes.slice()),
      })
    }
    return await measure(server, client)
  } finally {
    await server.end()
    await client.end()
  }
}

async function measure(server: Worker, client: Worker): Promise<readonly RatioLine[]> {
  const results = new Map<Mode, Measured>(modes.map(mode => [mode, { p50: [], cpu: [] }]))
  for (let round = 0; round <= rounds; round++) {
    for (const mode of modes) {
      const address = await server.call<string>('listen', mode)
      await client.call('listen', mode)
      await Promise.all([server.call('resetCpu'), client.call('resetCpu')])
      const dials = await client.call<Dial[]>('dial', { address, count: dialsPerRound })
      const spent = (await server.call<number>('cpu')) + (await client.call<number>('cpu'))
      // The first round warms up the compiler and the caches.
      if (round === 0) continue
      const opened = await server.call<number[]>('opened')
      results.get(mode)?.p50.push(median(latencies(dials, opened)))
      results.get(mode)?.cpu.push(spent / dialsPerRound)
    }
  }
  return lines(results)
}

interface Compared {
  readonly goal: 'G1' | 'G13'
  readonly mode: Mode
  readonly twin: Mode
  readonly bound: number
}

const compared: readonly Compared[] = [
  { goal: 'G1', mode: 'cached', twin: 'plain', bound: 1.1 },
  { goal: 'G1', mode: 'first contact', twin: 'plain', bound: 1.35 },
  { goal: 'G13', mode: 'cached', twin: 'unattested', bound: 1.25 },
]

function lines(results: ReadonlyMap<Mode, Measured>): RatioLine[] {
  return compared.flatMap(({ goal, mode, twin, bound }) =>
    (['cpu', 'p50'] as const).map(figure => {
      const ours = median(results.get(mode)?.[figure] ?? [])
      const theirs = median(results.get(twin)?.[figure] ?? [])
      const name = `${mode} dial, ${figure === 'cpu' ? 'CPU of both ends' : 'p50'}, ms`
      return {
        goal,
        name: twin === 'plain' ? name : `${name}, twin ${twin}`,
        nodes: 2,
        ours,
        plain: theirs,
        ratio: ours / theirs,
        bound: `<= ${bound}`,
        met: ours / theirs <= bound,
      }
    }),
  )
}
