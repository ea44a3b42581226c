/**
 * Statements on their way to members, one frame at a time for each: whole tables of locks are more than what may wait on a member stream at
 * once. Losing some does no harm, since all that matters is said again.
 */
import type { NodeId } from '../base/ids.ts'
import type { Net } from '../host/net/port.ts'

/** Bytes that wait for one member: two tables of locks, the most that is ever said at once. */
const waitingBytesMax = 16 * 1024 * 1024

interface Waiting {
  readonly frames: Uint8Array[]
  bytes: number
}

export class StatementOutbox {
  readonly #net: () => Pick<Net, 'tell'>
  readonly #waiting = new Map<NodeId, Waiting>()
  #isStopped = false

  constructor(net: () => Pick<Net, 'tell'>) {
    this.#net = net
  }

  /** Takes a frame; whether it was taken. */
  send(to: NodeId, frame: Uint8Array): boolean {
    if (this.#isStopped) return false
    const known = this.#waiting.get(to)
    const waiting = known ?? { frames: [], bytes: 0 }
    if (waiting.bytes + frame.length > waitingBytesMax) return false
    waiting.frames.push(frame)
    waiting.bytes += frame.length
    if (known !== undefined) return true
    this.#waiting.set(to, waiting)
    void this.#drain(to, waiting)
    return true
  }

  stop(): void {
    this.#isStopped = true
    this.#waiting.clear()
  }

  async #drain(to: NodeId, waiting: Waiting): Promise<void> {
    try {
      for (let next = waiting.frames.shift(); next !== undefined; next = waiting.frames.shift()) {
        if (this.#isStopped) return
        waiting.bytes -= next.length
        await this.#net().tell(to, 'signing', next)
      }
    } catch {
      // Not connected, or it does not read: whoever still wants an answer asks again.
    } finally {
      this.#waiting.delete(to)
    }
  }
}
