/**
 * A light client's way to nodes over libp2p: it dials them in the light role, asks, and listens nowhere.
 *
 * In the handshake a node shows that it holds the key of its peer id, and its evidence; what that is worth is not judged here. The
 * client needs a manifest for it, which it asks this very node for, and it says why a node is refused, which no broken handshake could.
 * So nothing rests on the connection: answers prove themselves, or are not believed (docs/decisions/0041).
 *
 * A dialled source fits `LightSource` of `light` and knows nothing of it: what a client asks by path is asked here as a frame.
 */
import type { Connection, Libp2p } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { HostError, PeerFault, UsageError } from '../../base/errors.ts'
import type { NetworkId } from '../../base/ids.ts'
import { Secret } from '../../base/secret.ts'
import type { Duration } from '../../base/time.ts'
import { decodeAnswer } from '../../wire/answer.ts'
import { encodeLightQuestion, lightQuestionAt } from '../../wire/light-question.ts'
import { systemRandom } from '../random.ts'
import { systemTimers } from '../timers.ts'
import { dialCode, parseAddress } from './addresses.ts'
import { lightClient } from './attested-noise.ts'
import { FrameStream } from './frame-stream.ts'
import { IdentityKey } from './identity-key.ts'
import { silentLibp2pLogger } from './libp2p-log.ts'
import { lightQuestionsId } from './libp2p-node.ts'
import { NoiseStatic } from './noise-crypto.ts'
import { lightLimits } from './options.ts'
import { Slots } from './slots.ts'

/** What is asked: a path of the HTTP API that light clients may ask. */
export interface DialledQuestion {
  readonly path: string
  /** An answer of more bytes is dropped. */
  readonly bytesMax: number
  /** Questions with a body go over HTTP alone. */
  readonly body?: Uint8Array
}

/** Bytes, or why there are none. */
export type DialledAnswer =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'failed'
      readonly code: DialledCode
      readonly facts: Readonly<Record<string, string | number>>
    }

type DialledCode =
  | 'SOURCE_UNREACHABLE'
  | 'SOURCE_TIMEOUT'
  | 'SOURCE_REFUSES'
  | 'SOURCE_HAS_NONE'
  | 'SOURCE_BUSY'
  | 'SOURCE_BROKEN'
  | 'SOURCE_TOO_LARGE'

/** A node at a multiaddr, as a source of a light client. */
export interface DialledSource {
  /** The multiaddr. */
  readonly address: string
  /** Asks once; whoever answers is not believed. Never throws but the reason of `signal`. */
  ask(question: DialledQuestion, signal?: AbortSignal): Promise<DialledAnswer>
}

/** Which network is asked about. */
export interface LightDiallerOptions {
  /** That of the pin: nodes of another network do not understand this client. */
  readonly network: NetworkId
}

/** The world of a dialler, but for its sockets. */
export interface LightDiallerPorts {
  /** A signal that aborts after so long. */
  readonly deadline: (span: Duration) => AbortSignal
}

/** Dials nodes for a light client, and keeps the connections until it is closed. */
export interface LightDialler extends AsyncDisposable {
  /**
   * The node at this address; dialled with the first question, and again whenever the connection was lost.
   *
   * @throws {UsageError} `BAD_ADDRESS` for anything but an address of a TCP port with a peer id.
   */
  source(address: string): DialledSource
  /** Ends all connections. A process with open ones does not end by itself. */
  close(): Promise<void>
}

