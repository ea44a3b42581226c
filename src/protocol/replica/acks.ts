/**
 * Which members hold which of this node's batches, and which writes wait for it.
 *
 * A mark stays true when its member dies: it held the write.
 */
import { PeerFault } from '../../base/errors.ts'
import { type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import { after, type Duration, type Instant } from '../../base/time.ts'
import { ackCodec } from '../../wire/ack.ts'
import type { AckLevel, ReplicaMember } from './types.ts'

interface WaitingWrite {
  readonly id: number
  readonly ack: AckLevel
  readonly deadline: Instant
  /** The rows it changed, until all are in a batch. */
  readonly rows: readonly number[]
  /** The batch that completes it, once it is taken. */
  sequence: number | undefined
}

export class Acks {
  readonly #self: NodeId
  readonly #timeout: Duration
  readonly #marks = new Map<NodeId, number>()
  /** By deadline, which is the order of writing. */
  readonly #waiting = new Map<number, WaitingWrite>()
  #members: readonly ReplicaMember[] = []

  constructor(self: NodeId, timeout: Duration) {
    this.#self = self
    this.#timeout = timeout
  }

  membersChanged(members: readonly ReplicaMember[]): void {
    this.#members = members
    const nodes = new Set(members.map(member => member.node))
    for (const node of this.#marks.keys()) if (!nodes.has(node)) this.#marks.delete(node)
  }

  /** Whether the members in `reachable` could acknowledge at this level, by themselves. */
  canReach(ack: AckLevel, reachable: ReadonlySet<NodeId>): boolean {
    if (ack === 'local' || ack === 0) return true
    return isEnough(
      ack,
      this.#tally(node => reachable.has(node)),
    )
  }

  /** A write was applied: it changed `rows` and waits. */
  wait(write: { id: number; ack: AckLevel; rows: readonly number[] }, now: Instant): void {
    const deadline = after(now, this.#timeout)
    this.#waiting.set(write.id, { ...write, deadline, sequence: undefined })
  }

  abandon(id: number): void {
    this.#waiting.delete(id)
  }

  /** A batch was taken; `isPending` says which rows are in none yet. */
  batched(sequence: number, isPending: (row: number) => boolean): void {
    for (const write of this.#waiting.values()) {
      if (write.sequence === undefined && !write.rows.some(isPending)) write.sequence = sequence
    }
  }

  /** Rows that were erased before they were published: whatever wrote them is held by nobody. */
  dropped(rows: readonly number[]): void {
    if (rows.length === 0) return
    for (const write of this.#waiting.values()) {
      const isLost = write.sequence === undefined && write.rows.some(row => rows.includes(row))
      if (isLost) write.sequence = Number.POSITIVE_INFINITY
    }
  }

  /** A frame of the `ack` protocol; `sequence` is that of the last batch. @throws {PeerFault} `BAD_ACK`, `CBOR_…`, `BAD_…`. */
  take(frame: { readonly from: NodeId; readonly bytes: Uint8Array }, sequence: number): void {
    const { author, mark } = ackCodec.decode(frame.bytes)
    if (nodeIdOfKey(author) !== this.#self || mark > sequence) {
      throw new PeerFault('BAD_ACK', 'an acknowledgement of what was never sent')
    }
    this.heard(frame.from, mark)
  }

  /** A member holds this node's batches up to `mark`. */
  heard(from: NodeId, mark: number): void {
    if (mark > (this.#marks.get(from) ?? 0)) this.#marks.set(from, mark)
  }

  /** Whether an active member besides this node holds all batches up to `sequence`. */
  areHeldElsewhere(sequence: number): boolean {
    return (
      sequence === 0 || this.#tally(node => (this.#marks.get(node) ?? 0) >= sequence).members > 0
    )
  }

  /** Takes out the writes that are acknowledged as asked. */
  takeAcknowledged(): { readonly id: number; readonly acknowledgedBy: number }[] {
    if (this.#waiting.size === 0) return []
    const done: { id: number; acknowledgedBy: number }[] = []
    let [talliedFor, tally] = [-1, emptyTally]
    for (const { id, ack, sequence } of this.#waiting.values()) {
      if (sequence === undefined) continue
      if (sequence !== talliedFor) {
        tally = this.#tally(node => (this.#marks.get(node) ?? 0) >= sequence)
        talliedFor = sequence
      }
      if (!isEnough(ack, tally)) continue
      done.push({ id, acknowledgedBy: tally.members })
      this.#waiting.delete(id)
    }
    return done
  }

  /** Takes out the writes whose time is over. */
  takeOverdue(now: Instant): number[] {
    const overdue: number[] = []
    for (const { id, deadline } of this.#waiting.values()) {
      if (deadline > now) break
      overdue.push(id)
      this.#waiting.delete(id)
    }
    return overdue
  }

  get nextDeadline(): Instant | null {
    for (const { deadline } of this.#waiting.values()) return deadline
    return null
  }

  #tally(holds: (node: NodeId) => boolean): Tally {
    const all = new Set<string>()
    const holding = new Set<string>()
    let members = 0
    for (const { node, instance, phase } of this.#members) {
      if (phase !== 'active') continue
      all.add(instance)
      if (node === this.#self) holding.add(instance)
      else if (holds(node)) {
        members++
        holding.add(instance)
      }
    }
    return { members, instances: all.size, holding: holding.size }
  }
}

interface Tally {
  /** Members besides this node. */
  readonly members: number
  /** Platform instances of the active roster, and those that hold. */
  readonly instances: number
  readonly holding: number
}

const emptyTally: Tally = { members: 0, instances: 0, holding: 0 }

function isEnough(ack: AckLevel, tally: Tally): boolean {
  if (ack === 'local') return true
  // One instance alone is a majority of itself; what only this node holds is not acknowledged.
  if (ack === 'majority') return tally.members > 0 && 2 * tally.holding > tally.instances
  return tally.members >= ack
}
