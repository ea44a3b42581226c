/**
 * Liveness machines on one virtual clock, joined by links that the test bends at will.
 *
 * Every run is decided by its seed. Each machine is woken at its `wakeAt` unless it is stalled; what
 * arrives meanwhile waits, as bytes wait in a socket.
 */
import {
  type Digest,
  digestOf,
  type NetworkId,
  type NodeId,
  nodeIdOfKey,
} from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import { Secret } from '../../src/base/secret.ts'
import { type Duration, type Instant, instant, seconds } from '../../src/base/time.ts'
import { SigningKey } from '../../src/crypto/sign.ts'
import {
  type BeatContent,
  type LivenessEffect,
  type LivenessInput,
  type LivenessRules,
  livenessRules,
} from '../../src/protocol/liveness/input.ts'
import { Liveness } from '../../src/protocol/liveness/liveness.ts'

/** A beat on its way. */
export interface Flight {
  readonly source: number
  readonly target: number
  readonly sequence: number
  readonly payload: Uint8Array
  readonly sentAt: number
}

/** What becomes of a beat: a delay in milliseconds, or lost. */
export type Link = (flight: Omit<Flight, 'payload'>) => number | 'lost'

export interface Told {
  readonly at: number
  /** Who judges. */
  readonly observer: number
  readonly effect: LivenessEffect
}

/** A small seeded generator (xorshift32): chance that repeats. */
export function seededRandom(seed: number): Random & { next(): number } {
  let state = seed | 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  return { next, bytes: count => Uint8Array.from({ length: count }, () => next() * 256) }
}

export const interval: Duration = seconds(1)
export const network = '11'.repeat(32) as NetworkId

/** A question of one machine to another, or the answer to it. */
export interface Probe {
  readonly source: number
  readonly target: number
  readonly kind: 'question' | 'answer'
  readonly bytes: Uint8Array
}

export class BeatNetwork {
  readonly told: Told[] = []
  readonly flights: Flight[] = []
  readonly ids: readonly NodeId[]
  readonly keys: readonly SigningKey[]
  readonly machines: readonly Liveness[]
  readonly progress: number[]
  readonly phases: BeatContent['phase'][]
  link: Link
  now = 0
  /** Called for each beat handed to a machine; the default keeps nothing. */
  onSend: (flight: Omit<Flight, 'target'>) => void = () => {}
  /** What becomes of a question or an answer; as of a beat on the same link unless set. */
  probeLink: (probe: Probe) => number | 'lost' = ({ source, target }) =>
    this.link({ source, target, sequence: 0, sentAt: this.now })
  /** What an answerer says in place of the truth; the truth unless set. */
  lie: (question: Omit<Probe, 'kind'>) => Uint8Array | undefined = () => undefined
  readonly #stalled = new Set<number>()
  readonly #crashed = new Set<number>()
  readonly #machineOf: (index: number) => number
  readonly #inbox: { at: number; target: number; arrive: () => void }[] = []
  readonly #waiting = new Map<number, (() => void)[]>()
  /** Who asked what, by the request number that the asked machine knows it under. */
  readonly #questions = new Map<number, { asker: number; ask: number }>()
  #requests = 0

  constructor(
    count: number,
    options: {
      readonly seed: number
      readonly link?: Link
      readonly acquainted?: boolean
      /** The number of the machine that each node runs on; one of its own unless said. */
      readonly machineOf?: (index: number) => number
      readonly rules?: LivenessRules
    },
  ) {
    const random = seededRandom(options.seed)
    this.keys = Array.from({ length: count }, () => new SigningKey(new Secret(random.bytes(32))))
    this.ids = this.keys.map(key => nodeIdOfKey(key.publicKey))
    this.#machineOf = options.machineOf ?? (index => index)
    this.progress = this.ids.map(() => 0)
    this.phases = this.ids.map(() => 'active')
    this.link = options.link ?? (() => 5)
    this.machines = this.ids.map((self, index) => {
      const source = { content: () => this.#content(index), turn: () => this.#turn(index) }
      const startsAt = instant(Math.floor(random.next() * interval))
      const sign = (message: Uint8Array): Uint8Array =>
        this.keys[index]?.sign(message) ?? new Uint8Array(64)
      return new Liveness(
        { source, random, sign },
        {
          ...{ self, network, interval, startsAt },
          instance: this.instance(index),
          rules: options.rules ?? livenessRules,
        },
      )
    })
    if (options.acquainted === false) return
    for (const [observer] of this.ids.entries()) {
      for (const node of this.ids) {
        this.introduce(observer, this.ids.indexOf(node))
        this.give(observer, { kind: 'connectionOpened', node })
      }
    }
  }

  #turn(index: number): number {
    const progress = (this.progress[index] ?? 0) + 1
    this.progress[index] = progress
    return progress
  }

