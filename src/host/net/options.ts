/** Where, how fast and how loud the network runs: host options all of them. Whom to trust is the manifest's. */
import { type Duration, milliseconds, seconds } from '../../base/time.ts'
import type { AskProtocol } from './port.ts'

const mib = (count: number): number => count * 1024 * 1024

/** Limits that protect this node from its neighbours, and the pace of its own work. */
export interface NetLimits {
  /** Connections that one IPv4 address or IPv6 /64 may open in one second. Behind one NAT or on one machine sit many. */
  readonly inboundPerIpPerSecond: number
  /** Connections that wait for their handshake at one time; each costs a socket and at most two frames. */
  readonly pendingMax: number
  /** How many of those may be of one IPv4 address or IPv6 /64. */
  readonly pendingPerIpMax: number
  /** Open connections of both directions together; others may open two thirds of them. */
  readonly connectionsMax: number
  /** Member connections that discovery tries to hold; beyond it, found members are not dialled. */
  readonly degree: number
  /** How long one dial may take, from the first packet to the last verdict; above the handshake's own 10 s. */
  readonly dialTimeout: Duration
  /** First pause after a failed dial; it doubles, with jitter, up to `redialWaitMax`. */
  readonly redialWait: Duration
  /** Longest pause between two tries of one address; trying never ends. */
  readonly redialWaitMax: Duration
  /** How long an answer to `ask` may take when the caller's signal allows longer, but for what `askTimeoutOf` gives more. */
  readonly askTimeout: Duration
  /** Gossip messages per second taken from one neighbour in the long run; five times as many at once. */
  readonly gossipPerSecond: number
  /** Gossip bytes per second taken from one neighbour in the long run; five times as many at once. */
  readonly gossipBytesPerSecond: number
  /** Neighbours per topic that others' messages are passed on to until they say no (gossipsub D); at least 4. */
  readonly meshDegree: number
  /** How often the routing table looks for nodes near this one. */
  readonly selfQueryInterval: Duration
  /** How often each connection is looked at: whoever was not heard for so long is asked whether it is there. */
  readonly pingInterval: Duration
  /** How long the answer may take before the connection counts as dead and is closed. */
  readonly pingTimeout: Duration
}

/** Before it hands the quorum key on, a member appraises the asker and steps it up: at most 30 seconds each (docs/spec/custody.md). */
const releaseTimeout = seconds(90)

/** How long an answer to a request of `protocol` may take, at whoever asks and at whoever answers. */
export function askTimeoutOf(
  protocol: AskProtocol | 'step-up',
  limits: Pick<NetLimits, 'askTimeout'>,
): Duration {
  return protocol === 'custody-key' ? releaseTimeout : limits.askTimeout
}

/** Everything the host says about the network. */
export interface NetOptions {
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[]
  /** Multiaddrs told to others instead of the listening ones; none: the listening ones. */
  readonly announce: readonly string[]
  /** Multiaddrs to find the network by, with or without peer id. */
  readonly bootstrap: readonly string[]
  readonly limits: NetLimits
}

/** `wan` holds the published figures; nearer networks carry more and react faster. */
export const netLimits: Readonly<Record<'local' | 'lan' | 'wan', NetLimits>> = {
  local: {
    inboundPerIpPerSecond: 1000,
    pendingMax: 64,
    pendingPerIpMax: 64,
    connectionsMax: 300,
    degree: 24,
    dialTimeout: seconds(15),
    redialWait: milliseconds(200),
    redialWaitMax: seconds(2),
    askTimeout: seconds(10),
    gossipPerSecond: 20_000,
    gossipBytesPerSecond: mib(128),
    meshDegree: 6,
    selfQueryInterval: seconds(5),
    pingInterval: seconds(5),
    pingTimeout: seconds(10),
  },
  lan: {
    inboundPerIpPerSecond: 50,
    pendingMax: 64,
    pendingPerIpMax: 32,
    connectionsMax: 300,
    degree: 24,
    dialTimeout: seconds(15),
    redialWait: milliseconds(500),
    redialWaitMax: seconds(10),
    askTimeout: seconds(15),
    gossipPerSecond: 500,
    gossipBytesPerSecond: mib(16),
    meshDegree: 6,
    selfQueryInterval: seconds(30),
    pingInterval: seconds(10),
    pingTimeout: seconds(10),
  },
  wan: {
    inboundPerIpPerSecond: 5,
    pendingMax: 64,
    pendingPerIpMax: 16,
    connectionsMax: 300,
    degree: 16,
    dialTimeout: seconds(20),
    redialWait: seconds(1),
    redialWaitMax: seconds(30),
    askTimeout: seconds(30),
    gossipPerSecond: 20,
    gossipBytesPerSecond: mib(1),
    meshDegree: 6,
    selfQueryInterval: seconds(30),
    pingInterval: seconds(10),
    pingTimeout: seconds(10),
  },
}

/** Limits that are not the host's to change: an attacker's host would. */
export const handshakeLimits = {
  /** A whole handshake, from the first Noise message to the last verdict. */
  total: seconds(10),
  /** Strangers whose evidence may wait for appraisal, each holding one frame; more are turned away as busy. */
  verificationQueueMax: 64,
} as const

/** What light clients may hold of this node; what they may ask all together is the node's to bound. */
export const lightLimits = {
  /** Their connections. One more, and whichever has asked nothing for longest gives way: places are for members. */
  connectionsMax: 64,
  /** Questions of one connection that are under way. A client of ours asks half as many: it may know of an end before the node does. */
  asksPerConnection: 8,
  /** Answers to all of them that are under way: each may be one that nobody reads. */
  answersMax: 32,
  /** A connection that asks more than this, in the long run, is closed: each refusal costs something, too. */
  asksPerSecond: 20,
  /** From the opening of a stream to the last byte of its answer. */
  patience: seconds(10),
} as const

/** Limits of member streams. */
export const streamLimits = {
  /** Open requests per protocol and peer, in each direction. */
  asksMax: 2,
  /** Bytes waiting for one peer and protocol before it is cut off: it does not read. */
  tellBufferBytesMax: mib(4),
  /** Bytes of gossip waiting for one peer before its stream is dropped and healed. */
  gossipBufferBytesMax: mib(4),
  /** Bytes of gossip waiting for a neighbour above which `publish` waits for it to read. */
  gossipHighWaterBytes: mib(1),
} as const
