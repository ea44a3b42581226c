/**
 * Sealed calls: opened, judged, carried out by whoever has the routes, and answered. The host carries the bytes and is the attacker: it reads,
 * changes, repeats, delays, swaps and drops.
 *
 * Cheapest first, and one refusal for all that is not a call of a listed client: nobody learns at which step his bytes failed. A call
 * is remembered before it is carried out, and only what was remembered is ever answered under seal.
 */
import type { ApiClient } from '../attestation/manifest-document.ts'
import { toHex } from '../base/bytes.ts'
import { CoterieError, ifReadable, UsageError } from '../base/errors.ts'
import { digestOf } from '../base/ids.ts'
import { RateBudget } from '../base/rate-budget.ts'
import { type Timestamp, timestamp } from '../base/time.ts'
import type { Host } from '../host/port.ts'
import type { ReplicaQueries } from '../protocol/replica/types.ts'
import { limits } from '../wire/limits.ts'
import { type CallAnswer, callLifeMax, sealedCallCodec } from '../wire/sealed-call.ts'
import { IncomingCall } from '../wire/sealed-exchange.ts'
import type { AskedCall, ChannelApi } from './channel-api.ts'
import { ChannelSubkeys } from './channel-subkeys.ts'
import type { Identity } from './identity.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import { UsedCalls } from './used-calls.ts'
import { writeError } from './write-errors.ts'

/**
 * What all clients together get, of offers and of calls each: who asks is not known before the seal is open, and to open it takes about
 * a millisecond. A flood of strangers takes a twentieth of a core.
 */
const rate = { messagesPerSecond: 50, bytesPerSecond: 4 * 1024 * 1024 } as const

/** Calls that are being carried out at once: a write waits for acknowledgements, and answers are held in memory. */
export const openCallsMax = { ofClient: 16, ofAll: 64 } as const

export interface ChannelDoorPorts {
  readonly host: Pick<Host, 'clock' | 'random' | 'timers'>
  readonly identity: Identity
  readonly manifests: Pick<ManifestKeeper, 'network' | 'current'>
  /** For the group's clock, which no host sets: a call that was delayed stays late, and one that was carried out stays remembered. */
  readonly replica: Pick<ReplicaQueries, 'groupClock'>
}

export class ChannelDoor implements ChannelApi {
  readonly #ports: ChannelDoorPorts
  readonly #subkeys: ChannelSubkeys
  readonly #used = new UsedCalls()
  readonly #offers: RateBudget
  readonly #calls: RateBudget
  /** Client key → calls under way. */
  readonly #open = new Map<string, number>()
  #openCount = 0
  #isStopped = false

  constructor(ports: ChannelDoorPorts) {
    const { host, identity, manifests } = ports
    this.#ports = ports
    this.#offers = new RateBudget(rate, host.clock)
    this.#calls = new RateBudget(rate, host.clock)
    this.#subkeys = new ChannelSubkeys({ host, identity, network: manifests.network })
  }

  /** Wipes the subkeys: what was sealed to them opens no more. */
  stop(): void {
    this.#isStopped = true
    this.#subkeys.stop()
  }

  offer(): Uint8Array {
    const now = this.#now()
    if (this.#clients.length === 0) {
      throw new CoterieError('NO_CLIENTS', 'The manifest lists no client, so nobody can call.', {
        next: 'Have the manifest set list one: coterie policy add-client.',
      })
    }
    if (now === undefined) {
      throw new CoterieError('NOT_READY', 'The node has not joined the network yet.', {
        next: 'Ask again in a few seconds, or another member.',
      })
    }
    const offer = this.#subkeys.offer(now)
    if (!this.#offers.spend(offer.length)) throw tooMany()
    return offer
  }

  async answer(
    request: Uint8Array,
    serve: (asked: AskedCall) => Promise<CallAnswer>,
  ): Promise<Uint8Array> {
    using incoming = this.#opened(request)
    const { call } = incoming
    const client = this.#judge(incoming)
    const { key } = client
    this.#openCount++
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1)
    try {
      const answer = await serve({ client, call })
      if (this.#isStopped) throw writeError('STOPPING')
      const { host, identity } = this.#ports
      const nonce = host.random.bytes(32)
      return incoming.answer(answer, { nonce, sign: message => identity.signing.sign(message) })
    } finally {
      this.#openCount--
      const left = (this.#open.get(key) ?? 1) - 1
      if (left === 0) this.#open.delete(key)
      else this.#open.set(key, left)
    }
  }

  get #clients(): readonly ApiClient[] {
    return this.#ports.manifests.current.manifest.api.clients
  }

  #now(): Timestamp | undefined {
    const { host, replica } = this.#ports
    const clock = replica.groupClock(host.clock.monotonic())
    return clock === undefined ? undefined : timestamp(clock)
  }

  /** The call inside, from bytes that may be anything. */
  #opened(request: Uint8Array): IncomingCall {
    if (request.length > limits.sealedCallBytesMax) throw refused()
    if (!this.#calls.spend(request.length)) throw tooMany()
    const outside = ifReadable(() => sealedCallCodec.decode(request))
    const key = outside && this.#subkeys.find(outside.subkey)
    if (outside === undefined || key === undefined) throw refused()
    const { identity, manifests } = this.#ports
    const subkey = digestOf(outside.subkey)
    const target = { network: manifests.network, node: identity.keys.identity, subkey }
    const incoming = IncomingCall.open(request, { outside, key, target })
    if (incoming === undefined) throw refused()
    return incoming
  }

  /** The client whose call this is, if it is to be carried out; from then on never again. */
  #judge(incoming: IncomingCall): ApiClient {
    const { call } = incoming
    const now = this.#now()
    if (now === undefined || call.expiresAt <= now || call.expiresAt > now + callLifeMax) {
      throw refused()
    }
    const name = toHex(call.client)
    const client = this.#clients.find(({ key }) => key === name)
    if (client === undefined || !incoming.isSigned) throw refused()
    // Not remembered yet, so not answered under seal: the host could have it carried out afterwards.
    const isBusy =
      this.#openCount >= openCallsMax.ofAll || (this.#open.get(name) ?? 0) >= openCallsMax.ofClient
    if (isBusy) throw tooMany()
    const id = { client: name, id: toHex(call.id) }
    const taken = this.#used.take(id, timestamp(call.expiresAt), now)
    if (taken === 'full') throw tooMany()
    if (taken === 'used') throw refused()
    return client
  }
}

/** In the same words for everything, so that nobody learns how far his bytes came. */
function refused(): UsageError {
  return new UsageError(
    'CALL_REFUSED',
    'This is no call of a listed client that can be carried out now.',
    {
      next: 'Fetch the offer again, seal anew with an id of its own, and see that the manifest lists the key and the clock is right.',
    },
  )
}

function tooMany(): CoterieError {
  return new CoterieError('TOO_MANY_REQUESTS', 'Clients ask this node for more than it answers.', {
    next: 'Wait for the answers to calls that are under way, or a minute, or ask another member.',
  })
}