  #content(index: number): BeatContent {
    const progress = this.#turn(index)
    const root = new Uint8Array(32)
    return {
      phase: this.phases[index] ?? 'active',
      groupClock: 1_700_000_000_000 + Math.floor(this.now),
      publicRoot: root,
      privateRoot: root,
      logPosition: 0,
      load: 0,
      progress,
      checkpoint: null,
    }
  }

  /** Hands an input to a machine now and carries out its effects. */
  give(observer: number, input: LivenessInput): readonly LivenessEffect[] {
    const effects = this.machine(observer).step(input, this.instant)
    for (const effect of effects) {
      if (effect.kind === 'sendBeat') this.#publish(observer, effect)
      else if (effect.kind === 'ask') this.#ask(observer, effect)
      else if (effect.kind === 'answer') this.#answer(observer, effect)
      else this.told.push({ at: this.now, observer, effect })
    }
    return effects
  }

  /** Hands a recorded beat to a machine. */
  replay(target: number, flight: Omit<Flight, 'target'>): readonly LivenessEffect[] {
    const { source, sequence, payload } = flight
    const author = this.id(source)
    return this.give(target, {
      kind: 'beatReceived',
      author,
      sequence,
      payload,
      signedBody: payload,
    })
  }

  machine(index: number): Liveness {
    return this.machines[index] as Liveness
  }

  id(index: number): NodeId {
    return this.ids[index] as NodeId
  }

  /** The machine that a node runs on. */
  instance(index: number): Digest {
    return digestOf(new Uint8Array(32).fill(1 + this.#machineOf(index)))
  }

  /** `index` is in the roster of `observer` from now on. */
  introduce(observer: number, index: number): void {
    const node = this.id(index)
    this.give(observer, { kind: 'memberAdded', node, instance: this.instance(index) })
  }

  get instant(): Instant {
    return instant(this.now)
  }

  /** The states that `observer` sees, in the order of the nodes; itself as `self`. */
  view(observer: number): readonly string[] {
    return this.ids.map((id, index) =>
      index === observer ? 'self' : (this.machine(observer).stateOf(id) ?? 'unknown'),
    )
  }

  crash(index: number): void {
    this.#crashed.add(index)
  }

  /** Nothing runs on this node until `resume`; its sockets fill. */
  stall(index: number): void {
    this.#stalled.add(index)
  }

  resume(index: number): void {
    this.#stalled.delete(index)
    const waiting = this.#waiting.get(index) ?? []
    this.#waiting.delete(index)
    for (const arrive of waiting) arrive()
  }

  /** Runs for a span of virtual time. */
  run(span: Duration): void {
    const until = this.now + span
    for (;;) {
      const [wakes, index] = this.#nextWake()
      const parcel = this.#inbox[0]
      const next = Math.min(wakes, parcel?.at ?? Number.POSITIVE_INFINITY)
      if (next > until) break
      this.now = Math.max(this.now, next)
      if (parcel !== undefined && parcel.at === next) this.#deliver()
      else this.give(index, { kind: 'tick' })
    }
    this.now = until
  }

  #nextWake(): readonly [number, number] {
    let earliest: readonly [number, number] = [Number.POSITIVE_INFINITY, -1]
    for (const [index, machine] of this.machines.entries()) {
      if (this.#stalled.has(index) || this.#crashed.has(index)) continue
      const at = machine.wakeAt()
      if (at < earliest[0]) earliest = [at, index]
    }
    return earliest
  }

  #publish(source: number, beat: { sequence: number; payload: Uint8Array }): void {
    this.onSend({ source, sequence: beat.sequence, payload: beat.payload, sentAt: this.now })
    for (const [target] of this.ids.entries()) {
      if (target === source) continue
      const flight = { source, target, ...beat, sentAt: this.now }
      const delay = this.link(flight)
      if (delay === 'lost') continue
      this.#send(target, delay, () => this.replay(target, flight))
    }
  }

  #ask(asker: number, { ask, node, bytes }: Extract<LivenessEffect, { kind: 'ask' }>): void {
    const target = this.ids.indexOf(node)
    const question = { source: asker, target, bytes }
    const delay = this.probeLink({ ...question, kind: 'question' })
    if (delay === 'lost' || this.#crashed.has(target)) return
    const request = ++this.#requests
    this.#questions.set(request, { asker, ask })
    const from = this.id(asker)
    this.#send(target, delay, () => {
      const lie = this.lie(question)
      if (lie === undefined) this.give(target, { kind: 'asked', request, from, bytes })
      else this.#answer(target, { kind: 'answer', request, bytes: lie })
    })
  }

  #answer(source: number, { request, bytes }: Extract<LivenessEffect, { kind: 'answer' }>): void {
    const question = this.#questions.get(request)
    this.#questions.delete(request)
    if (question === undefined) return
    const { asker: target, ask } = question
    const delay = this.probeLink({ source, target, bytes, kind: 'answer' })
    if (delay === 'lost') return
    this.#send(target, delay, () => this.give(target, { kind: 'answered', ask, bytes }))
  }

  #send(target: number, delay: number, arrive: () => void): void {
    const at = this.now + delay
    const later = this.#inbox.findIndex(waiting => waiting.at > at)
    this.#inbox.splice(later < 0 ? this.#inbox.length : later, 0, { at, target, arrive })
  }

  #deliver(): void {
    const parcel = this.#inbox.shift()
    if (parcel === undefined || this.#crashed.has(parcel.target)) return
    const { target, arrive } = parcel
    if (!this.#stalled.has(target)) return arrive()
    this.#waiting.set(target, [...(this.#waiting.get(target) ?? []), arrive])
  }
}
