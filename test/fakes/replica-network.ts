/** Replicas in one process over a network that delays, reorders and loses, in fake time from one seed. */

import { utf8 } from '../../src/base/bytes.ts'
import { digestOf, type NetworkId, type NodeId, nodeIdOfKey } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import type { Instant, Timestamp } from '../../src/base/time.ts'
import { hmacSha256, sha256 } from '../../src/crypto/hash.ts'
import { SigningKey } from '../../src/crypto/sign.ts'
import { createReplica, type Replica } from '../../src/protocol/replica/replica.ts'
import type {
  AckLevel,
  Operation,
  ReplicaEffect,
  ReplicaInput,
  ReplicaOptions,
  StateRules,
} from '../../src/protocol/replica/types.ts'

/** mulberry32: a small seeded generator, for tests only. */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const network = 'ab'.repeat(32) as NetworkId
/** Everybody writes everything, and there is room. */
export const openRules: StateRules = {
  write: [{ prefix: '', roles: ['member'], valueBytesMax: 65_536, schema: 'bytes' }],
  publicPrefixes: ['public/'],
  quota: {
    instance: { entries: 1_000_000, bytes: 2 ** 40 },
    departed: { entries: 1_000_000, bytes: 2 ** 40 },
  },
}

export const commitKey = digestOf(sha256(utf8('commit key')))

export interface Outcome {
  readonly kind: 'written' | 'failed'
  readonly acknowledgedBy: number
  readonly code: string | undefined
}

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export interface NetworkOptions {
  readonly seed: number
  /** Chance that a gossip message to one receiver, an ask or an ack is lost. */
  readonly loss?: number
  readonly delayMax?: number
  readonly replica?: Partial<ReplicaOptions>
  /** A platform instance for a node's number. */
  readonly instanceOf?: (index: number) => string
  readonly wall?: number
}

/** One replica with what the shell around it would do. */
export class FakeNode {
  readonly index: number
  readonly key: SigningKey
  readonly id: NodeId
  readonly replica: Replica
  readonly outcomes = new Map<number, Outcome>()
  readonly effects: ReplicaEffect[] = []
  readonly connected = new Set<FakeNode>()
  readonly commitSalts = new Map<string, Uint8Array>([[commitKey, utf8('commit key')]])
  phase: 'joining' | 'active' = 'joining'
  isAlive = true
  /** Added to the beats' group clock: a liar's. */
  clockLie = 0
  /** Answers pulls in place of the replica, which asks nothing any more: a liar's. `undefined` leaves it to the replica. */
  answerLie: ((question: Uint8Array) => Uint8Array | undefined) | undefined
  /** In its beats in place of its root: a liar's. */
  rootLie: Uint8Array | undefined
  wakesAt = Number.POSITIVE_INFINITY

  constructor(index: number, options: NetworkOptions, random: () => number) {
    this.index = index
    this.key = new SigningKey(new Secret(sha256(utf8(`node ${options.seed} ${index}`))))
    this.id = nodeIdOfKey(this.key.publicKey)
    this.replica = createReplica(
      {
        random: { bytes: count => Uint8Array.from({ length: count }, () => random() * 256) },
        commitSalt: (id, data) => {
          const salt = this.commitSalts.get(id)
          return salt === undefined ? undefined : hmacSha256(salt, data)
        },
        sign: message => this.key.sign(message),
      },
      { self: this.id, network, rules: openRules, ...options.replica },
    )
  }
}

export class FakeNetwork {
  readonly nodes: FakeNode[] = []
  readonly random: () => number
  readonly options: NetworkOptions
  now = 0
  loss: number
  /** Bytes of sync answers carried so far. */
  syncBytes = 0
  #events: Event[] = []
  #order = 0
  #nextWrite = 1

  constructor(options: NetworkOptions) {
    this.options = options
    this.random = seeded(options.seed)
    this.loss = options.loss ?? 0
  }

  /** A founder: active from the start. */
  found(): FakeNode {
    const node = this.#create()
    const wall = (this.options.wall ?? Date.UTC(2026, 10, 2)) as Timestamp
    this.feed(node, { kind: 'founded', wall, notBefore: 0 as Timestamp })
    this.activate(node)
    return node
  }

  /** A node that is connected to all others and becomes active after its first full sync; `pages` are its disk's. */
  join(pages: readonly Uint8Array[] = []): FakeNode {
    const node = this.#create()
    for (const bytes of pages) this.feed(node, { kind: 'restored', bytes })
    for (const other of this.nodes) if (other.isAlive) this.connect(node, other)
    return node
  }

  activate(node: FakeNode): void {
    node.phase = 'active'
    this.feed(node, { kind: 'commitKeyChosen', id: commitKey })
    this.#roster()
    this.feed(node, { kind: 'phaseChanged', phase: 'active' })
  }

  connect(left: FakeNode, right: FakeNode): void {
    if (left === right || left.connected.has(right)) return
    left.connected.add(right)
    right.connected.add(left)
    this.feed(left, { kind: 'connected', node: right.id })
    this.feed(right, { kind: 'connected', node: left.id })
  }

  disconnect(left: FakeNode, right: FakeNode): void {
    if (!left.connected.delete(right)) return
    right.connected.delete(left)
    this.feed(left, { kind: 'disconnected', node: right.id })
    this.feed(right, { kind: 'disconnected', node: left.id })
  }

  /** SIGKILL: nothing of it is left but what others hold. */
  kill(node: FakeNode): void {
    for (const other of [...node.connected]) this.disconnect(node, other)
    node.isAlive = false
    this.#roster()
  }

