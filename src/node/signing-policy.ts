/** What a node signs and takes part in: what its application says, and before it has said so the default of its network. */
import type { Logger } from '../base/log.ts'
import { after, type Clock, type Instant, minutes } from '../base/time.ts'
import type { SigningPolicy } from './signing-api.ts'

const open: SigningPolicy = { signs: () => true, joins: () => true }
const closed: SigningPolicy = { signs: () => false, joins: () => false }

/** Between two complaints about a policy that throws: members make it throw as often as they ask. */
const complaintEvery = minutes(1)

/**
 * By the founding block of the network, which never changes: on a testnet, in which nothing is worth a thing, everything; anywhere else
 * nothing, because a default that signs would sign for whoever runs a member.
 */
export function firstPolicy({ testnet }: { readonly testnet: boolean }): SigningPolicy {
  return testnet ? open : closed
}

/** The policy of the moment, and what becomes of its throws. */
export class PolicyInForce {
  readonly #ports: { readonly log: Logger; readonly clock: Pick<Clock, 'monotonic'> }
  #policy: SigningPolicy
  #quietUntil: Instant | undefined

  constructor(
    first: SigningPolicy,
    ports: { readonly log: Logger; readonly clock: Pick<Clock, 'monotonic'> },
  ) {
    this.#policy = first
    this.#ports = ports
  }

  replace(policy: SigningPolicy): void {
    this.#policy = policy
  }

  /** Whether it says yes. A throw is a no: it is the application's own code, of which nothing is known here. */
  says(question: (policy: SigningPolicy) => boolean): boolean {
    try {
      return question(this.#policy) === true
    } catch (error) {
      this.#complain(error)
      return false
    }
  }

  #complain(error: unknown): void {
    const { log, clock } = this.#ports
    const now = clock.monotonic()
    if (this.#quietUntil !== undefined && now < this.#quietUntil) return
    this.#quietUntil = after(now, complaintEvery)
    // Its text may quote what was to be signed, as those of JSON.parse do, and the host reads the log.
    log.error('the signing policy threw', {
      error: error instanceof Error ? error.name : typeof error,
    })
  }
}
