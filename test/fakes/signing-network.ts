/**
 * Nodes that make keys and sign over a network that a test bends at will.
 *
 * Every run is decided by its seed. What a node was told is kept, so that a copy of its memory can be made by telling
 * another one the same: a clone.
 */
import { toHex } from '../../src/base/bytes.ts'
import type { NodeId } from '../../src/base/ids.ts'
import { nodeIdOfKey } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import { Secret } from '../../src/base/secret.ts'
import { type Instant, instant, milliseconds } from '../../src/base/time.ts'
import { KemKey } from '../../src/crypto/kem.ts'
import { SigningKey } from '../../src/crypto/sign.ts'
import type { Ceremony } from '../../src/protocol/custody/signing/ceremony.ts'
import type { CeremonyEffect } from '../../src/protocol/custody/signing/ceremony-types.ts'
import { Coordinator } from '../../src/protocol/custody/signing/coordinator.ts'
import type { CoordinatorEffect } from '../../src/protocol/custody/signing/coordinator-types.ts'
import type { KeyShare } from '../../src/protocol/custody/signing/key-share.ts'
import { openCeremony } from '../../src/protocol/custody/signing/open-ceremony.ts'
import {
  Signer,
  type SignerEffect,
  type SigningAsked,
} from '../../src/protocol/custody/signing/signer.ts'
import {
  groupCodec,
  groupId,
  type Proposal,
  proposalId,
  type SigningGroup,
} from '../../src/wire/signing-group.ts'
import { statementCodec } from '../../src/wire/signing-statement.ts'
import { seededRandom } from './beat-network.ts'

export const network: Uint8Array = new Uint8Array(32).fill(0x11)

type Effect = CeremonyEffect | SignerEffect | CoordinatorEffect
export interface Flight {
  readonly from: TestSigner
  readonly to: NodeId
  readonly bytes: Uint8Array
}

/** Shorter than in production, so that what ended is over sooner: the clock is virtual, but repeats are not free. */
const pace = { patience: milliseconds(6000), repeat: milliseconds(2000) }

/** Keys are costly to make, and the same in every world. */
const keysMade = new Map<string, { readonly signing: SigningKey; readonly kem: KemKey }>()

function keysOf(name: string) {
  const known = keysMade.get(name)
  if (known !== undefined) return known
  const seed = (salt: number): Secret =>
    new Secret(
      Uint8Array.from(
        { length: 32 },
        (_, i) => (name.charCodeAt(i % name.length) + salt + i) % 256,
      ),
    )
  const keys = { signing: new SigningKey(seed(1)), kem: new KemKey(seed(2)) }
  keysMade.set(name, keys)
  return keys
}

type Deed = (node: TestSigner) => readonly Effect[]

export class TestSigner {
  readonly name: string
  readonly identity: Uint8Array
  readonly id: NodeId
  readonly instance: Uint8Array
  readonly kem: KemKey
  readonly effects: Effect[] = []
  readonly shares = new Map<string, KeyShare>()
  isUp = true
  /** What it lets be signed. */
  permits: (asked: SigningAsked) => boolean = () => true
  /** What it puts in the place of a statement of its own; `undefined` says nothing. */
  bend: (bytes: Uint8Array, to: NodeId) => Uint8Array | undefined = bytes => bytes
  /** All that it did, for a copy of its memory to do again. */
  readonly deeds: Deed[] = []
  readonly seed: number
  readonly machine: string
  readonly #signing: SigningKey
  readonly #random: Random
  readonly #ceremonies = new Map<string, Ceremony>()
  readonly #signers = new Map<string, Signer>()
  readonly #coordinators = new Map<string, Coordinator>()

  constructor(name: string, seed: number, machine = name) {
    const { signing, kem } = keysOf(name)
    this.name = name
    this.seed = seed
    this.machine = machine
    this.#signing = signing
    this.kem = kem
    this.identity = signing.publicKey
    this.id = nodeIdOfKey(signing.publicKey)
    this.instance = Uint8Array.from({ length: 32 }, (_, i) =>
      machine.charCodeAt(i % machine.length),
    )
    this.#random = seededRandom(seed)
  }

  sign = (message: Uint8Array): Uint8Array => this.#signing.sign(message)
  draw = (count: number): Uint8Array => this.#random.bytes(count)

