/** The network on libp2p: where its parts are put together. */
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Secret } from '../../base/secret.ts'
import type { Clock } from '../../base/time.ts'
import type { Timers } from '../port.ts'
import type { NetOptions } from './options.ts'
import type { Admission, Net, NetHandlers } from './port.ts'

/** What the network stands on. */
export interface NetDeps {
  readonly admission: Admission
  readonly handlers: NetHandlers
  /** The Ed25519 identity seed and the X25519 private key of the Noise handshake, lent for the life of the net. */
  readonly identitySeed: Secret
  readonly noiseSecret: Secret
  readonly log: Logger
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
}

/**
 * Opens the network for these keys; no socket is opened before `start`.
 *
 * @throws {UsageError} `BAD_ADDRESS` for an option that is not a multiaddr.
 */
export async function openNet(options: NetOptions, deps: NetDeps): Promise<Net> {
  throw new Error(`not yet: ${options.listen.length} ${deps.admission.network}`)
}
