/**
 * A light client: what a network committed to, for somebody who trusts none of its nodes.
 *
 *     pin ──> manifest ──> evidence of nodes ──> checkpoints that q machines signed ──> proof of a key
 *
 * Each step believes the one before and nothing else. It follows the network forward only and remembers how far it came; what it cannot
 * prove, it does not say.
 */
import { type Endorsements, noEndorsements } from '../attestation/endorsements.ts'
import { utf8 } from '../base/bytes.ts'
import { PeerFault, UsageError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { type Duration, seconds, type Timestamp } from '../base/time.ts'
import { limits } from '../wire/limits.ts'
import type { ProvenContent } from '../wire/proven-content.ts'
import { gather } from './gather.ts'
import { bundleCodec, type Gathered } from './gathered.ts'
import { type Given, type Judgement, judge } from './judgement.ts'
import { isMultiaddr, linkNodesMax, originOf, type Pin } from './link.ts'
import { type LightMemory, memoryCodec } from './memory.ts'
import type { LightReport } from './report.ts'
import { httpSource, isSourceAddress, type LightSource, type SourcePorts } from './source.ts'

/** The world of a light client. */
export interface LightPorts extends SourcePorts {
  readonly clock: { wall(): Timestamp }
  /** Cryptographic chance: nonces that anybody can foretell prove nothing. */
  readonly random: Random
  /** Without it, the client forgets at its end how far it came. */
  readonly memory?: LightMemory
}

/** How a light client behaves. */
export interface LightOptions {
  readonly pin: Pin
  /** Whom to ask, 1 to 16; a text is the origin of a node's HTTP API. Two or more show where nodes disagree. */
  readonly sources: readonly (string | LightSource)[]
  /** A manifest envelope or lineage at hand; nodes are asked for it unless given. */
  readonly manifest?: Uint8Array
  /** Vendors' documents at hand, beside those that nodes serve. */
  readonly endorsements?: Endorsements
}

/** What a key holds, with what that rests on. */
export interface LightValue {
  /** `null`: proven to hold nothing. `undefined`: not proven, for the reason in the report. */
  readonly content: ProvenContent | null | undefined
  readonly report: LightReport
}

/** Looks at a network from outside, again and again; one for each pin. Looks take turns: each starts from what the one before remembered. */
export class LightClient {
  readonly #ports: LightPorts
  readonly #options: LightOptions
  readonly #sources: readonly LightSource[]
  #memory: Uint8Array | null
  #last: Gathered | undefined
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(
    ports: LightPorts,
    options: LightOptions,
    known: { readonly sources: readonly LightSource[]; readonly memory: Uint8Array | null },
  ) {
    this.#ports = ports
    this.#options = options
    this.#sources = known.sources
    this.#memory = known.memory
  }

  /**
   * A client with what it remembers. Asks nobody yet.
   *
   * @throws {UsageError} `BAD_SOURCES`. @throws {CoterieError} `LINK_BAD` for a source that is no origin, and what the memory throws.
   */
  static async open(ports: LightPorts, options: LightOptions): Promise<LightClient> {
    const sources = sourcesOf(options.sources, ports)
    const memory = (await ports.memory?.load()) ?? null
    return new LightClient(ports, options, { sources, memory })
  }

  /** Looks at the nodes and at what they committed to. @throws {CoterieError} `MEMORY_BROKEN`, `MEMORY_OF_ANOTHER_NETWORK`. */
  async check(signal?: AbortSignal): Promise<LightReport> {
    return (await this.#look(null, signal)).report
  }

  /**
   * What a key holds, proven under a state that enough machines signed.
   *
   * @throws {UsageError} `BAD_KEY`. @throws {CoterieError} as `check`.
   */
  async get(key: string, signal?: AbortSignal): Promise<LightValue> {
    const { length } = utf8(key)
    if (length === 0 || length > limits.stateKeyBytesMax || !key.isWellFormed()) {
      throw new UsageError('BAD_KEY', `A key has 1 to ${limits.stateKeyBytesMax} bytes of text.`)
    }
    const { content, report } = await this.#look(key, signal)
    return { content, report }
  }

  /** What a key holds each time that it changed, looked for every `interval`. What cannot be proven is told as well. */
  async *watch(key: string, options: WatchOptions): AsyncGenerator<LightValue, void> {
    let told: string | undefined
    const { signal } = options
    while (!signal.aborted) {
      const value = await this.get(key, signal).catch(error => {
        // To stop listening is what aborting asks for, not a failure.
        if (signal.aborted) return undefined
        throw error
      })
      if (value === undefined) return
      const now = JSON.stringify([value.report.code, value.report.value?.content ?? null])
      if (now !== told) yield value
      told = now
      await aborted(this.#ports.deadline(options.interval ?? seconds(2)), signal)
    }
  }

  /**
   * All that the last look went by, to be judged again elsewhere.
   *
   * @throws {UsageError} `NOTHING_TO_BUNDLE` before the first look, `BUNDLE_TOO_LARGE` beyond 8 MiB.
   */
  bundle(): Uint8Array {
    const bytes = this.#last === undefined ? undefined : bundleCodec.encode(this.#last)
    if (bytes !== undefined && bytes.length <= bundleCodec.limits.bytesMax) return bytes
    if (bytes !== undefined) {
      throw new UsageError('BUNDLE_TOO_LARGE', 'What these nodes said is too long for a bundle.', {
        next: 'Ask fewer nodes at once.',
      })
    }
    throw new UsageError('NOTHING_TO_BUNDLE', 'This client has not looked yet.', {
      next: 'Call check or get first.',
    })
  }

  /** A look, and what it was made with: for who goes on from there, as `callNode` does. @throws {CoterieError} as `check`. */
  async look(signal?: AbortSignal): Promise<Looked> {
    const { report } = await this.#look(null, signal)
    const { pin } = this.#options
    return {
      ...{ report, pin, sources: this.#sources, ports: this.#ports },
      manifests: this.#last?.manifests ?? [],
    }
  }

  #look(key: string | null, signal: AbortSignal | undefined): Promise<Judgement> {
    const look = this.#turn.then(() => this.#lookOnce(key, signal))
    // Who looks next waits for the end of this look, however it ends.
    this.#turn = look.catch(() => undefined)
    return look
  }

  async #lookOnce(key: string | null, signal: AbortSignal | undefined): Promise<Judgement> {
    const { pin, manifest } = this.#options
    const { clock } = this.#ports
    const sources = this.#sources
    const ports = { ...this.#ports, now: () => clock.wall() }
    const asked = { pin, sources, manifest, memory: this.#memory, key, signal }
    const gathered = await gather(ports, asked)
    this.#last = gathered
    const judgement = await judge(gathered, givenBy(pin, this.#options))
    const memory = memoryCodec.encode(judgement.remembered)
    await this.#ports.memory?.save(memory)
    this.#memory = memory
    return judgement
  }
}

/** @throws {UsageError} `BAD_SOURCES`. @throws {CoterieError} `LINK_BAD` for a text that is no origin. */
function sourcesOf(given: LightOptions['sources'], ports: SourcePorts): readonly LightSource[] {
  const sources = given.map(one => (typeof one === 'string' ? sourceAt(one, ports) : one))
  const addresses = sources.map(({ address }) => address)
  const areFew = sources.length >= 1 && sources.length <= linkNodesMax
  const areApart = new Set(addresses).size === sources.length
  if (!areFew || !areApart || !addresses.every(isSourceAddress)) {
    throw new UsageError(
      'BAD_SOURCES',
      `A light client asks 1 to ${linkNodesMax} nodes, each once.`,
      {
        next: 'Name addresses of nodes as http://127.0.0.1:9000.',
      },
    )
  }
  return sources
}

function sourceAt(address: string, ports: SourcePorts): LightSource {
  if (!isMultiaddr(address)) return httpSource(originOf(address), ports)
  throw new UsageError('BAD_SOURCES', 'A light client dials no multiaddr by itself.', {
    next: 'Hand over a source of coterie/light/libp2p, or name the HTTP API of the node.',
  })
}

/** What a client found, asked, and was given. */
export interface Looked {
  readonly report: LightReport
  readonly pin: Pin
  readonly sources: readonly LightSource[]
  /** What manifests the look went by. */
  readonly manifests: readonly Uint8Array[]
  readonly ports: LightPorts
}

/** How a key is watched. */
export interface WatchOptions {
  /** Ends the watching. */
  readonly signal: AbortSignal
  /** 2 seconds unless said. */
  readonly interval?: Duration
}

/** What a bundle shows: the same report as to whoever saved it, but for the endorsements that only one of them has. */
export async function verifyBundle(
  bytes: Uint8Array,
  given: { readonly pin: Pin; readonly endorsements?: Endorsements },
): Promise<LightValue & { readonly key: string | null }> {
  const gathered = decoded(bytes)
  const { report, content } = await judge(gathered, givenBy(given.pin, given))
  return { report, content, key: gathered.key }
}

/** The bytes of a report: equal for equal bundles and pins, in Node and in browsers. */
export function reportBytes(report: LightReport): Uint8Array {
  return utf8(`${JSON.stringify(report, null, 2)}\n`)
}

function givenBy(pin: Pin, { endorsements }: { readonly endorsements?: Endorsements }): Given {
  return { pin, endorsements: endorsements ?? noEndorsements }
}

function decoded(bytes: Uint8Array): Gathered {
  try {
    return bundleCodec.decode(bytes)
  } catch (cause) {
    if (!(cause instanceof PeerFault)) throw cause
    throw new UsageError('BUNDLE_BROKEN', 'These bytes are no bundle of a light client.', {
      cause,
      next: 'Give the file that was saved as a bundle, unchanged.',
    })
  }
}

/** When the first of the signals aborts. */
function aborted(...signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals])
  return new Promise(resolve => {
    if (any.aborted) resolve()
    else any.addEventListener('abort', () => resolve(), { once: true })
  })
}
