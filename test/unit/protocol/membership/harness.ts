/**
 * A world of membership machines in fake time: links with seeded latency, partitions, a dial loop, step-ups.
 *
 * It plays the shell and the net of every node, and keeps to the obligations that types.ts states: every
 * ask is answered or fails, frames of one link arrive in order, a closed link fails what was on its way.
 */
import type { TrustedVerdict, Verdict } from '../../../../src/attestation/verdict.ts'
import { bytesOfDigest, digestOf, type NodeId } from '../../../../src/base/ids.ts'
import { below, type Random } from '../../../../src/base/random.ts'
import {
  type Duration,
  hours,
  type Instant,
  seconds,
  type Timestamp,
} from '../../../../src/base/time.ts'
import { Membership } from '../../../../src/protocol/membership/membership.ts'
import type {
  ManifestFacts,
  MembershipEffect,
  MembershipInput,
} from '../../../../src/protocol/membership/types.ts'
import type { Evidence } from '../../../../src/wire/evidence.ts'

import {
  attestorUnder,
  identity,
  manifest,
  type NodeSetup,
  network,
  seeded,
  verdictOf,
  verdictOfFinding,
  wallStart,
} from './people.ts'
import { TestNode } from './test-node.ts'

export type { TestNode } from './test-node.ts'

interface Scheduled {
  readonly at: number
  readonly order: number
  readonly action: () => void
}

export interface WorldOptions {
  readonly seed?: string
  /** Longest one-way latency, in milliseconds. */
  readonly latencyMax?: number
  readonly manifest?: ManifestFacts
}

export class World {
  now = 0 as Instant
  /** How far the hosts' wall clock is ahead of monotonic time. */
  wallOffset = wallStart
  readonly nodes: TestNode[] = []
  readonly manifest: ManifestFacts
  /** Later manifests that the manifest set approved. */
  readonly proven: ManifestFacts[] = []
  /** Every frame and request on its way, to be looked at or swallowed. */
  intercept: (message: {
    from: TestNode
    to: TestNode
    protocol: string
    bytes: Uint8Array
  }) => 'pass' | 'drop' = () => 'pass'
  /** Which pairs can reach each other. */
  canReach: (left: TestNode, right: TestNode) => boolean = () => true
  readonly #random: Random
  readonly #latencyMax: number
  readonly #lastArrival = new Map<string, number>()
  readonly #requests = new Map<number, { asker: TestNode; ask: number; server: TestNode }>()
  #queue: Scheduled[] = []
  #order = 0
  #request = 0

  constructor(options: WorldOptions = {}) {
    this.#random = seeded(options.seed ?? 'world')
    this.#latencyMax = options.latencyMax ?? 20
    this.manifest = options.manifest ?? manifest
    this.#dialLoop()
  }

  /** Starts a node; it is dialled by all that can reach it within a second. */
  add(name: string, setup: NodeSetup = {}): TestNode {
    const made = identity(name, setup)
    const manifests = [setup.manifest ?? this.manifest]
    const machine = new Membership(
      {
        sign: message => made.signing.sign(message),
        decapsulate: ciphertext => made.kem.decapsulate(ciphertext),
        appraise: (_keys, evidence) => this.appraise(evidence),
        judgeFinding: finding => verdictOfFinding(this.nodes, finding),
        rerun: (_keys, evidence, { at }) => this.rerun(evidence, at),
        attestor: attestorUnder(() => this.manifest),
        manifestSteps: hash =>
          manifests.filter(held => held.hash === hash).map(held => bytesOfDigest(held.hash)),
        wall: () => (this.wallOffset + this.now) as Timestamp,
        random: seeded(`random of ${name}`),
      },
      {
        ...{ network, self: made.member, manifest: manifests[0] as ManifestFacts },
        isFounder: setup.isFounder ?? false,
        mayFound: setup.mayFound ?? true,
        foundWait: seconds(5),
      },
    )
    const node = new TestNode(name, machine, made, setup.isFresh ?? true, manifests)
    this.nodes.push(node)
    this.feed(node, { kind: 'started' })
    return node
  }

  /** The TEE of a node gave evidence anew. */
  renew(node: TestNode, evidence: Evidence): void {
    node.shown = evidence
    this.feed(node, { kind: 'evidenceRenewed', evidence })
  }

  /** Evidence that was looked at in full, at each look. */
  readonly looks: Evidence[] = []
  /** What a re-run finds; `undefined` while the endorsements that signers went by are not at hand. */
  rerun = (evidence: Evidence, at: number): Verdict | undefined =>
    verdictOf(evidence, at + hours(24))

  appraise(evidence: Evidence): Verdict {
    this.looks.push(evidence)
    const now = this.wallOffset + this.now
    const verdict = verdictOf(evidence, now + hours(24))
    if ((verdict.evidenceEndsAt ?? Number.POSITIVE_INFINITY) <= now) {
      return { kind: 'refused', code: 'EVIDENCE_EXPIRED', facts: {} }
    }
    return this.manifest.measurements.includes(verdict.measurement)
      ? verdict
      : { kind: 'refused', code: 'MEASUREMENT_UNKNOWN', facts: {} }
  }