  write(node: FakeNode, operation: Operation, ack: AckLevel = 1): number {
    const id = this.#nextWrite++
    this.feed(node, { kind: 'writes', writes: [{ id, operation, ack }] })
    return id
  }

  set(node: FakeNode, key: string, value: string, ack: AckLevel = 1): number {
    return this.write(node, { kind: 'set', key, value: utf8(value) }, ack)
  }

  run(milliseconds: number): void {
    const end = this.now + milliseconds
    for (;;) {
      this.#events.sort((left, right) => left.at - right.at || left.order - right.order)
      const [event] = this.#events
      const wakes = this.nodes.filter(node => node.isAlive && node.wakesAt <= end)
      const next = wakes.sort((left, right) => left.wakesAt - right.wakesAt)[0]
      if (next !== undefined && (event === undefined || next.wakesAt < event.at)) {
        this.now = Math.max(this.now, next.wakesAt)
        this.feed(next, { kind: 'tick' })
      } else if (event !== undefined && event.at <= end) {
        this.#events.shift()
        this.now = Math.max(this.now, event.at)
        event.run()
      } else break
    }
    this.now = end
  }

  /** Runs with a beat of every node each second. */
  beatFor(secondsCount: number): void {
    for (let i = 0; i < secondsCount; i++) {
      for (const node of this.nodes) if (node.isAlive) this.#beat(node)
      this.run(1000)
    }
  }

  feed(node: FakeNode, input: ReplicaInput): void {
    if (!node.isAlive) return
    const effects = node.replica.step(input, this.now as Instant)
    for (const effect of effects) this.#apply(node, effect)
    node.wakesAt = node.replica.wakeAt() ?? Number.POSITIVE_INFINITY
  }

  byId(id: NodeId): FakeNode | undefined {
    return this.nodes.find(node => node.id === id)
  }

  later(delay: number, run: () => void): void {
    this.#events.push({ at: this.now + delay, order: this.#order++, run })
  }

  #create(): FakeNode {
    const node = new FakeNode(this.nodes.length, this.options, this.random)
    this.nodes.push(node)
    this.#roster()
    return node
  }

  #roster(): void {
    const instanceOf = this.options.instanceOf ?? String
    const members = this.nodes
      .filter(node => node.isAlive)
      .map(({ id, index, phase }) => ({ node: id, instance: instanceOf(index), phase }))
    for (const node of this.nodes) this.feed(node, { kind: 'membersChanged', members })
  }

  #beat(node: FakeNode): void {
    const groupClock = node.replica.groupClock(this.now as Instant)
    if (groupClock === undefined) return
    const root = node.rootLie ?? node.replica.roots()?.root ?? null
    for (const to of node.connected) {
      this.#carry(() =>
        this.feed(to, {
          kind: 'beat',
          node: node.id,
          root,
          groupClock: Math.max(0, groupClock + node.clockLie),
        }),
      )
    }
  }

  #carry(deliver: () => void, lost?: () => void): void {
    const delay = 1 + Math.floor(this.random() * (this.options.delayMax ?? 50))
    if (this.random() < this.loss) {
      if (lost !== undefined) this.later(delay, lost)
      return
    }
    this.later(delay, deliver)
  }

  #apply(node: FakeNode, effect: ReplicaEffect): void {
    node.effects.push(effect)
    switch (effect.kind) {
      case 'publish':
        for (const to of node.connected) {
          const { sequence, bytes } = effect
          const input = { kind: 'batchReceived', author: node.id, sequence, bytes } as const
          this.#carry(() => node.connected.has(to) && this.feed(to, input))
        }
        this.later(1, () => this.feed(node, { kind: 'published', sequence: effect.sequence }))
        break
      case 'tellAck': {
        const to = this.byId(effect.to)
        if (to === undefined || !node.connected.has(to)) break
        this.#carry(() =>
          this.feed(to, { kind: 'ackReceived', from: node.id, bytes: effect.bytes }),
        )
        break
      }
      case 'askSync':
        this.#ask(node, effect)
        break
      case 'fullSyncCompleted':
        if (node.phase === 'joining') this.activate(node)
        break
      case 'written':
      case 'failed':
        node.outcomes.set(effect.id, {
          kind: effect.kind,
          acknowledgedBy: effect.kind === 'written' ? effect.acknowledgedBy : 0,
          code: effect.kind === 'failed' ? effect.code : undefined,
        })
        break
    }
  }

  #ask(node: FakeNode, effect: ReplicaEffect & { kind: 'askSync' }): void {
    const to = this.byId(effect.to)
    const lost = (): void => this.feed(node, { kind: 'syncFailed', node: effect.to })
    if (to === undefined || !node.connected.has(to) || node.answerLie !== undefined) {
      this.later(1, lost)
      return
    }
    this.#carry(() => {
      const seen = to.effects.length
      this.feed(to, { kind: 'syncAsked', id: 7, from: node.id, bytes: effect.bytes })
      const answer = to.effects.slice(seen).find(e => e.kind === 'answer')
      if (answer === undefined || answer.kind !== 'answer') {
        this.#carry(lost, lost)
        return
      }
      const bytes = to.answerLie?.(effect.bytes) ?? answer.bytes
      this.syncBytes += bytes.length
      this.#carry(() => this.feed(node, { kind: 'syncAnswered', node: to.id, bytes }), lost)
    }, lost)
  }
}
