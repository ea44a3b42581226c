/** Routes of light clients: who asks is not known and costs, so all together are held to a rate. */
import { fromHex } from '../../base/bytes.ts'
import { digestOf } from '../../base/ids.ts'
import { RateBudget } from '../../base/rate-budget.ts'
import type { Clock } from '../../base/time.ts'
import type { CoterieNode } from '../../node/handle.ts'
import { routes } from '../contract.ts'
import { apiError } from '../errors.ts'
import type { Register } from '../register.ts'

/** Hundreds of clients that look once in a few seconds; the dearest answer takes some milliseconds. */
const rate = { messagesPerSecond: 100, bytesPerSecond: 8 * 1024 * 1024 } as const

export function registerLightRoutes(register: Register, node: CoterieNode, clock: Clock): void {
  const budget = new RateBudget(rate, clock)
  /** Pays for an answer, whose size is not known before it is made. */
  const paid = async (make: () => Uint8Array | Promise<Uint8Array>): Promise<Uint8Array> => {
    if (!budget.allows(0)) throw tooMany()
    const bytes = await make()
    if (!budget.spend(bytes.length)) throw tooMany()
    return bytes
  }
  register.bytes(routes.attestation, ({ query }) =>
    paid(() => node.light.attestation(fromHex(query.nonce) ?? new Uint8Array(32))),
  )
  register.bytes(routes.lightManifest, () => paid(() => node.light.manifest()))
  register.bytes(routes.lightCheckpoint, ({ query }) =>
    paid(() => node.light.checkpoint(query.cosigners)),
  )
  register.bytes(routes.lightEvidence, ({ key }) => {
    const digest = /^[0-9a-f]{64}$/.test(key) ? fromHex(key) : undefined
    if (digest === undefined) {
      const next = 'Take it from a checkpoint: 64 lower-case hexadecimal digits.'
      throw apiError('BAD_KEY', 'This is no digest of evidence.', next)
    }
    return paid(() => node.light.evidence(digestOf(digest)))
  })
  register.bytes(routes.lightProof, ({ query }) =>
    paid(() => node.light.proof(query.key, query.sequence)),
  )
}

function tooMany(): Error {
  return apiError(
    'TOO_MANY_REQUESTS',
    'Light clients ask this node more than it answers.',
    'Ask again in a few seconds, or another member.',
  )
}