  /** Lets time pass. */
  run(span: Duration): void {
    const end = this.now + span
    for (;;) {
      const next = this.#next()
      if (next === undefined || next > end) break
      this.now = Math.max(this.now, next) as Instant
      this.#turn()
    }
    this.now = end as Instant
  }

  /** Lets time pass until `condition` holds, at most `span`; whether it came to hold. */
  runUntil(condition: () => boolean, span: Duration): boolean {
    const end = this.now + span
    while (!condition()) {
      const next = this.#next()
      if (next === undefined || next > end) return false
      this.now = Math.max(this.now, next) as Instant
      this.#turn()
    }
    return true
  }

  /** Only nodes of one group reach each other from now on; links across close. */
  partition(...groups: readonly (readonly TestNode[])[]): void {
    this.canReach = (left, right) =>
      groups.some(group => group.includes(left) && group.includes(right))
    for (const node of this.nodes) {
      for (const other of [...node.links]) if (!this.canReach(node, other)) this.unlink(node, other)
    }
  }

  heal(): void {
    this.canReach = () => true
  }

  /** The process ends without a word. */
  kill(node: TestNode): void {
    node.isUp = false
    for (const other of [...node.links]) this.unlink(node, other)
  }

  /** Tells everybody what their detector would say. */
  tellLiveness(node: TestNode, state: 'alive' | 'dead'): void {
    for (const other of this.nodes) {
      if (other !== node && other.isUp) {
        this.feed(other, { kind: 'livenessChanged', node: node.id, state })
      }
    }
  }

  /** Completes a full sync of `node` from `from`, as the replica's driver would. */
  sync(node: TestNode, from: TestNode): void {
    this.feed(node, { kind: 'fullSyncCompleted', node: from.id })
  }

  link(left: TestNode, right: TestNode): void {
    const isBarred = (a: TestNode, b: TestNode): boolean => {
      const verdict = this.appraise(b.shown)
      return (
        verdict.kind !== 'trusted' ||
        a.machine.admissible(b.id, verdict, this.now) !== undefined ||
        a.machine.phase === 'removed'
      )
    }
    if (left.links.has(right) || isBarred(left, right) || isBarred(right, left)) return
    left.links.add(right)
    right.links.add(left)
    for (const [node, other] of [[left, right] as const, [right, left] as const]) {
      const verdict = this.appraise(other.shown) as TrustedVerdict
      if (node.links.has(other)) {
        const member = { ...other.member, evidence: other.shown, verdict }
        this.feed(node, { kind: 'connected', member })
      }
    }
  }

  unlink(left: TestNode, right: TestNode): void {
    if (!left.links.delete(right)) return
    right.links.delete(left)
    left.gates.delete(right.id)
    right.gates.delete(left.id)
    this.feed(left, { kind: 'disconnected', node: right.id })
    this.feed(right, { kind: 'disconnected', node: left.id })
  }

  feed(node: TestNode, input: MembershipInput): readonly MembershipEffect[] {
    if (!node.isUp) return []
    const effects = node.machine.step(input, this.now)
    for (const effect of effects) {
      node.log.push({ at: this.now, effect })
      this.#apply(node, effect)
    }
    return effects
  }

  byId(id: NodeId): TestNode {
    const found = this.nodes.find(node => node.id === id)
    if (found === undefined) throw new Error(`no node ${id}`)
    return found
  }

