/**
 * The keys that sealed calls are opened with: each offered for an hour, in memory alone, wiped soon after. What was recorded before is
 * closed from then on, to whoever takes this machine too, and a restart ends every call that was under way.
 */
import { toHex } from '../base/bytes.ts'
import type { NetworkId } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import { milliseconds, seconds, type Timestamp } from '../base/time.ts'
import { KemKey } from '../crypto/kem.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import type { Host } from '../host/port.ts'
import { channelOfferCodec, offerMessage, subkeyDigest, subkeyLife } from '../wire/channel-offer.ts'
import { callLifeMax } from '../wire/sealed-call.ts'
import type { Identity } from './identity.ts'

/** Calls are taken so much longer under a key that is offered no more: as long as one sealed at the last moment counts, with clocks that differ. */
export const subkeyGrace = milliseconds(callLifeMax + seconds(30))

interface Subkey {
  /** `subkeyDigest`, hexadecimal. */
  readonly name: string
  readonly key: KemKey
  readonly offer: Uint8Array
}

export class ChannelSubkeys {
  readonly #host: Pick<Host, 'random' | 'timers'>
  readonly #identity: Pick<Identity, 'keys' | 'signing'>
  readonly #network: NetworkId
  #current: Subkey | undefined
  #previous: Subkey | undefined
  #cancelRetirement = (): void => {}
  #cancelWipe = (): void => {}

  constructor(parts: {
    readonly host: Pick<Host, 'random' | 'timers'>
    readonly identity: Pick<Identity, 'keys' | 'signing'>
    readonly network: NetworkId
  }) {
    this.#host = parts.host
    this.#identity = parts.identity
    this.#network = parts.network
  }

  /** The offer of the key in use; one is drawn if there is none, from `now` on by the group's clock. */
  offer(now: Timestamp): Uint8Array {
    this.#current ??= this.#draw(now)
    return this.#current.offer
  }

  /** The key of this digest while calls are taken under it. */
  find(digest: Uint8Array): KemKey | undefined {
    const name = toHex(digest)
    return [this.#current, this.#previous].find(each => each?.name === name)?.key
  }

  /** Wipes all keys. */
  stop(): void {
    this.#cancelRetirement()
    this.#cancelWipe()
    for (const each of [this.#current, this.#previous]) each?.key[Symbol.dispose]()
    this.#current = undefined
    this.#previous = undefined
  }

  #draw(now: Timestamp): Subkey {
    const key = new KemKey(new Secret(this.#host.random.bytes(kemBytes.seed)))
    const { keys, signing } = this.#identity
    const until = now + subkeyLife
    const offered = { node: keys.identity, subkey: key.publicKey, from: now, until }
    const signature = signing.sign(offerMessage(this.#network, offered))
    const offer = channelOfferCodec.encode({ ...offered, signature })
    this.#cancelRetirement = this.#host.timers.after(subkeyLife, () => this.#retire())
    return { name: subkeyDigest(key.publicKey), key, offer }
  }

  /** Offered no more. The one before is wiped long since: a grace is shorter than an hour. */
  #retire(): void {
    this.#previous = this.#current
    this.#current = undefined
    this.#cancelWipe = this.#host.timers.after(subkeyGrace, () => {
      this.#previous?.key[Symbol.dispose]()
      this.#previous = undefined
    })
  }
}
