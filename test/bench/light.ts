/**
 * What a light client pays for one value: a checkpoint that q machines signed and a proof under it. Bytes as they are served; time beside
 * that of q signature checks by OpenSSL alone in the same run, because those nobody can leave out. Evidence was appraised before.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { concatBytes, fromHex } from '../../src/base/bytes.ts'
import { cosignedHead, headIn } from '../../src/light/checkpoints.ts'
import { provenIn } from '../../src/light/proof.ts'
import { checkpointCodec, checkpointMessage } from '../../src/wire/checkpoint.ts'
import { servedCheckpointCodec } from '../../src/wire/light-answers.ts'
import { FakeLightNetwork } from '../fakes/light-nodes.ts'
import type { RatioLine } from './ratio-line.ts'

const rounds = Number(process.env['ROUNDS'] ?? 9)
const calls = 400
const key = 'public/key-7'

export async function run(): Promise<readonly RatioLine[]> {
  const lines: RatioLine[] = []
  for (const keys of [100, 10_000]) {
    for (const machines of [2, 3, 5]) lines.push(...(await linesOf(machines, keys)))
  }
  return lines
}

async function linesOf(machines: number, keys: number): Promise<readonly RatioLine[]> {
  const values: Record<string, string> = {}
  for (let i = 0; i < keys; i++) values[`public/key-${i}`] = `value ${i}`
  const made = await FakeLightNetwork.make({ nodes: machines, quorum: machines, values })
  const origin = made.origins[0] ?? ''
  const answer = (path: string): Uint8Array => made.answer(origin, path)?.bytes ?? new Uint8Array()
  const checkpoint = answer('/light/checkpoint')
  const served = servedCheckpointCodec.decode(checkpoint)
  const { sequence } = checkpointCodec.decode(served.checkpoint)
  const proof = answer(`/light/proof?key=${encodeURIComponent(key)}&sequence=${sequence}`)
  const { network } = made.network

  const ours = (): void => {
    const { checkpoint: own, cosignatures } = servedCheckpointCodec.decode(checkpoint)
    const head = headIn(own, network)
    if (head === undefined) throw new Error('the checkpoint does not hold')
    const heads = cosignatures.map(({ evidence, ...rest }) => cosignedHead(head, rest))
    if (heads.includes(undefined)) throw new Error('a co-signature does not hold')
    const proven = provenIn({ code: '', bytes: proof }, { key, head })
    if (proven.kind !== 'proven' || proven.content === null) throw new Error('the proof fails')
  }
  const own = checkpointCodec.decode(served.checkpoint)
  const signed = [own, ...served.cosignatures.map(each => ({ ...each, claim: own.claim }))].map(
    each => ({
      message: checkpointMessage(each),
      key: opensslKey(each.node),
      from: each.signature,
    }),
  )
  const bare = (): void => {
    for (const each of signed) verify(null, each.message, each.key, each.from)
  }
  const [oursUs, bareUs] = medians(ours, bare)
  const bytes = checkpoint.length + proof.length
  const bound = 75 * machines + 50
  const name = `${machines} machines, ${keys} keys`
  return [
    {
      ...{ goal: 'G10', name: `value proven, us beside bare signatures, ${name}`, nodes: machines },
      ...{ ours: oursUs, plain: bareUs, ratio: oursUs / bareUs },
      ...{ bound: `<= ${bound} us`, met: oursUs <= bound },
    },
    {
      ...{ goal: 'G10', name: `checkpoint and proof, bytes, ${name}`, nodes: machines },
      ...{ ours: bytes, plain: checkpoint.length, ratio: bytes / 1_500 },
      ...{ bound: '<= 1.5 KB', met: bytes <= 1_500 },
    },
  ]
}

const spkiPrefix = fromHex('302a300506032b6570032100') ?? new Uint8Array()

function opensslKey(point: Uint8Array): KeyObject {
  const key = Buffer.from(concatBytes(spkiPrefix, point))
  return createPublicKey({ key, format: 'der', type: 'spki' })
}

/** Microseconds of each, alternating. */
function medians(...works: readonly (() => void)[]): readonly [number, number] {
  for (const work of works) for (let i = 0; i < calls; i++) work()
  const took = works.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    works.forEach((work, i) => {
      const begun = process.hrtime.bigint()
      for (let call = 0; call < calls; call++) work()
      took[i]?.push(Number(process.hrtime.bigint() - begun) / 1_000 / calls)
    })
  }
  const middles = took.map(each => each.toSorted((a, b) => a - b)[rounds >> 1] ?? Number.NaN)
  return [middles[0] ?? Number.NaN, middles[1] ?? Number.NaN]
}
