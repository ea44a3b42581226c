/** Nodes with custody machines in a world that a test governs: TEEs, streams, people's requests, deaths, and an eye on every secret. */
import type { Verdict } from '../../src/attestation/verdict.ts'
import { concatBytes, equalBytes, toHex } from '../../src/base/bytes.ts'
import { type Digest, type NetworkId, type NodeId, nodeIdOfKey } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { type Instant, instant, timestamp } from '../../src/base/time.ts'
import { sha512 } from '../../src/crypto/hash.ts'
import { KemKey } from '../../src/crypto/kem.ts'
import { combineShares, shareSecret } from '../../src/crypto/secret-shares.ts'
import { SigningKey } from '../../src/crypto/sign.ts'
import { Custody } from '../../src/protocol/custody/custody.ts'
import type { CustodyRefusal } from '../../src/protocol/custody/refusals.ts'
import type {
  Charter,
  CustodyAnswer,
  CustodyEffect,
  CustodyInput,
  CustodyMember,
  CustodyRequest,
} from '../../src/protocol/custody/types.ts'
import type { Evidence } from '../../src/wire/evidence.ts'
import type { MemberRecord } from '../../src/wire/member-record.ts'
import { watchingSecrets } from './secret-watch.ts'

type Without<T> = T extends unknown ? Omit<T, 'request'> : never
/** What a caller asks; the world numbers it. */
export type Call = Without<CustodyRequest>
export type Outcome = CustodyAnswer | (CustodyRefusal & { readonly kind: 'refused' })

export const worldNetwork = 'ab'.repeat(32) as NetworkId

/** Anybody may hold and approve: sets come from the request, as on a testnet. */
export const openCharter: Charter = {
  genesisFlaw: () => undefined,
  manifestFlaw: () => undefined,
  namesHolders: false,
}

/** One node, from boot to death. */
export interface WorldNode {
  readonly name: string
  readonly id: NodeId
  readonly custody: Custody
  readonly record: MemberRecord
  readonly kem: KemKey
  readonly instance: Digest
  readonly log: CustodyEffect[]
  owner: string | null
  isAlive: boolean
  /** Whether others have a verdict on it. */
  isMember: boolean
}

interface Pending {
  readonly node: WorldNode
  readonly effect: CustodyEffect
}

/** What a test may do to an effect before it is carried out: let it pass, lose it, or have it fail. */
export type Fate = 'pass' | 'lose' | 'fail'

export class CustodyWorld {
  now: Instant = instant(0)
  charter: Charter = openCharter
  lease: 'held' | 'isolated' = 'held'
  rival: Digest | null = null
  isActive = true
  /** What the pivot handler of every node says that it runs; `null` while it is down. */
  handler: string | null = null
  /** Decides over each effect in the order in which they are carried out. */
  fate: (node: WorldNode, effect: CustodyEffect) => Fate = () => 'pass'
  /** Told after each effect was carried out. */
  settled: (node: WorldNode, effect: CustodyEffect) => void = () => {}
  readonly nodes: WorldNode[] = []
  /** Every secret that machines lent, were given or used, and every 32 bytes of chance that they drew. */
  readonly secrets = new Set<Secret>()
  readonly drawn: Uint8Array[] = []
  readonly #outbox: Pending[] = []
  readonly #outcomes = new Map<number, Outcome>()
  /** Requests of members, by their number: who waits for the answer. */
  readonly #asks = new Map<number, { readonly from: WorldNode; readonly job: number }>()
  readonly #answerers = new Map<number, WorldNode>()
  readonly #quotes: Evidence[] = []
  readonly #seenBy = new Map<WorldNode, Secret[]>()
  readonly #drawnBy = new Map<WorldNode, Uint8Array[]>()
  readonly #dead = new Set<Secret>()
  #requests = 0
  #draws = 0

