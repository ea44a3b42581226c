/**
 * The connection encrypters: Noise, then mutual remote attestation inside it, before any application byte.
 *
 * Two protocol ids, two roles: `connection.encryption` names the role of a connection for its whole life.
 * A node serves light clients and never dials as one, so that nobody can talk it down from member to light.
 */
import {
  type ConnectionEncrypter,
  type MessageStream,
  type MultiaddrConnection,
  type PeerId,
  type SecureConnectionOptions,
  type SecuredConnection,
  UnexpectedPeerError,
} from '@libp2p/interface'
import type { Refusal } from '../../attestation/verdict.ts'
import { utf8 } from '../../base/bytes.ts'
import { CoterieError, HostError, InvariantError } from '../../base/errors.ts'
import { bytesOfDigest, type NetworkId, type NodeId, nodeId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import { milliseconds } from '../../base/time.ts'
import { framed } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import { handshakeFrameBytesMax } from '../../wire/handshake.ts'
import type { Timers } from '../port.ts'
import { FrameStream } from './frame-stream.ts'
import { gatherWrites } from './gathered-writes.ts'
import { attestMember, dialLight, type LightAppraiser, serveLight } from './handshake.ts'
import type { Attested, Exchange, Outcome } from './handshake-exchange.ts'
import { type ChannelComponents, type NoiseChannel, openNoiseChannel } from './noise-channel.ts'
import type { NoiseStatic } from './noise-crypto.ts'
import { handshakeLimits } from './options.ts'
import type { Admission, RefusedConnection } from './port.ts'
import type { VerificationQueue } from './verification-queue.ts'

/** Both ends attested: gossip, state, keys. */
export const memberProtocol = '/coterie/attested-noise/1'
/** The node attested itself to a stranger: nothing but what is served to light clients. */
export const lightProtocol = '/coterie/light-noise/1'

export type ConnectionRole = 'member' | 'light'

/** What an encrypter asks of the network around it, and tells it. */
export interface EncrypterHooks {
  /** Why this peer may not connect in this role now. Asked once Noise proved its id, and again at the end. */
  barred(node: NodeId, role: ConnectionRole, own: 'initiator' | 'responder'): Refusal | undefined
  /** A handshake as a member with this peer goes on, from when Noise proved its id; the result ends it. */
  began(node: NodeId, own: 'initiator' | 'responder'): Disposable
  /** A member's connection stands; `link` is the identity of the connection that comes of it. */
  attested(link: object, attested: Attested): void
  refused(refused: RefusedConnection): void
}

/** What every encrypter stands on. */
export interface EncrypterDeps {
  readonly network: NetworkId
  readonly own: NoiseStatic
  readonly random: Random
  readonly timers: Timers
  readonly hooks: EncrypterHooks
}

type Factory = (components: ChannelComponents) => ConnectionEncrypter

/** Mutual attestation, in both roles. */
export function memberEncrypter(
  deps: EncrypterDeps & { readonly admission: Admission; readonly queue: VerificationQueue },
): Factory {
  return encrypter(deps, memberProtocol, {
    initiator: exchange => attestMember(exchange, deps.admission, deps.queue),
    responder: exchange => attestMember(exchange, deps.admission, deps.queue),
  })
}

/** Attests this node to light clients that dial it. */
export function lightServer(deps: EncrypterDeps & { readonly admission: Admission }): Factory {
  return encrypter(deps, lightProtocol, {
    responder: exchange => serveLight(exchange, deps.admission),
  })
}

/** Dials nodes as a light client; for programs that are no node. Without an appraiser, who answers is known and not what it is worth. */
export function lightClient(
  deps: EncrypterDeps & { readonly appraiser: LightAppraiser | null },
): Factory {
  return encrypter(deps, lightProtocol, {
    initiator: exchange => dialLight(exchange, deps.appraiser),
  })
}

type Attest = (exchange: Exchange) => Promise<Outcome<Attested | undefined>>
type Role = 'initiator' | 'responder'
type Side = { readonly [R in Role]?: Attest }

function encrypter(deps: EncrypterDeps, protocol: string, side: Side): Factory {
  const prologue = framed(domains.noisePrologue, bytesOfDigest(deps.network), utf8(protocol))
  return components => {
    const identity = keyOfPeer(components.peerId)
    const secure = async (
      stream: MessageStream,
      role: Role,
      options: SecureConnectionOptions = {},
    ): Promise<SecuredConnection> => {
      const attest = side[role]
      if (attest === undefined) {
        throw new CoterieError('ROLE_CONFLICT', 'ROLE_CONFLICT: not in this role')
      }
      using deadline = deadlineOf(deps.timers, options.signal)
      const { signal } = deadline
      const constant = { deps, components, protocol, prologue, identity }
      return await handshake({ ...constant, role, stream, attest, signal }, options)
    }
    return {
      protocol,
      secureOutbound: (stream, options) => secure(stream, 'initiator', options),
      secureInbound: (stream, options) => secure(stream, 'responder', options),
    }
  }
}

interface Attempt {
  readonly deps: EncrypterDeps
  readonly components: ChannelComponents
  readonly protocol: string
  readonly prologue: Uint8Array
  /** This node's identity key, 32 bytes. */
  readonly identity: Uint8Array
  readonly role: Role
  readonly stream: MessageStream
  readonly attest: Attest
  readonly signal: AbortSignal
}

async function handshake(
  attempt: Attempt,
  options: SecureConnectionOptions,
): Promise<SecuredConnection> {
  const { deps, stream, signal } = attempt
  let channel: NoiseChannel | undefined
  const writes = gatherWrites(stream)
  try {
    channel = await openNoiseChannel(attempt.components, stream, {
      role: attempt.role,
      prologue: attempt.prologue,
      own: deps.own,
      options: { ...options, signal },
    })
    const secured = await attestChannel(attempt, channel)
    writes.release()
    return secured
  } catch (error) {
    if (error instanceof HandshakeRefused) throw error
    const node = channel === undefined ? null : nodeId(channel.remotePeer.toString())
    throw brokenLink(attempt, node, error)
  }
}

async function attestChannel(attempt: Attempt, channel: NoiseChannel): Promise<SecuredConnection> {
  const { deps, role, stream, signal } = attempt
  const node = nodeId(channel.remotePeer.toString())
  const own = { identity: attempt.identity, noise: deps.own.publicKey }
  const theirs = { identity: keyOfPeer(channel.remotePeer), noise: channel.remoteStatic }
  const frames = new FrameStream(channel.stream, handshakeFrameBytesMax)
  using _handshake = deps.hooks.began(node, role)
  const outcome = await attempt.attest({
    port: frames,
    channel: {
      network: deps.network,
      protocol: attempt.protocol,
      own: role,
      initiator: role === 'initiator' ? own : theirs,
      responder: role === 'initiator' ? theirs : own,
      handshakeHash: channel.handshakeHash,
    },
    node,
    challenge: deps.random.bytes(32),
    signal,
    barred: () => barredOf(attempt, node),
  })
  if (outcome.kind === 'refused') {
    if (outcome.by === 'me') await farewell(frames, channel.stream)
    deps.hooks.refused({ ...outcome, node, address: addressOf(stream) })
    throw new HandshakeRefused(outcome.refusal.code, `refused by ${outcome.by}`)
  }
  if (outcome.attested !== undefined) deps.hooks.attested(linkOf(stream), outcome.attested)
  // The stream that comes out is used by the muxer from now on; nothing here touches it again.
  return {
    connection: frames.unwrap(),
    remotePeer: channel.remotePeer,
    ...(channel.streamMuxer === undefined ? {} : { streamMuxer: channel.streamMuxer }),
  }
}

function barredOf(attempt: Attempt, node: NodeId): Refusal | undefined {
  if (node === attempt.components.peerId.toString()) return { code: 'SELF_DIAL', facts: {} }
  const role = attempt.protocol === memberProtocol ? 'member' : 'light'
  return attempt.deps.hooks.barred(node, role, attempt.role)
}

/** The upgrader keeps nothing of an error but its message: so the code stands at its start. */
export class HandshakeRefused extends HostError {
  constructor(code: string, text: string, cause?: unknown) {
    super(code, `${code}: ${text}`, cause === undefined ? {} : { cause })
  }
}

/** The code at the start of a message that the upgrader wrapped, if there is one. */
export function codeOfMessage(message: string): string | undefined {
  return /^([A-Z][A-Z0-9_]+):/.exec(message)?.[1]
}

function brokenLink(attempt: Attempt, node: NodeId | null, error: unknown): unknown {
  const { deps, role, stream, signal } = attempt
  if (error instanceof InvariantError) return error
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) }
  let code = 'HANDSHAKE_ABORTED'
  if (signal.aborted) code = 'HANDSHAKE_TIMEOUT'
  else if (name === 'UnexpectedPeerError') code = 'UNEXPECTED_PEER'
  // Another prologue shows as a changed second message, which is all that a stranger can learn.
  else if (node === null && role === 'initiator' && /stage \d validation fail/.test(message)) {
    code = 'WRONG_NETWORK_OR_TAMPERED'
  }
  const by = code === 'UNEXPECTED_PEER' ? 'me' : 'link'
  deps.hooks.refused({ by, node, address: addressOf(stream), refusal: { code, facts: {} } })
  // libp2p tells this one by its name, its upgrader keeps the message alone: both say it.
  if (code === 'UNEXPECTED_PEER') return new UnexpectedPeerError(`${code}: ${message}`)
  return new HandshakeRefused(code, message, error)
}