  join(
    proposal: Proposal,
    attested: (identity: Uint8Array) => { instance: Uint8Array; kemKey: Uint8Array } | undefined,
    now: Instant,
  ): readonly Effect[] {
    const named = proposal.predecessor?.group
    const own =
      named === undefined ? undefined : this.shares.get(toHex(groupId(groupCodec.decode(named))))
    const decapsulate = (bytes: Uint8Array): Secret | undefined => this.kem.decapsulate(bytes)
    const ports = { random: this.#random, sign: this.sign, decapsulate, attested }
    const options = {
      identity: this.identity,
      proposal,
      pace,
      ...(own === undefined ? {} : { own }),
    }
    const opened = openCeremony(ports, options, now)
    if (opened.kind === 'refused') throw new Error(`${this.name}: ${opened.code}`)
    this.#ceremonies.set(toHex(proposalId(proposal)), opened.ceremony)
    return this.#noted(opened.effects)
  }

  /** Starts to sign with a share. */
  adopt(share: KeyShare): void {
    const name = toHex(share.id)
    this.shares.set(name, share)
    const permits = (asked: SigningAsked): boolean => this.permits(asked)
    this.#signers.set(name, new Signer({ random: this.#random, sign: this.sign, permits }, share))
  }

  ask(
    group: SigningGroup,
    wanted: { request: number; message: Uint8Array; lockKey: Uint8Array | null },
    now: Instant,
  ) {
    const name = toHex(groupId(group))
    const options = { identity: this.identity, group, noncesAhead: 2 }
    const coordinator =
      this.#coordinators.get(name) ??
      new Coordinator({ random: this.#random, sign: this.sign }, options)
    this.#coordinators.set(name, coordinator)
    return this.#noted(coordinator.step({ kind: 'sign', ...wanted }, now))
  }

  hear(bytes: Uint8Array, now: Instant): readonly Effect[] {
    const said = statementCodec.decode(bytes)
    const name = toHex(said.subject)
    const input = { kind: 'heard', bytes } as const
    const forSigner =
      said.kind === 'nonce-request' || said.kind === 'lock-request' || said.kind === 'sign-request'
    const machine =
      this.#ceremonies.get(name) ??
      (forSigner ? this.#signers.get(name) : this.#coordinators.get(name))
    return machine === undefined ? [] : this.#noted(machine.step(input, now))
  }

  tick(now: Instant): readonly Effect[] {
    const timed = [...this.#ceremonies.values(), ...this.#coordinators.values()]
    const due = timed.filter(machine => (machine.wakeAt() ?? Infinity) <= now)
    return due.flatMap(machine => this.#noted(machine.step({ kind: 'tick' }, now)))
  }

  wakeAt(): number {
    const timed = [...this.#ceremonies.values(), ...this.#coordinators.values()]
    return Math.min(...timed.map(machine => machine.wakeAt() ?? Infinity), Infinity)
  }

  /** A second process with the memory of this one. */
  clone(): TestSigner {
    const copy = new TestSigner(this.name, this.seed, this.machine)
    for (const deed of this.deeds) copy.do(deed)
    return copy
  }

  do(deed: Deed): readonly Effect[] {
    this.deeds.push(deed)
    return deed(this)
  }

  #noted(effects: readonly Effect[]): readonly Effect[] {
    this.effects.push(...effects.filter(({ kind }) => kind !== 'send'))
    for (const effect of effects) if (effect.kind === 'made') this.adopt(effect.share)
    return effects
  }

  /** Effects of one kind, as they came. */
  told<K extends Effect['kind']>(kind: K): Extract<Effect, { kind: K }>[] {
    return this.effects.filter(
      (effect): effect is Extract<Effect, { kind: K }> => effect.kind === kind,
    )
  }
}

export interface Terms {
  readonly suite?: Proposal['suite']
  readonly threshold: number
  readonly clonesMax?: number
  readonly locks?: boolean
}

export class SigningNetwork {
  readonly nodes: TestSigner[]
  readonly random: ReturnType<typeof seededRandom>
  readonly flights: Flight[] = []
  /** Every statement that was ever sent, for checkers. */
  readonly sent: Flight[] = []
  now = 0
  /** Ends a node right before or after something that it does; the count is its own. */
  crash: { readonly name: string; readonly point: number } | undefined
  readonly points = new Map<string, number>()

  constructor(names: readonly string[], seed = 1) {
    this.random = seededRandom(seed)
    this.nodes = names.map((name, i) => new TestSigner(name, seed * 1000 + i + 1))
  }

  node(name: string): TestSigner {
    const found = this.nodes.find(each => each.name === name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }

  add(name: string, machine = name): TestSigner {
    const node = new TestSigner(name, 7000 + this.nodes.length + this.random.next() * 1e6, machine)
    this.nodes.push(node)
    return node
  }

  proposal(
    names: readonly string[],
    terms: Terms,
    from?: { group: SigningGroup; dealers: readonly number[] },
  ): Proposal {
    const participants = names.map(name => {
      const { identity, instance, kem } = this.node(name)
      return { identity, instance, kemKey: kem.publicKey }
    })
    const { suite = 'ed25519', threshold, clonesMax = 0, locks = true } = terms
    return {
      network,
      suite: from?.group.suite ?? suite,
      epoch: (from?.group.epoch ?? 0) + 1,
      threshold,
      clonesMax,
      locks,
      session: this.random.bytes(16),
      participants,
      predecessor:
        from === undefined ? null : { group: groupCodec.encode(from.group), dealers: from.dealers },
      purpose: 'a test',
    }
  }

  /** What members know of each other by evidence. */
  attested = (identity: Uint8Array) => {
    const node = this.nodes.find(({ id }) => id === nodeIdOfKey(identity))
    return node === undefined ? undefined : { instance: node.instance, kemKey: node.kem.publicKey }
  }

  /** Everybody who is up among `names` takes part. */
  begin(proposal: Proposal, names: readonly string[]): void {
    for (const name of names)
      this.act(this.node(name), node => node.join(proposal, this.attested, instant(this.now)))
  }

  sign(
    at: string,
    group: SigningGroup,
    message: Uint8Array,
    lockKey: Uint8Array | null,
    request = 1,
  ): void {
    this.act(this.node(at), node =>
      node.ask(group, { request, message, lockKey }, instant(this.now)),
    )
  }

  /** One thing that a node does, with the points around it at which it may end. */
  act(node: TestSigner, deed: Deed): void {
    if (!node.isUp || this.#ends(node)) return
    const effects = node.do(deed)
    if (this.#ends(node)) return
    for (const effect of effects) {
      if (effect.kind !== 'send') continue
      this.#send(node, effect.to, effect.bytes)
      if (this.#ends(node)) return
    }
  }

  #send(node: TestSigner, to: NodeId, bytes: Uint8Array): void {
    const bent = node.bend(bytes, to)
    if (bent === undefined) return
    const flight = { from: node, to, bytes: bent }
    this.flights.push(flight)
    this.sent.push(flight)
  }

  #ends(node: TestSigner): boolean {
    const point = (this.points.get(node.name) ?? 0) + 1
    this.points.set(node.name, point)
    if (this.crash?.name === node.name && this.crash.point === point) node.isUp = false
    return !node.isUp
  }

  deliver(flight: Flight): void {
    const node = this.nodes.find(({ id, isUp }) => isUp && id === flight.to)
    if (node !== undefined) this.hand(node, flight.bytes)
  }

  /** Tells one node one statement. */
  hand(node: TestSigner, bytes: Uint8Array): void {
    const now = instant(this.now)
    this.act(node, each => each.hear(bytes, now))
  }

  /** Wakes whoever wants to be woken by now. */
  tick(): void {
    const now = instant(this.now)
    for (const node of this.nodes) if (node.wakeAt() <= now) this.act(node, each => each.tick(now))
  }

  /** Delivers everything in order, and moves the clock on while somebody waits for it, up to `until`. */
  run(until = 200_000): void {
    for (;;) {
      for (let flight = this.flights.shift(); flight !== undefined; flight = this.flights.shift())
        this.deliver(flight)
      const next = Math.min(...this.nodes.filter(({ isUp }) => isUp).map(node => node.wakeAt()))
      if (next > until) return
      this.now = Math.max(this.now, next)
      this.tick()
    }
  }

  /** A group made by `names`, without trouble. */
  found(names: readonly string[], terms: Terms): SigningGroup {
    this.begin(this.proposal(names, terms), names)
    this.run()
    const [made] = this.node(names[0] as string).told('made')
    if (made === undefined) throw new Error('no group was made')
    return made.share.group
  }
}
