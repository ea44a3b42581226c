/** A node in memory behind the `CoterieNode` port: no network, no crypto, the rules of the port only. */

import { compareBytes, toHex, utf8 } from '../../src/base/bytes.ts'
import { PeerFault, UsageError } from '../../src/base/errors.ts'
import { type NetworkId, nodeIdOfKey } from '../../src/base/ids.ts'
import type { MetricFamily } from '../../src/host/telemetry/port.ts'
import type {
  AppliedManifest,
  BanView,
  CoterieNode,
  LeaveReport,
  LightApi,
  LossView,
  MemberView,
  NodeEvent,
  NodePhase,
  PeerView,
  RefusalView,
  StateApi,
  StateEntry,
  StateEvent,
  StateProof,
  StatusView,
  VitalsView,
  WriteOptions,
  WriteReceipt,
} from '../../src/node/handle.ts'
import { LossCounts } from '../../src/node/loss-reasons.ts'
import type { LightQuestion } from '../../src/wire/light-question.ts'
import { FakeChannel } from './channel.ts'
import { FakeCustody } from './custody.ts'
import { FakeSigning } from './signing.ts'

/** How many changes the fake keeps for watchers that resume. */
const eventsMax = 8

/** A state map in memory; `failWith` makes the next write reject. */
export class FakeState implements StateApi {
  readonly #entries = new Map<string, StateEntry>()
  readonly #events: (StateEvent & { readonly number: number })[] = []
  #count = 0
  #wake = new Set<() => void>()
  /** What writes asked for, newest last. */
  readonly asked: WriteOptions[] = []
  failWith: Error | undefined
  /** Writes wait for this, or until their caller goes. */
  held: Promise<void> | undefined

  async set(key: string, value: Uint8Array, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write(key, { kind: 'register', key, value: value.slice() }, options)
  }

  async assign(key: string, value: Uint8Array, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write(key, { kind: 'multi', key, values: [value.slice()] }, options)
  }

  async increment(key: string, by: number, options: WriteOptions = {}): Promise<WriteReceipt> {
    const held = this.#entries.get(key)
    const value = (held?.kind === 'counter' ? held.value : 0n) + BigInt(by)
    return this.#write(key, { kind: 'counter', key, value }, options)
  }

  get(key: string): StateEntry | undefined {
    return this.#entries.get(key)
  }

  /** All is public; the bytes prove nothing and name the key. */
  prove(key: string): StateProof {
    return {
      key,
      isPublic: true,
      root: new Uint8Array(32).fill(0xef),
      proof: utf8(key),
    }
  }

  async delete(key: string, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write(key, null, options)
  }

  async add(key: string, element: Uint8Array, options: WriteOptions = {}): Promise<WriteReceipt> {
    const others = this.#elements(key).filter(other => toHex(other) !== toHex(element))
    const elements = [...others, element.slice()].sort(compareBytes)
    return this.#write(key, { kind: 'set', key, elements }, options)
  }

  async remove(
    key: string,
    element: Uint8Array,
    options: WriteOptions = {},
  ): Promise<WriteReceipt> {
    const elements = this.#elements(key).filter(other => toHex(other) !== toHex(element))
    return this.#write(key, elements.length > 0 ? { kind: 'set', key, elements } : null, options)
  }

  list(query: { prefix?: string; after?: string; limit?: number }): readonly StateEntry[] {
    const { prefix = '', after, limit = 1000 } = query
    return [...this.#entries.values()]
      .filter(entry => entry.key.startsWith(prefix) && (after === undefined || entry.key > after))
      .sort((left, right) => (left.key < right.key ? -1 : 1))
      .slice(0, limit)
  }

  async *watch(query: {
    prefix?: string
    cursor?: string
    signal?: AbortSignal
  }): AsyncGenerator<StateEvent> {
    const { prefix = '', cursor, signal } = query
    let next = cursor === undefined ? this.#count : Number(cursor.replace('c', '')) + 1
    const oldest = this.#events[0]?.number ?? this.#count
    if (!Number.isInteger(next) || next < oldest) {
      throw new UsageError('CURSOR_GONE', 'Events since this cursor are no longer held.')
    }
    while (signal?.aborted !== true) {
      const event = this.#events.find(({ number }) => number === next)
      if (event === undefined) {
        await new Promise<void>(resolve => {
          this.#wake.add(resolve)
          signal?.addEventListener('abort', () => resolve(), { once: true })
        })
        continue
      }
      next++
      if (event.key.startsWith(prefix)) yield event
    }
  }

  /** Watchers that wait for a change. */
  get watchers(): number {
    return this.#wake.size
  }

  #elements(key: string): readonly Uint8Array[] {
    const entry = this.#entries.get(key)
    if (entry === undefined) return []
    if (entry.kind === 'set') return entry.elements
    throw new UsageError('WRONG_KIND', 'This key holds a register.')
  }