/** Starts a client with keys of its own, made for it alone. */
export async function openLightDialler(
  { network }: LightDiallerOptions,
  ports: LightDiallerPorts = { deadline: span => AbortSignal.timeout(span) },
): Promise<LightDialler> {
  const libp2p = await createLibp2p({
    privateKey: new IdentityKey(new Secret(systemRandom.bytes(32))),
    nodeInfo: { name: 'coterie', version: '0', userAgent: 'coterie' },
    logger: silentLibp2pLogger,
    transports: [tcp()],
    // Nodes open streams to ask whether somebody is there, and for nothing else.
    streamMuxers: [yamux({ maxInboundStreams: 8 })],
    connectionEncrypters: [
      lightClient({
        network,
        own: new NoiseStatic(new Secret(systemRandom.bytes(32))),
        random: systemRandom,
        timers: systemTimers,
        hooks: {
          barred: () => undefined,
          began: () => ({ [Symbol.dispose]() {} }),
          attested: () => undefined,
          refused: () => undefined,
        },
        appraiser: null,
      }),
    ],
    connectionGater: { denyDialMultiaddr: async () => false },
    connectionManager: { dialTimeout: lightLimits.patience, reconnectRetries: 0 },
    connectionMonitor: { enabled: false },
    services: { ping: ping({ maxInboundStreams: 8 }) },
  })
  const protocol = lightQuestionsId(network)
  const close = async (): Promise<void> => {
    await libp2p.stop()
  }
  return {
    source: address => new Dialled({ libp2p, protocol, ports, address: nodeAddress(address) }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const dialled = /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d+\/p2p\/[^/]+$/

function nodeAddress(text: string): Multiaddr {
  const address = parseAddress(text)
  if (dialled.test(address.toString())) return address
  throw new UsageError('BAD_ADDRESS', `${text} does not say which node is at which TCP port`, {
    next: 'write it with its peer id, like /ip4/192.0.2.1/tcp/9600/p2p/12D3KooW…',
  })
}

interface DialledParts {
  readonly libp2p: Libp2p
  readonly protocol: string
  readonly ports: LightDiallerPorts
  readonly address: Multiaddr
}

/** A connection and what is asked over it. */
interface Line {
  readonly connection: Connection
  asks: number
  /** It left a question without an answer: the next one takes another. */
  isTired: boolean
}

class Dialled implements DialledSource {
  readonly address: string
  readonly #parts: DialledParts
  readonly #slots = new Slots(lightLimits.asksPerConnection / 2)
  #line: Line | undefined
  #dialling: Promise<Line> | undefined

  constructor(parts: DialledParts) {
    this.#parts = parts
    this.address = parts.address.toString()
  }

  async ask(question: DialledQuestion, signal?: AbortSignal): Promise<DialledAnswer> {
    const asked = question.body === undefined ? lightQuestionAt(question.path) : undefined
    if (asked === undefined) return failed('SOURCE_HAS_NONE')
    const expired = this.#parts.ports.deadline(lightLimits.patience)
    const ends = signal === undefined ? expired : AbortSignal.any([signal, expired])
    try {
      using _slot = await this.#slots.take('', ends)
      const line = await unless(ends, this.#connected())
      const { bytesMax } = question
      const frame = await this.#over(line, encodeLightQuestion(asked), { bytesMax, ends })
      return answerIn(frame, bytesMax)
    } catch (error) {
      // Whatever it was: the world's, or the node's. To the caller it is one source that gave nothing.
      signal?.throwIfAborted()
      if (expired.aborted) {
        if (this.#line !== undefined) tire(this.#line)
        return failed('SOURCE_TIMEOUT', { seconds: lightLimits.patience / 1000 })
      }
      return failureOf(error, question.bytesMax)
    }
  }

  #connected(): Promise<Line> {
    const line = this.#line
    if (line?.connection.status === 'open' && !line.isTired) return Promise.resolve(line)
    this.#dialling ??= this.#dial().finally(() => {
      this.#dialling = undefined
    })
    return this.#dialling
  }

  async #dial(): Promise<Line> {
    const { libp2p, address } = this.#parts
    // By force: libp2p would hand out the tired connection again.
    const connection = await libp2p.dial(address, { force: true })
    this.#line = { connection, asks: 0, isTired: false }
    return this.#line
  }

  /** Sends the question and reads one frame; what else the node sends is not waited for. */
  async #over(
    line: Line,
    question: Uint8Array,
    { bytesMax, ends }: { readonly bytesMax: number; readonly ends: AbortSignal },
  ): Promise<Uint8Array> {
    line.asks++
    try {
      const stream = await line.connection.newStream(this.#parts.protocol, { signal: ends })
      try {
        const frames = new FrameStream(stream, Math.max(bytesMax, refusalBytesMax) + 1)
        await frames.write([question], ends)
        return await frames.read(ends)
      } finally {
        stream.abort(new HostError('ASKED', 'the question is over'))
      }
    } finally {
      line.asks--
      if (line.isTired) tire(line)
    }
  }
}

/** Takes no further question over it, and closes it with the last one: half a connection looks open for hours. */
function tire(line: Line): void {
  line.isTired = true
  if (line.asks === 0) line.connection.abort(new HostError('ASK_TIMEOUT', 'no answer in time'))
}

/** A refusal is longer than the shortest answer. */
const refusalBytesMax = 4_096

function answerIn(frame: Uint8Array, bytesMax: number): DialledAnswer {
  const answer = decodeAnswer(frame)
  if (answer.kind === 'refusal') {
    const { code } = answer
    return failed(codeOfRefusal[code] ?? 'SOURCE_BROKEN', { code })
  }
  return answer.body.length > bytesMax
    ? failed('SOURCE_TOO_LARGE', { bytesMax })
    : { kind: 'bytes', bytes: answer.body }
}

/** As a light client reads the statuses that the HTTP routes give these codes. */
const codeOfRefusal: Readonly<Record<string, DialledCode>> = {
  NOT_PUBLIC: 'SOURCE_REFUSES',
  EVIDENCE_NOT_HELD: 'SOURCE_HAS_NONE',
  NO_CHECKPOINT: 'SOURCE_BUSY',
  PROOF_NOT_READY: 'SOURCE_BUSY',
  TOO_MANY_REQUESTS: 'SOURCE_BUSY',
  TOO_MANY_STREAMS: 'SOURCE_BUSY',
  NOT_RUNNING: 'SOURCE_BUSY',
  STOPPING: 'SOURCE_BUSY',
}

function failureOf(error: unknown, bytesMax: number): DialledAnswer {
  if (error instanceof PeerFault) {
    return error.code === 'FRAME_TOO_LARGE'
      ? failed('SOURCE_TOO_LARGE', { bytesMax })
      : failed('SOURCE_BROKEN', { code: error.code })
  }
  const isUnknown = error instanceof Error && error.name === 'UnsupportedProtocolError'
  if (isUnknown) return failed('SOURCE_HAS_NONE')
  const code = dialCode(error)
  return failed(nobody.has(code) ? 'SOURCE_UNREACHABLE' : 'SOURCE_REFUSES', { code })
}

/** Ends of a dial that say nothing of the node at this address; all others are a node's no. */
const nobody: ReadonlySet<string> = new Set([
  'UNREACHABLE',
  'DIAL_REFUSED',
  'HANDSHAKE_ABORTED',
  'HANDSHAKE_TIMEOUT',
  'UNEXPECTED_PEER',
])

function failed(
  code: DialledCode,
  facts: Readonly<Record<string, string | number>> = {},
): DialledAnswer {
  return { kind: 'failed', code, facts }
}

/** The promise, or the reason of the signal: the dial goes on for whoever else waits for it. */
async function unless<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
