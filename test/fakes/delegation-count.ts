/**
 * How often nodes look at evidence themselves when k signers tell the others what they found: whole membership machines, each
 * message delivered at once, in virtual time. Everybody has a channel to the signers and to nobody else, and hears of all.
 */
import type { Verdict } from '../../src/attestation/verdict.ts'
import type { NodeId } from '../../src/base/ids.ts'
import { hours, type Instant, type Timestamp } from '../../src/base/time.ts'
import { Membership } from '../../src/protocol/membership/membership.ts'
import type {
  ManifestFacts,
  MembershipEffect,
  MembershipInput,
} from '../../src/protocol/membership/types.ts'
import { resultsAnswerCodec } from '../../src/wire/delegated-result.ts'
import type { Evidence } from '../../src/wire/evidence.ts'
import {
  attestorUnder,
  identity,
  manifest,
  network,
  policyInForce,
  seeded,
  verdictOf,
  verdictOfFinding,
  wallStart,
} from '../unit/protocol/membership/people.ts'

/** The work of a whole network, counted. */
export interface VerificationWork {
  /** Looks at evidence in full: in handshakes, at step-ups, at records. */
  looks: number
  /** Results appraised again. */
  reruns: number
  /** Signatures over results that were checked. */
  signatures: number
  /** Members that somebody took in on the word of others. */
  vouched: number
  /** Pairs in which one does not hold the other for a member. */
  strangers: number
}

interface Node {
  readonly made: ReturnType<typeof identity>
  readonly machine: Membership
}

interface Asked {
  readonly node: Node
  readonly ask: number
  readonly protocol: string
}

const second = 1_000
/** After so many seconds everybody should be known. */
const beatsMax = 60

/**
 * Everybody joins at once, and each node's first re-run is counted. All but the signers are alike, so `lives` of them are lived through
 * and stand for the rest.
 */
export function countDelegated(count: number, k: number, lives = count): VerificationWork {
  return new Count(count, k).run(Math.min(lives, count - k))
}

