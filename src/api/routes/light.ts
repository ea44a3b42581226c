/** Routes of light clients: the door of the node behind them is that of libp2p as well, and one rate holds for both. */
import { fromHex } from '../../base/bytes.ts'
import { digestOf } from '../../base/ids.ts'
import type { CoterieNode } from '../../node/handle.ts'
import { routes } from '../contract.ts'
import { apiError } from '../errors.ts'
import type { Register } from '../register.ts'

export function registerLightRoutes(register: Register, node: CoterieNode): void {
  register.bytes(routes.attestation, ({ query }) =>
    node.light.answer({
      kind: 'attestation',
      nonce: fromHex(query.nonce) ?? new Uint8Array(32),
    }),
  )
  register.bytes(routes.lightManifest, () => node.light.answer({ kind: 'manifest' }))
  register.bytes(routes.lightCheckpoint, ({ query }) =>
    node.light.answer({ kind: 'checkpoint', cosigners: query.cosigners }),
  )
  register.bytes(routes.lightEvidence, ({ key }) => {
    const digest = /^[0-9a-f]{64}$/.test(key) ? fromHex(key) : undefined
    if (digest === undefined) {
      const next = 'Take it from a checkpoint: 64 lower-case hexadecimal digits.'
      throw apiError('BAD_KEY', 'This is no digest of evidence.', next)
    }
    return node.light.answer({ kind: 'evidence', digest: digestOf(digest) })
  })
  register.bytes(routes.lightProof, ({ query }) =>
    node.light.answer({ kind: 'proof', key: query.key, sequence: query.sequence ?? null }),
  )
}
