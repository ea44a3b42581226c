/**
 * Leaving in order: what this node alone holds is handed on, then a signed leave tells everybody that nobody needs to
 * wait, suspect or count it any more. The same for the leaves of others, which every member passes on once.
 */
import { HostError, PeerFault } from '../base/errors.ts'
import { type NodeId, nodeIdOfKey } from '../base/ids.ts'
import { after, type Duration, milliseconds, seconds } from '../base/time.ts'
import type { Net, NetHandlers } from '../host/net/port.ts'
import type { Host } from '../host/port.ts'
import { leaveCodec, leaveMessage, verifyLeave } from '../wire/leave.ts'
import type { Engine } from './engine.ts'
import type { Identity } from './identity.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import type { EngineHandlers } from './rooms.ts'

/** How long a leaving node waits until others hold its writes: a stop has ten seconds in all. */
const drainPatience = seconds(5)
const drainLook = milliseconds(20)
/** How long it waits until its neighbours took the leave. */
const farewellPatience = seconds(1)

interface LeavingPorts {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly identity: Identity
  readonly manifests: ManifestKeeper
  readonly engine: Pick<Engine, 'membership' | 'replicaDriver' | 'left'>
  readonly net: () => Net
}

export class Leaving {
  readonly #ports: LeavingPorts

  constructor(ports: LeavingPorts) {
    this.#ports = ports
  }

  /**
   * Resolves when the neighbours took the leave, or after six seconds at most.
   *
   * @returns whether all writes of this node are held elsewhere.
   */
  async leave(): Promise<boolean> {
    const { identity, manifests } = this.#ports
    const isDrained = await this.#drain()
    const signature = identity.signing.sign(leaveMessage(manifests.network, identity.node))
    const bytes = leaveCodec.encode({ identity: identity.keys.identity, signature })
    await this.#tellAll(bytes, null)
    return isDrained
  }

  /** Takes leaves, and hands everything else that the net tells on. */
  around(
    handlers: EngineHandlers,
  ): Omit<NetHandlers, 'connectionRefused' | 'dialFailed' | 'lightAsked'> {
    return {
      ...handlers,
      asked: (protocol, request, from, signal) =>
        protocol === 'leave'
          ? this.#asked(request, from)
          : handlers.asked(protocol, request, from, signal),
    }
  }

  /** A neighbour hands over a leave, its own or another's. @throws {PeerFault} for one that nobody signed. */
  async #asked(bytes: Uint8Array, from: NodeId): Promise<Uint8Array> {
    const { engine, host, identity, manifests, net } = this.#ports
    const empty = new Uint8Array(0)
    try {
      const leave = leaveCodec.decode(bytes)
      const node = nodeIdOfKey(leave.identity)
      // Of a stranger it says nothing: anybody can make up an identity and take leave of it.
      if (node === identity.node || !engine.membership.isMember(node, host.clock.monotonic())) {
        return empty
      }
      if (!verifyLeave(manifests.network, leave)) {
        throw new PeerFault('LEAVE_BAD_SIGNATURE', 'nobody signed this leave')
      }
      engine.left(node)
      void this.#tellAll(bytes, from)
      return empty
    } catch (error) {
      if (error instanceof PeerFault)
        void net()
          .disconnect(from, error.code)
          .catch(() => undefined)
      throw error
    }
  }

  async #drain(): Promise<boolean> {
    const { host, engine } = this.#ports
    const until = after(host.clock.monotonic(), drainPatience)
    while (!engine.replicaDriver.isHeldElsewhere) {
      const now = host.clock.monotonic()
      if (now >= until || !this.#hasHeir()) return false
      await this.#rest(drainLook)
    }
    return true
  }

  #hasHeir(): boolean {
    const { host, engine } = this.#ports
    const members = engine.membership.members(host.clock.monotonic())
    return members.some(({ isConnected, phase }) => isConnected && phase === 'active')
  }

  async #tellAll(bytes: Uint8Array, except: NodeId | null): Promise<void> {
    const net = this.#ports.net()
    const impatient = new AbortController()
    const cancel = this.#ports.host.timers.after(farewellPatience, () =>
      impatient.abort(new HostError('LEFT', 'the leave was told')),
    )
    const told = net
      .connections()
      .filter(({ node }) => node !== except)
      .map(({ node }) => net.ask(node, 'leave', bytes, impatient.signal))
    // Whoever does not hear it sees a node that fell silent.
    await Promise.allSettled(told)
    cancel()
  }

  #rest(span: Duration): Promise<void> {
    return new Promise(resolve => void this.#ports.host.timers.after(span, resolve))
  }
}