  /** A node that begins its life, with keys of its own. */
  boot(name: string): WorldNode {
    const seed = (): Secret => new Secret(this.#bytes(32))
    const [signing, kem] = [new SigningKey(seed()), new KemKey(seed())]
    const keys = { identity: signing.publicKey, noise: this.#bytes(32), kem: kem.publicKey }
    const evidence = { platform: 'simulated', body: this.#bytes(32) }
    const id = nodeIdOfKey(signing.publicKey)
    const instance = toHex(sha512(new TextEncoder().encode(name)).subarray(0, 32)) as Digest
    const record = { keys, evidence, possession: new Uint8Array(64) }
    const shell = { name, id, kem, record, instance, log: [], owner: null as string | null }
    const node: WorldNode = {
      ...shell,
      isAlive: true,
      isMember: true,
      custody: new Custody(
        this.#portsOf(() => node),
        { network: worldNetwork, self: id },
      ),
    }
    this.nodes.push(node)
    return node
  }

  /** Its memory is gone, and with it its identity: whoever waits for it is told so. */
  kill(node: WorldNode): void {
    node.isAlive = false
    // Memory of a dead process is no place where a secret can be found; the machine is not asked to wipe it.
    for (const secret of this.#seenBy.get(node) ?? []) this.#dead.add(secret)
    for (const bytes of this.#drawnBy.get(node) ?? []) bytes.fill(0)
    for (const [request, { from, job }] of this.#asks) {
      if (from === node) this.#asks.delete(request)
      else if (this.#answerer(request) === node) {
        this.#asks.delete(request)
        this.feed(from, { kind: 'failed', job, code: 'CONNECTION_LOST' })
      }
    }
  }

  /** A request of a caller, carried through as far as it goes without time passing. `undefined`: no answer yet. */
  async call(node: WorldNode, call: Call): Promise<Outcome | undefined> {
    const request = this.begin(node, call)
    await this.run()
    return this.outcome(request)
  }

  /** The number of a request that was made and not carried out any further. */
  begin(node: WorldNode, call: Call): number {
    const request = ++this.#requests
    this.feed(node, { ...call, request } as CustodyRequest)
    return request
  }

  outcome(request: number): Outcome | undefined {
    return this.#outcomes.get(request)
  }

  feed(node: WorldNode, input: CustodyInput): void {
    if (!node.isAlive) return
    this.#see(node, input)
    const { result, used } = watchingSecrets(() => node.custody.step(input, this.now))
    for (const secret of used) this.#note(node, secret)
    for (const effect of result) {
      node.log.push(effect)
      this.#see(node, effect)
      this.#outbox.push({ node, effect })
    }
  }

  /** Carries out effects until there are none. */
  async run(): Promise<void> {
    for (let steps = 0; this.#outbox.length > 0; steps++) {
      if (steps > 10_000) throw new Error('the machines never come to rest')
      const next = this.#outbox.shift()
      if (next === undefined || !next.node.isAlive) continue
      const fate = this.fate(next.node, next.effect)
      if (!next.node.isAlive || fate === 'lose') continue
      if (fate === 'fail' && 'job' in next.effect) {
        this.feed(next.node, { kind: 'failed', job: next.effect.job, code: 'LOST' })
      } else await this.#carryOut(next)
      this.settled(next.node, next.effect)
    }
  }

  /** Moves time on, waking machines when they ask for it. */
  async pass(milliseconds: number): Promise<void> {
    const end = instant(this.now + milliseconds)
    await this.run()
    for (let wakes = 0; wakes < 10_000; wakes++) {
      const due = this.nodes.filter(({ isAlive }) => isAlive).map(n => n.custody.wakeAt() ?? end)
      const next = Math.min(...due, end)
      if (next >= end) break
      this.now = instant(Math.max(this.now, next))
      for (const node of this.nodes) this.feed(node, { kind: 'tick' })
      await this.run()
    }
    this.now = end
    for (const node of this.nodes) this.feed(node, { kind: 'tick' })
    await this.run()
  }

  /** Secrets that stand somewhere although no node holds them as its key, and drawn bytes that still stand there. */
  unwiped(): number {
    const holding = this.nodes.filter(node => node.isAlive && seedOf(node) !== undefined).length
    const standing = [...this.secrets].filter(one => !one.isWiped && !this.#dead.has(one))
    const drawn = this.drawn.filter(bytes => bytes.some(byte => byte !== 0))
    // Whoever holds the key holds its seed and two scalars that come out of it.
    return standing.length - 3 * holding + drawn.length
  }

  /** Evidence of this node with this report data, as its TEE would give it to software of another kind. */
  quoteOf(node: WorldNode, reportData: Uint8Array): Evidence {
    const evidence = { platform: 'simulated', body: concatBytes(reportData, bytesOf(node)) }
    this.#quotes.push(evidence)
    return evidence
  }

  #portsOf(node: () => WorldNode) {
    return {
      random: { bytes: (count: number) => this.#drawn(count, node()) },
      decapsulate: (ciphertext: Uint8Array) => {
        const shared = node().kem.decapsulate(ciphertext)
        if (shared !== undefined) this.#note(node(), shared)
        return shared
      },
      record: () => node().record,
      owner: () => node().owner,
      member: (id: NodeId): CustodyMember | undefined => {
        const found = this.nodes.find(other => other.id === id)
        if (found === undefined || !found.isMember) return undefined
        return { keys: found.record.keys, instance: found.instance, owner: found.owner }
      },
      peers: () =>
        this.nodes
          .filter(other => other.isAlive && other.isMember && other !== node())
          .map(n => n.id),
      isActive: () => this.isActive,
      charter: () => this.charter,
      rival: () => this.rival,
      lease: () => ({ kind: this.lease, instances: this.nodes.length, citing: 1 }),
    }
  }

  async #carryOut({ node, effect }: Pending): Promise<void> {
    switch (effect.kind) {
      case 'split': {
        if (effect.secret.isWiped) return this.#lost(node, effect.job)
        const shares = await shareSecret(effect.secret, effect)
        return this.feed(node, { kind: 'divided', job: effect.job, shares })
      }
      case 'combine': {
        if (effect.shares.some(({ isWiped }) => isWiped)) return this.#lost(node, effect.job)
        const secret = (await combineShares(effect.shares)) ?? null
        return this.feed(node, { kind: 'combined', job: effect.job, secret })
      }
      case 'quote': {
        const evidence = this.quoteOf(node, effect.reportData)
        return this.feed(node, { kind: 'quoted', job: effect.job, evidence })
      }
      case 'appraise': {
        const verdict = this.#appraised(effect.evidence, effect.reportData)
        return this.feed(node, { kind: 'appraised', job: effect.job, verdict })
      }
      case 'stepUp': {
        const isThere = this.nodes.some(({ id, isAlive }) => id === effect.node && isAlive)
        if (isThere) return this.feed(node, { kind: 'steppedUp', job: effect.job })
        return this.feed(node, { kind: 'failed', job: effect.job, code: 'NOT_CONNECTED' })
      }
      case 'checkHandler':
        if (this.handler === null) {
          return this.feed(node, { kind: 'failed', job: effect.job, code: 'HANDLER_DOWN' })
        }
        return this.feed(node, { kind: 'handlerAnswered', job: effect.job, hash: this.handler })
      case 'ask':
        return this.#ask(node, effect)
      case 'answer':
        return this.#answered(effect.request, job => ({
          kind: 'answered',
          job,
          bytes: effect.bytes,
        }))
      case 'refuse':
        this.#outcomes.set(effect.request, { kind: 'refused', ...effect.refusal })
        return this.#answered(effect.request, job => ({
          kind: 'failed',
          job,
          code: effect.refusal.code,
        }))
      case 'reply':
        this.#outcomes.set(effect.request, effect.answer)
        return
    }
  }

  /** What was lent was wiped before anybody came to it. */
  #lost(node: WorldNode, job: number): void {
    this.feed(node, { kind: 'failed', job, code: 'WIPED' })
  }

  #ask(from: WorldNode, { job, node, protocol, bytes }: Extract<CustodyEffect, { kind: 'ask' }>) {
    const to = this.nodes.find(({ id, isAlive }) => id === node && isAlive)
    if (to === undefined) return this.feed(from, { kind: 'failed', job, code: 'NOT_CONNECTED' })
    const request = ++this.#requests
    this.#asks.set(request, { from, job })
    this.#answerers.set(request, to)
    this.feed(to, { kind: 'asked', request, from: from.id, protocol, bytes })
  }

  #answerer(request: number): WorldNode | undefined {
    return this.#answerers.get(request)
  }

  #answered(request: number, input: (job: number) => CustodyInput): void {
    const ask = this.#asks.get(request)
    this.#asks.delete(request)
    if (ask !== undefined) this.feed(ask.from, input(ask.job))
  }

  #appraised(evidence: Evidence, reportData: Uint8Array): Verdict {
    const isGenuine = this.#quotes.some(({ body }) => equalBytes(body, evidence.body))
    if (!isGenuine) return { kind: 'refused', code: 'SIGNATURE_INVALID', facts: {} }
    if (!equalBytes(evidence.body.subarray(0, 64), reportData)) {
      return { kind: 'refused', code: 'REPORT_DATA_MISMATCH', facts: {} }
    }
    const machine = this.nodes.find(node => equalBytes(bytesOf(node), evidence.body.subarray(64)))
    return {
      kind: 'trusted',
      platform: 'simulated',
      instance: machine?.instance ?? ('00'.repeat(32) as Digest),
      owner: null,
      measurement: 'fake',
      registers: {},
      tcb: 'UpToDate',
      expiresAt: timestamp(1e15),
      testnet: true,
    }
  }

  #see(node: WorldNode, seen: CustodyInput | CustodyEffect): void {
    if ('secret' in seen && seen.secret !== null) this.#note(node, seen.secret)
    if (seen.kind !== 'divided' && seen.kind !== 'combine') return
    for (const share of seen.shares) this.#note(node, share)
  }

  #note(node: WorldNode, secret: Secret): void {
    this.secrets.add(secret)
    this.#seenBy.set(node, [...(this.#seenBy.get(node) ?? []), secret])
  }

  #drawn(count: number, node: WorldNode): Uint8Array {
    const bytes = this.#bytes(count)
    if (count !== 32) return bytes
    this.drawn.push(bytes)
    this.#drawnBy.set(node, [...(this.#drawnBy.get(node) ?? []), bytes])
    return bytes
  }

  #bytes(count: number): Uint8Array {
    const draw = new TextEncoder().encode(String(++this.#draws))
    const blocks = Array.from({ length: Math.ceil(count / 64) }, (_, i) =>
      sha512(concatBytes(draw, Uint8Array.of(i))),
    )
    return concatBytes(...blocks).slice(0, count)
  }
}

/** The seed that a node holds, if it holds one. */
export function seedOf({ custody }: WorldNode): Secret | undefined {
  const keys = custody.lend('open-own')
  return 'code' in keys ? undefined : keys.useSeed(seed => seed)
}

/** Names the machine of a node inside evidence. */
function bytesOf({ name }: WorldNode): Uint8Array {
  return sha512(new TextEncoder().encode(`machine of ${name}`)).subarray(0, 32)
}
