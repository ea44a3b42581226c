/** One end of the handshake bench: a bare libp2p node per mode, the same but for its encrypter. */
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  ConnectionEncrypter,
  MessageStream,
  SecureConnectionOptions,
  SecuredConnection,
} from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { appraise } from '../../src/attestation/appraise.ts'
import { VerdictCache } from '../../src/attestation/cache.ts'
import { noEndorsements } from '../../src/attestation/endorsements.ts'
import { markOf, networkIdOf, parseManifest } from '../../src/attestation/manifest.ts'
import { policyOf } from '../../src/attestation/policy.ts'
import { isRefusal, type Verdict } from '../../src/attestation/verdict.ts'
import { bytesOfDigest, type Digest } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { after, hours } from '../../src/base/time.ts'
import { framed } from '../../src/crypto/hash.ts'
import { SigningKey } from '../../src/crypto/sign.ts'
import { systemClock } from '../../src/host/clock.ts'
import { memberEncrypter } from '../../src/host/net/attested-noise.ts'
import { IdentityKey } from '../../src/host/net/identity-key.ts'
import { type ChannelComponents, openNoiseChannel } from '../../src/host/net/noise-channel.ts'
import { NoiseStatic } from '../../src/host/net/noise-crypto.ts'
import type { Admission } from '../../src/host/net/port.ts'
import { VerificationQueue } from '../../src/host/net/verification-queue.ts'
import { systemRandom } from '../../src/host/random.ts'
import { systemTimers } from '../../src/host/timers.ts'
import { domains } from '../../src/wire/domains.ts'
import {
  type Evidence,
  evidenceDigest,
  keyReportData,
  type NodeKeys,
} from '../../src/wire/evidence.ts'
import { epoch } from '../fixtures/network.ts'
import { serveCalls } from './workers.ts'

interface Setup {
  readonly manifest: Uint8Array
  readonly envelope: Uint8Array
  readonly evidence: Evidence
  readonly keys: NodeKeys
  readonly identitySeed: Uint8Array
  readonly noiseSecret: Uint8Array
}

type Bare = Awaited<ReturnType<typeof bare>>

const nodes = new Map<string, Bare>()
let setup: Setup | undefined
let current: Bare | undefined
let cpu = process.cpuUsage()
/** When connections from the other side stood here, in milliseconds of the clock that all processes share. */
let opened: number[] = []

/** Longer than an end works alone. */
const pauseMs = 5

const sharedClock = (): number => Number(process.hrtime.bigint()) / 1e6

async function bare(
  options: Pick<Parameters<typeof createLibp2p>[0] & object, 'privateKey' | 'connectionEncrypters'>,
) {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1e6, maxIncomingPendingConnections: 1e4 },
    ...options,
  })
}

/** The production path: canonical evidence, whole chain, the verdict cache with its key rules. */
function admissionOf(parts: Setup, remembers: boolean): Admission {
  const manifest = parseManifest(parts.manifest)
  if (isRefusal(manifest)) throw new Error(manifest.code)
  const policy = policyOf(manifest)
  const network = networkIdOf(manifest.founding)
  const mark = markOf(manifest)
  const signing = new SigningKey(new Secret(parts.identitySeed.slice()))
  const known = new Map<Digest, Evidence>()
  const cache = new VerdictCache()
  const now = after(epoch, hours(1))
  return {
    network,
    self: () => ({ keys: parts.keys, evidence: parts.evidence, manifest: mark }),
    manifestSteps: () => [parts.envelope],
    considerManifest: () => undefined,
    knownEvidence: digest => (remembers ? known.get(digest) : undefined),
    appraiseKeys: (keys, evidence): Verdict => {
      const expectedReportData = keyReportData(network, evidence.platform, keys)
      const appraisal = { evidence, expectedReportData, endorsements: noEndorsements, policy, now }
      if (!remembers) return appraise(appraisal)
      known.set(evidenceDigest(evidence), evidence)
      return cache.appraise(appraisal, systemClock.monotonic())
    },
    appraiseBinder: () => ({ kind: 'undetermined', missing: ['not in this bench'] }),
    barred: () => undefined,
    sign: message => signing.sign(message),
    quote: async () => parts.evidence,
  }
}

async function open(mode: string): Promise<Bare> {
  const node = await openBare(mode)
  node.addEventListener('connection:open', ({ detail }) => {
    if (detail.direction === 'inbound') opened.push(sharedClock())
  })
  return node
}

async function openBare(mode: string): Promise<Bare> {
  if (setup === undefined) throw new Error('open first')
  const privateKey = new IdentityKey(new Secret(setup.identitySeed.slice()))
  if (mode === 'plain') return bare({ connectionEncrypters: [noise()] })
  const admission = admissionOf(setup, mode === 'cached')
  if (mode === 'unattested') {
    return bare({ privateKey, connectionEncrypters: [unattested(admission, setup)] })
  }
  const encrypter = memberEncrypter({
    network: admission.network,
    own: new NoiseStatic(new Secret(setup.noiseSecret.slice())),
    random: systemRandom,
    timers: systemTimers,
    hooks: {
      barred: () => undefined,
      began: () => ({ [Symbol.dispose]() {} }),
      attested: () => {},
      refused: each => console.error(each),
    },
    admission,
    queue: new VerificationQueue(),
  })
  return bare({ privateKey, connectionEncrypters: [encrypter] })
}

/** Our Noise channel and nothing after it: no challenge, no evidence, no binder, no verdict. */
function unattested({ network }: Admission, { noiseSecret }: Setup) {
  const own = new NoiseStatic(new Secret(noiseSecret.slice()))
  const prologue = framed(domains.noisePrologue, bytesOfDigest(network))
  return (components: ChannelComponents): ConnectionEncrypter => {
    const secure = async (
      role: 'initiator' | 'responder',
      stream: MessageStream,
      options: SecureConnectionOptions = {},
    ): Promise<SecuredConnection> => {
      const request = { role, prologue, own, options }
      const channel = await openNoiseChannel(components, stream, request)
      const { remotePeer, streamMuxer } = channel
      const secured = { connection: channel.stream, remotePeer }
      return streamMuxer === undefined ? secured : { ...secured, streamMuxer }
    }
    return {
      protocol: '/coterie/bench/noise/1',
      secureOutbound: (stream, options) => secure('initiator', stream, options),
      secureInbound: (stream, options) => secure('responder', stream, options),
    }
  }
}

serveCalls({
  open: (parts: Setup) => {
    setup = parts
  },
  /** Turns to a mode, and answers where it listens. */
  listen: async (mode: string) => {
    current = nodes.get(mode) ?? (await open(mode))
    nodes.set(mode, current)
    opened = []
    return current.getMultiaddrs()[0]?.toString()
  },
  resetCpu: () => {
    cpu = process.cpuUsage()
  },
  cpu: () => {
    const { user, system } = process.cpuUsage(cpu)
    return (user + system) / 1000
  },
  /** When each connection that was dialled from there stood here. */
  opened: () => opened,
  /** Dials one after the other; when each dial began and when its connection stood on this side. */
  dial: async ({ address, count }: { readonly address: string; readonly count: number }) => {
    const dials: { readonly began: number; readonly stood: number }[] = []
    for (let i = 0; i < count; i++) {
      const began = sharedClock()
      const connection = await current?.dial(multiaddr(address))
      dials.push({ began, stood: sharedClock() })
      // Closing is no part of a dial, and must not hold up the other end while it is still at work.
      await sleep(pauseMs)
      await connection?.close()
    }
    return dials
  },
})