/**
 * Waits until the other side has read the refusal and closed, then closes: a socket closed with unread
 * bytes resets the connection, and a reset may overtake the refusal.
 */
async function farewell(frames: FrameStream, stream: MessageStream): Promise<void> {
  await frames.ended(AbortSignal.timeout(farewellWait))
  try {
    await stream.close({ signal: AbortSignal.timeout(farewellWait) })
  } catch {
    // Whoever called aborts the connection now.
  }
}

/** A refused peer gets this long to read why; it holds one pending slot meanwhile. */
const farewellWait = milliseconds(500)

/** The object that the connection inherits from its socket: the only tie between the two that libp2p keeps. */
function linkOf(stream: MessageStream): object {
  return stream.timeline
}

function keyOfPeer(peer: PeerId): Uint8Array {
  const key = peer.publicKey?.raw
  if (key === undefined) throw new InvariantError('an Ed25519 peer id contains its key')
  return key
}

function addressOf(stream: MessageStream): string {
  return isSocket(stream) ? stream.remoteAddr.toString() : ''
}

function isSocket(stream: MessageStream): stream is MultiaddrConnection {
  return 'remoteAddr' in stream
}

/** Aborts with `signal` or when a handshake may last no longer; disposing takes both back. */
function deadlineOf(
  timers: Timers,
  signal: AbortSignal | undefined,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const stop = (): void => controller.abort(signal?.reason)
  const cancel = timers.after(handshakeLimits.total, stop)
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted) stop()
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      cancel()
      signal?.removeEventListener('abort', stop)
    },
  }
}
