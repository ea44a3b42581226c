/** Links of the fake network: ordered, delayed, held while stalled, and broken at both ends at once. */
import { HostError } from '../../src/base/errors.ts'
import type { Digest, NodeId } from '../../src/base/ids.ts'
import { after, between, type Instant } from '../../src/base/time.ts'
import type { ChannelFacts } from '../../src/host/net/channel-facts.ts'
import type { Attested, FramePort } from '../../src/host/net/handshake-exchange.ts'
import type { MemberConnection } from '../../src/host/net/port.ts'
import type { FakeNet } from './net.ts'
import type { FakeNetwork } from './network.ts'

interface Parcel {
  readonly bytes: number
  readonly deliver: (remote: FakeNet) => void
  readonly handedOver: PromiseWithResolvers<void>
}

/** One side of a link, as its net holds it. */
export class End {
  readonly link: FakeLink
  readonly owner: FakeNet
  readonly remote: FakeNet
  readonly channel: ChannelFacts
  readonly shown: Digest
  member: MemberConnection
  lapsesAt: Instant
  /** The gate on this side. */
  isOpen = false
  readonly #held: Parcel[] = []
  #lastArrival = 0

  constructor(
    link: FakeLink,
    owner: FakeNet,
    remote: FakeNet,
    attested: Attested,
    address: string,
  ) {
    const { channel, keys, evidence, verdict, shown } = attested
    if (shown === null) throw new Error('a member shows its evidence')
    this.shown = shown
    this.link = link
    this.owner = owner
    this.remote = remote
    this.channel = channel
    const { clock } = owner
    this.lapsesAt = after(clock.monotonic(), between(clock.wall(), verdict.expiresAt))
    const outbound = channel.own === 'initiator'
    this.member = { node: remote.node, keys, evidence, verdict, outbound, address }
  }

  get node(): NodeId {
    return this.remote.node
  }

  get isOpenThere(): boolean {
    return this.remote.links.get(this.owner.node)?.isOpen === true
  }

  /** Bytes that wait because the link is stalled. */
  get heldBytes(): number {
    return this.#held.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Delivers after the link's delay, behind everything sent before. Resolves when handed to the link. */
  send(bytes: number, deliver: (remote: FakeNet) => void): Promise<void> {
    const handedOver = Promise.withResolvers<void>()
    this.#held.push({ bytes, deliver, handedOver })
    this.flush()
    return handedOver.promise
  }

  flush(): void {
    const { owner, remote, link } = this
    if (link.network.isStalled(owner.node, remote.node)) return
    for (const { deliver, handedOver } of this.#held.splice(0)) {
      handedOver.resolve()
      const now = owner.clock.monotonic()
      const arrival = Math.max(
        this.#lastArrival,
        now + link.network.latency(owner.node, remote.node),
      )
      this.#lastArrival = arrival
      owner.timers.after(between(now, arrival as Instant), () => {
        if (!link.isBroken) deliver(remote)
      })
    }
  }

  fail(): void {
    const error = new HostError('NOT_CONNECTED', `${this.node} went`)
    for (const { handedOver } of this.#held.splice(0)) handedOver.reject(error)
  }
}

/** A connection between two nets. */
export class FakeLink {
  readonly network: FakeNetwork
  readonly #ends: End[] = []
  readonly #breakers = new Set<() => void>()
  isBroken = false
  readonly #pair: readonly [FakeNet, FakeNet]

  constructor(network: FakeNetwork, initiator: FakeNet, responder: FakeNet) {
    this.network = network
    this.#pair = [initiator, responder]
  }

  join(owner: FakeNet, attested: Attested, address: string): End {
    const [initiator, responder] = this.#pair
    const remote = owner === initiator ? responder : initiator
    const end = new End(this, owner, remote, attested, address)
    this.#ends.push(end)
    return end
  }

  /** Runs `action` once, when the link breaks; the returned function forgets it. */
  onBreak(action: () => void): () => void {
    if (this.isBroken) action()
    else this.#breakers.add(action)
    return () => void this.#breakers.delete(action)
  }

  /** Closes both ends now. */
  break(reason = 'LINK_CLOSED'): void {
    if (this.isBroken) return
    this.isBroken = true
    for (const end of this.#ends) end.fail()
    for (const action of this.#breakers) action()
    this.#breakers.clear()
    for (const end of this.#ends) end.owner.dropped(end, reason)
  }

  flush(): void {
    for (const end of this.#ends) end.flush()
  }
}

/** Two frame ports that are each other's far end. */
export function framePair(
  network: FakeNetwork,
  initiator: FakeNet,
  responder: FakeNet,
): { readonly initiator: FramePort; readonly responder: FramePort; close(): void } {
  const inbox = (): { frames: Uint8Array[]; wake: PromiseWithResolvers<void> } => ({
    frames: [],
    wake: Promise.withResolvers<void>(),
  })
  const boxes = { initiator: inbox(), responder: inbox() }
  let isClosed = false
  const port = (mine: 'initiator' | 'responder'): FramePort => {
    const theirs = mine === 'initiator' ? 'responder' : 'initiator'
    const [from, to] = mine === 'initiator' ? [initiator, responder] : [responder, initiator]
    return {
      async read() {
        const box = boxes[mine]
        while (box.frames.length === 0) {
          if (isClosed) throw new HostError('LINK_CLOSED', 'the other end is done')
          await box.wake.promise
          box.wake = Promise.withResolvers<void>()
        }
        return box.frames.shift() ?? new Uint8Array(0)
      },
      async write(frames) {
        const copies = frames.map(frame => frame.slice())
        from.timers.after(network.latency(from.node, to.node), () => {
          boxes[theirs].frames.push(...copies)
          boxes[theirs].wake.resolve()
        })
      },
    }
  }
  /** One end is done: what it sent still arrives, then reading fails. */
  const close = (): void => {
    initiator.timers.after(network.latency(initiator.node, responder.node), () => {
      isClosed = true
      boxes.initiator.wake.resolve()
      boxes.responder.wake.resolve()
    })
  }
  return { initiator: port('initiator'), responder: port('responder'), close }
}
