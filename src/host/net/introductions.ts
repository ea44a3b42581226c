/**
 * How members learn where others are: a new member and this node exchange addresses and protocols, and what
 * the routing tables tell of further nodes is handed to the dial loop.
 */
import type { Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { type NodeId, nodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import { milliseconds } from '../../base/time.ts'
import type { Timers } from '../port.ts'
import { withPeer } from './addresses.ts'
import type { DialLoop } from './dial-loop.ts'
import type { Discovery } from './discovery.ts'
import type { Services } from './libp2p-node.ts'
import type { Link, MemberLinks } from './member-links.ts'

/** A busy member is introduced to again after this. */
const introduceAgain = milliseconds(1000)

export interface IntroductionsParts {
  readonly links: MemberLinks
  readonly dials: DialLoop
  readonly timers: Timers
  readonly log: Logger
  /** Enough members: whoever is found besides is not dialled. */
  readonly degree: number
  readonly discovery: () => Discovery
  /** `undefined` before the start and after the stop. */
  readonly libp2p: () => Libp2p<Services> | undefined
  readonly isBarred: (node: NodeId) => boolean
}

export class Introductions {
  readonly #parts: IntroductionsParts

  constructor(parts: IntroductionsParts) {
    this.#parts = parts
  }

  /** Exchanges addresses and protocols with a member; gossip and routing begin with it. */
  async introduce(link: Link): Promise<void> {
    const { links, libp2p, log, timers } = this.#parts
    try {
      await libp2p()?.services.identify.identify(link.connection)
    } catch (error) {
      if (links.current(link.node) !== link) return
      log.debug('identify failed', { node: link.node, error: String(error) })
      timers.after(introduceAgain, () => {
        if (links.current(link.node) === link) void this.introduce(link)
      })
    }
  }

  /** A member has told its addresses. */
  identified(peer: PeerId): void {
    const { libp2p, dials, discovery, log } = this.#parts
    const learn = async (): Promise<void> => {
      const known = await libp2p()?.peerStore.get(peer)
      if (known === undefined) return
      const addresses = known.addresses.map(({ multiaddr: address }) => withPeer(address, peer))
      dials.addNode(nodeId(peer.toString()), addresses)
      discovery().soon()
    }
    learn().catch((error: unknown) => {
      log.debug('a member went before it was known', { error: String(error) })
    })
  }

  /** A routing table told of a node. Answers whether that was news, and it is to be dialled. */
  found(node: NodeId, addresses: readonly string[]): boolean {
    const { links, dials, degree, isBarred } = this.#parts
    if (links.all().length >= degree) return false
    if (links.has(node) || isBarred(node)) return false
    const peer = peerIdFromString(node)
    const dialable = addresses.map(address => withPeer(multiaddr(address), peer))
    return dials.addNode(node, dialable)
  }
}