  #apply(node: TestNode, effect: MembershipEffect): void {
    switch (effect.kind) {
      case 'ask':
        return this.#ask(node, effect)
      case 'answer':
      case 'refuse':
        return this.#answer(node, effect)
      case 'tell': {
        const to = this.byId(effect.node)
        const message = { from: node, to, protocol: 'announce', bytes: effect.bytes }
        if (this.intercept(message) === 'drop') return
        return this.#deliver(node, to, () =>
          this.feed(to, { kind: 'told', from: node.id, bytes: effect.bytes }),
        )
      }
      case 'openGate':
        return void node.gates.add(effect.node)
      case 'stepUp':
        return this.#stepUp(node, this.byId(effect.node))
      case 'manifestCame':
        return this.#judgeManifest(node, effect)
      case 'disconnect':
      case 'faulted':
        return this.#later(0, () => this.unlink(node, this.byId(effect.node)))
      default:
        return
    }
  }

  /** Puts a manifest into force, as the shell does for one that holds. */
  govern(node: TestNode, next: ManifestFacts): void {
    node.manifests.push(next)
    this.feed(node, { kind: 'manifestChanged', manifest: next })
  }

  /** The shell of the harness believes the manifests of `proven` and nothing else. */
  #judgeManifest(
    node: TestNode,
    { node: from, envelopes }: Extract<MembershipEffect, { kind: 'manifestCame' }>,
  ): void {
    const inForce = node.manifests.at(-1) as ManifestFacts
    const hash = digestOf(envelopes.at(-1) as Uint8Array)
    const found = this.proven.find(known => known.hash === hash)
    const code = found === undefined ? 'APPROVALS_MISSING' : 'NONCE_NOT_HIGHER'
    const isHigher = found !== undefined && found.nonce > inForce.nonce
    if (isHigher) this.govern(node, found)
    if (found !== undefined && found.nonce === inForce.nonce) {
      const contradicted = { ...inForce, rival: found.hash }
      node.manifests.splice(0, node.manifests.length, found, contradicted)
      this.feed(node, { kind: 'manifestChanged', manifest: contradicted })
    }
    const refusal = isHigher ? null : { code, facts: {} }
    this.feed(node, { kind: 'manifestJudged', node: from, refusal })
  }

  #ask(asker: TestNode, effect: Extract<MembershipEffect, { kind: 'ask' }>): void {
    const server = this.byId(effect.node)
    const { ask, protocol, bytes } = effect
    const fail = (): unknown => this.feed(asker, { kind: 'askFailed', ask, code: 'NOT_CONNECTED' })
    if (this.intercept({ from: asker, to: server, protocol, bytes }) === 'drop') {
      return this.#later(10_000, fail)
    }
    this.#later(this.#latency(), () => {
      if (!asker.links.has(server)) return fail()
      const request = ++this.#request
      this.#requests.set(request, { asker, ask, server })
      return this.feed(server, { kind: 'asked', request, from: asker.id, protocol, bytes })
    })
  }

  #answer(
    server: TestNode,
    effect: Extract<MembershipEffect, { kind: 'answer' | 'refuse' }>,
  ): void {
    // A test that asks with its own hand reads the answer in the log.
    if (effect.request < 0) return
    const pending = this.#requests.get(effect.request)
    if (pending === undefined) throw new Error('a request is answered once')
    this.#requests.delete(effect.request)
    const { asker, ask } = pending
    this.#later(this.#latency(), () => {
      if (!asker.links.has(server)) {
        return this.feed(asker, { kind: 'askFailed', ask, code: 'NOT_CONNECTED' })
      }
      return effect.kind === 'answer'
        ? this.feed(asker, { kind: 'answered', ask, bytes: effect.bytes })
        : this.feed(asker, { kind: 'askFailed', ask, code: effect.code })
    })
  }

  #stepUp(verifier: TestNode, attester: TestNode): void {
    this.#later(2 * this.#latency(), () => {
      const node = attester.id
      const verdict = this.appraise(attester.member.evidence)
      const isAnswered = verifier.links.has(attester) && attester.isFresh && attester.isUp
      return isAnswered && verdict.kind === 'trusted'
        ? this.feed(verifier, { kind: 'steppedUp', node, verdict })
        : this.feed(verifier, {
            ...{ kind: 'stepUpFailed', node, code: 'NOT_FRESH', how: 'unanswered' },
          })
    })
  }

  #deliver(from: TestNode, to: TestNode, action: () => void): void {
    const link = `${from.name} ${to.name}`
    const earliest = this.#lastArrival.get(link) ?? 0
    const at = Math.max(this.now + this.#latency(), earliest)
    this.#lastArrival.set(link, at)
    this.#later(at - this.now, () => {
      if (from.links.has(to)) action()
    })
  }

  #dialLoop(): void {
    for (const left of this.nodes) {
      for (const right of this.nodes) {
        const isDialled = left.id < right.id && left.isUp && right.isUp
        if (isDialled && this.canReach(left, right)) this.link(left, right)
      }
    }
    this.#later(1000, () => this.#dialLoop())
  }

  #latency(): number {
    return 1 + below(this.#random, this.#latencyMax)
  }

  #later(span: number, action: () => void): void {
    this.#queue.push({ at: this.now + span, order: this.#order++, action })
  }

  #next(): number | undefined {
    const alarms = this.nodes.filter(({ isUp }) => isUp).map(({ machine }) => machine.wakeAt())
    const all = [...this.#queue.map(({ at }) => at), ...alarms.filter(at => at !== null)]
    return all.length === 0 ? undefined : Math.min(...all)
  }

  #turn(): void {
    const due = this.#queue
      .filter(({ at }) => at <= this.now)
      .toSorted((left, right) => left.at - right.at || left.order - right.order)
    this.#queue = this.#queue.filter(({ at }) => at > this.now)
    for (const { action } of due) action()
    for (const node of this.nodes) {
      const at = node.isUp ? node.machine.wakeAt() : null
      if (at !== null && at <= this.now) this.feed(node, { kind: 'tick' })
    }
  }
}

/** A running network: the first founds it, the others join and sync. */
export function network3(world: World, names: readonly string[] = ['a', 'b', 'c']): TestNode[] {
  const nodes = names.map((name, i) => world.add(name, { isFounder: i === 0 }))
  world.run(seconds(8))
  const [founder, ...rest] = nodes as [TestNode, ...TestNode[]]
  for (const node of rest) world.sync(node, founder)
  world.run(seconds(4))
  return nodes
}