  async #write(
    key: string,
    entry: StateEntry | null,
    options: WriteOptions,
  ): Promise<WriteReceipt> {
    this.asked.push(options)
    if (this.held !== undefined) await Promise.race([this.held, gone(options.signal)])
    if (this.failWith !== undefined) throw this.failWith
    if (entry === null) this.#entries.delete(key)
    else this.#entries.set(key, entry)
    const number = this.#count++
    this.#events.push({ number, cursor: `c${number}`, key, entry })
    if (this.#events.length > eventsMax) this.#events.shift()
    for (const wake of this.#wake) wake()
    this.#wake.clear()
    return { key, acknowledgedBy: options.ack === 'local' ? 0 : 1 }
  }
}

function gone(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

const me = nodeIdOfKey(new Uint8Array(32).fill(7))
const other = nodeIdOfKey(new Uint8Array(32).fill(9))

/** Answers with its questions, so that a test sees what came through. */
export class FakeLight implements LightApi {
  failWith: Error | undefined

  /** The question in words. */
  async answer(question: LightQuestion): Promise<Uint8Array> {
    if (this.failWith !== undefined) throw this.failWith
    const { kind, ...asked } = question
    const words = Object.values(asked).map(one =>
      one instanceof Uint8Array ? toHex(one) : String(one),
    )
    return utf8([kind, ...words].join(' '))
  }
}

/** Of a node that nobody told to boot. */
export const noQuorumKey: StatusView['quorumKey'] = {
  phase: 'WaitingForBootInstruction',
  fingerprint: null,
  namespace: null,
  shares: null,
}

/** A node that is active from the start. `opensToHost` is that of a testnet unless said. */
export class FakeNode implements CoterieNode {
  readonly id = me
  readonly network = 'ab'.repeat(32) as NetworkId
  readonly state = new FakeState()
  readonly light = new FakeLight()
  readonly channel = new FakeChannel()
  readonly custody = new FakeCustody()
  readonly signing = new FakeSigning(me)
  readonly sign = this.signing.sign
  /** What `audit` exports. */
  record: Uint8Array = utf8('coterie-audit/1\n')
  readonly audit = { export: async () => this.record }
  readonly opensToHost: boolean
  phase: NodePhase = 'active'
  warnings: StatusView['warnings'] = []
  readonly happened: NodeEvent[] = []
  /** Items that `remove` was given; one that is a single zero byte does not prove itself. */
  readonly removed: Uint8Array[] = []
  manifest: Uint8Array = utf8('{}')
  /** Bans by hand. */
  readonly banned: (BanView & { readonly seconds: number })[] = []
  stops = 0
  readonly #ended = Promise.withResolvers<void>()
  readonly ended = this.#ended.promise
  starts = 0

  constructor(options: { readonly opensToHost?: boolean } = {}) {
    this.opensToHost = options.opensToHost ?? true
  }

  async start(): Promise<void> {
    this.starts++
  }

  async leave(): Promise<LeaveReport> {
    await this.stop()
    return { drained: true }
  }

  async stop(): Promise<void> {
    this.stops++
    this.phase = 'stopped'
    this.#ended.resolve()
  }

  members(): readonly MemberView[] {
    const view = {
      phase: 'active',
      state: 'alive',
      platform: 'simulated',
      instance: '1a'.repeat(32),
      measurement: 'node-1',
      owner: null,
      verdictExpiresAt: '2030-01-01T00:00:00.000Z',
      isFresh: true,
      vouchedBy: [],
      cause: null,
      phi: 0.25,
      connected: true,
    } as const
    return [
      { ...view, node: me, self: true },
      { ...view, node: other, self: false },
    ]
  }

  peers(): readonly PeerView[] {
    const address = '/ip4/127.0.0.1/tcp/9601'
    return [{ node: other, address, direction: 'out', verdict: 'trusted', measurement: 'node-1' }]
  }

  bans(): readonly BanView[] {
    const until = '2030-01-01T00:01:00.000Z'
    const fault = { subject: other, scope: 'identity', code: 'BAD_FRAME', count: 1 } as const
    return [{ ...fault, reason: '', until }, ...this.banned]
  }

  ban(subject: string, how: { readonly seconds: number; readonly reason: string }): BanView {
    const until = '2030-01-01T01:00:00.000Z'
    const { reason, seconds } = how
    const ban = { subject, scope: 'identity', code: 'BY_HAND', reason, count: 0, until } as const
    this.banned.push({ ...ban, seconds })
    return ban
  }

  losses(): LossView {
    return new LossCounts().view()
  }

  unban(subject: string): boolean {
    return subject === other
  }

  refusals(): readonly RefusalView[] {
    return [
      {
        at: '2030-01-01T00:00:00.000Z',
        by: 'me',
        node: other,
        address: '/ip4/127.0.0.1/tcp/9602',
        code: 'MEASUREMENT_NOT_ACCEPTED',
        facts: { register: 'MR', offered: 'aa' },
        count: 3,
        next: 'Run what the manifest admits.',
      },
    ]
  }

  status(): StatusView {
    return {
      node: me,
      network: this.network,
      networkName: 'fake',
      testnet: this.opensToHost,
      tee: 'simulated',
      phase: this.phase,
      next: this.phase === 'alone' ? 'Start another member.' : '',
      version: '0.0.0',
      addresses: [`/ip4/127.0.0.1/tcp/9600/p2p/${me}`],
      listening: [],
      manifest: { nonce: 1, hash: 'cd'.repeat(32) },
      measurements: [{ name: 'node-1', validUntil: null, members: 2, share: 1 }],
      members: { active: 2, live: 2, known: 2 },
      state: {
        root: 'ef'.repeat(32),
        entries: this.state.list({}).length,
        delivered: 0,
        writesPerSecond: 0,
        deliveriesPerSecond: 0,
      },
      keys: { traffic: 1, storage: 1, commit: 1 },
      removals: { count: 0, digest: '00'.repeat(32) },
      quorumKey: noQuorumKey,
      lease: { state: 'held', until: null, instances: 1, citing: 1 },
      warnings: this.warnings,
      uptimeSeconds: 1,
    }
  }

  vitals(): VitalsView {
    const spans = { boundsMs: [1, 10], counts: [2, 1, 0] }
    const member = { node: other, beatAgesMs: [1_500, 500], root: 'ef'.repeat(32), apartMs: 0 }
    const trafficKey = '4b'.repeat(32)
    return { uptimeMs: 1_000, members: [member], writes: spans, appraisals: spans, trafficKey }
  }

  metrics(): readonly MetricFamily[] {
    const samples = [{ labels: { phase: this.phase }, value: 1 }]
    return [
      { name: 'coterie_node_fake', kind: 'gauge', help: 'A fake.', labels: ['phase'], samples },
    ]
  }

  remove(items: readonly Uint8Array[]): { readonly added: number } {
    if (items.some(item => item.length === 1 && item[0] === 0)) {
      throw new PeerFault('REMOVAL_NOT_PROVEN', 'The item does not prove itself.')
    }
    this.removed.push(...items)
    return { added: items.length }
  }

  /** A file that begins with `{` is in force from now on; anything else does not hold. */
  applyManifest(file: Uint8Array): AppliedManifest {
    if (file[0] !== 0x7b) throw new PeerFault('APPROVALS_MISSING', '0 of 3 members approved.')
    this.manifest = file.slice()
    return { changed: true, nonce: 2, hash: 'ce'.repeat(32) }
  }

  manifestFile(): Uint8Array {
    return this.manifest
  }

  async *events(signal: AbortSignal): AsyncGenerator<NodeEvent> {
    for (const event of this.happened) yield event
    await new Promise<void>(resolve => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}