class Count {
  readonly #work: VerificationWork = {
    ...{ looks: 0, reruns: 0, signatures: 0, vouched: 0, strangers: 0 },
  }
  readonly #k: number
  readonly #manifest: ManifestFacts
  readonly #made: readonly ReturnType<typeof identity>[]
  readonly #nodes = new Map<NodeId, Node>()
  readonly #queue: { readonly node: Node; readonly effect: MembershipEffect }[] = []
  readonly #requests = new Map<number, Asked>()
  #isDraining = false
  #lastRequest = 0
  #now = 0

  constructor(count: number, k: number) {
    this.#k = k
    this.#manifest = { ...manifest, delegation: { k, policy: policyInForce.policy } }
    this.#made = Array.from({ length: count }, (_, i) => identity(`node ${i}`)).toSorted(
      (left, right) => (left.member.node < right.member.node ? -1 : 1),
    )
  }

  run(lives: number): VerificationWork {
    const signers = this.#made.slice(0, this.#k).map((made, i) => this.#start(made, i === 0))
    const [founder] = signers as [Node, ...Node[]]
    this.#pass(8 * second, signers)
    signers.forEach((signer, i) => {
      for (const other of signers.slice(0, i)) this.#link(signer, other)
    })
    this.#pass(second, signers)
    for (const signer of signers.slice(1)) this.#sync(signer, founder)
    this.#pass(3 * second, signers)
    if (signers.some(({ machine }) => machine.phase !== 'active'))
      throw new Error('signers are active')
    const others = this.#made.slice(this.#k).map(made => this.#start(made, false))
    for (const node of others) for (const signer of signers) this.#link(node, signer)
    this.#pass(second, [...signers, ...others])
    const begin = this.#now
    const before = { ...this.#work }
    // Each lives through the same minutes, one after the other: they have no channel between them, and so need little memory.
    for (const node of others.slice(0, lives)) {
      this.#now = begin
      this.#sync(node, founder)
      this.#meetAll(node, founder)
      node.machine[Symbol.dispose]()
    }
    return scaled(before, this.#work, others.length / lives)
  }

  /** Beats of everybody come once in a second; each stranger's leads to a question for its record. */
  #meetAll(node: Node, from: Node): void {
    const others = this.#made.map(({ member }) => member.node)
    const strangers = (): readonly NodeId[] => {
      const now = this.#now as Instant
      return others.filter(other => !node.machine.isMember(other, now))
    }
    for (let beats = 0; beats < beatsMax && strangers().length > 0; beats++) {
      for (const author of strangers()) {
        this.#feed(node, { kind: 'unknownAuthor', author, from: from.made.member.node })
      }
      this.#pass(second, [node])
    }
    this.#pass(61 * second, [node])
    this.#work.strangers += strangers().length
  }

  #start(made: ReturnType<typeof identity>, isFounder: boolean): Node {
    const machine = new Membership(
      {
        sign: message => made.signing.sign(message),
        decapsulate: ciphertext => made.kem.decapsulate(ciphertext),
        appraise: (_keys, evidence) => this.#look(evidence),
        judgeFinding: finding => verdictOfFinding([], finding),
        rerun: (_keys, evidence, { at }) => {
          this.#work.reruns++
          return verdictOf(evidence, at + hours(24))
        },
        attestor: attestorUnder(() => manifest),
        manifestSteps: () => [],
        wall: () => (wallStart + this.#now) as Timestamp,
        random: seeded(`random of ${made.member.node}`),
      },
      {
        ...{ network, self: made.member, manifest: this.#manifest },
        ...{ isFounder, mayFound: true, foundWait: (5 * second) as never },
      },
    )
    const node = { made, machine }
    this.#nodes.set(made.member.node, node)
    this.#feed(node, { kind: 'started' })
    return node
  }

  #look(evidence: Evidence): Verdict & { kind: 'trusted' } {
    this.#work.looks++
    return verdictOf(evidence, wallStart + this.#now + hours(24))
  }

  /** A handshake: each end looks at the other. */
  #link(left: Node, right: Node): void {
    for (const [node, other] of [[left, right] as const, [right, left] as const]) {
      const { member } = other.made
      const verdict = this.#look(member.evidence)
      this.#feed(node, { kind: 'connected', member: { ...member, verdict } })
    }
  }

  #sync(node: Node, from: Node): void {
    this.#feed(node, { kind: 'fullSyncCompleted', node: from.made.member.node })
  }

  #pass(span: number, nodes: readonly Node[]): void {
    const end = this.#now + span
    for (;;) {
      const alarms = nodes.flatMap(({ machine }) => machine.wakeAt() ?? [])
      const next = Math.min(...alarms, Number.POSITIVE_INFINITY)
      if (next > end) break
      this.#now = Math.max(this.#now, next)
      for (const node of nodes) {
        const at = node.machine.wakeAt()
        if (at !== null && at <= this.#now) this.#feed(node, { kind: 'tick' })
      }
    }
    this.#now = end
  }

  /** What one step wants done comes before what follows from it. */
  #feed(node: Node, input: MembershipInput): void {
    const effects = node.machine.step(input, this.#now as Instant)
    this.#queue.push(...effects.map(effect => ({ node, effect })))
    if (this.#isDraining) return
    this.#isDraining = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#apply(next.node, next.effect)
    }
    this.#isDraining = false
  }

  #apply(node: Node, effect: MembershipEffect): void {
    if (effect.kind === 'event' && effect.code === 'VOUCHED_FOR') this.#work.vouched++
    if (effect.kind === 'ask') this.#ask(node, effect)
    if (effect.kind === 'tell') this.#tell(node, effect)
    if (effect.kind === 'answer' || effect.kind === 'refuse') this.#answer(effect)
    if (effect.kind === 'stepUp') {
      const verdict = this.#look(this.#evidenceOf(effect.node))
      this.#feed(node, { kind: 'steppedUp', node: effect.node, verdict })
    }
  }

  #evidenceOf(node: NodeId): Evidence {
    const found = this.#made.find(({ member }) => member.node === node)
    if (found === undefined) throw new Error('nobody of this id')
    return found.member.evidence
  }

  #tell(node: Node, { node: to, bytes }: Extract<MembershipEffect, { kind: 'tell' }>): void {
    const target = this.#nodes.get(to)
    if (target !== undefined)
      this.#feed(target, { kind: 'told', from: node.made.member.node, bytes })
  }

  #ask(node: Node, effect: Extract<MembershipEffect, { kind: 'ask' }>): void {
    const { ask, protocol, bytes, node: to } = effect
    const server = this.#nodes.get(to)
    if (server === undefined) return
    const request = ++this.#lastRequest
    this.#requests.set(request, { node, ask, protocol })
    const from = node.made.member.node
    this.#feed(server, { kind: 'asked', request, from, protocol, bytes })
  }

  #answer(effect: Extract<MembershipEffect, { kind: 'answer' | 'refuse' }>): void {
    const asked = this.#requests.get(effect.request)
    this.#requests.delete(effect.request)
    if (asked === undefined) return
    const { node, ask, protocol } = asked
    if (effect.kind === 'refuse') {
      return this.#feed(node, { kind: 'askFailed', ask, code: effect.code })
    }
    const isSaid = protocol === 'results' && hasResults(effect.bytes)
    if (isSaid) this.#work.signatures++
    this.#feed(node, { kind: 'answered', ask, bytes: effect.bytes })
  }
}

/** Nobody checks the signature of an answer that says nothing. */
function hasResults(bytes: Uint8Array): boolean {
  return resultsAnswerCodec.decode(bytes).results.length > 0
}

/** What came since `before`, as often as there are nodes like those that lived. */
function scaled(before: VerificationWork, now: VerificationWork, factor: number): VerificationWork {
  const of = (name: keyof VerificationWork): number =>
    Math.round(before[name] + (now[name] - before[name]) * factor)
  return {
    ...{ looks: of('looks'), reruns: of('reruns'), signatures: of('signatures') },
    ...{ vouched: of('vouched'), strangers: of('strangers') },
  }
}
