/**
 * Nodes as a light client sees them, made of the real codecs, keys, machines and proofs; whose answers a test can bend, whole or byte by
 * byte. Reached by a `fetch` without sockets, or over HTTP by whoever serves `answer`.
 */

import type { Manifest } from '../../src/attestation/manifest.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { bytesOfDigest, type Digest, digestOf } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import { after, days, type Timestamp, timestamp } from '../../src/base/time.ts'
import { sha256 } from '../../src/crypto/hash.ts'
import { makeTestnetAuthority, type Validity } from '../../src/host/tee/machine.ts'
import type { LightPorts } from '../../src/light/client.ts'
import type { Pin } from '../../src/light/link.ts'
import type { LightMemory } from '../../src/light/memory.ts'
import {
  type Checkpoint,
  type CheckpointClaim,
  checkpointCodec,
  checkpointDigest,
  checkpointMessage,
  claimCodec,
} from '../../src/wire/checkpoint.ts'
import { type Evidence, evidenceDigest, keyReportData } from '../../src/wire/evidence.ts'
import {
  type AttestationAnswer,
  attestationAnswerCodec,
  checkpointReportData,
  echoMessage,
  type ServedCheckpoint,
  type ServedCosignature,
  type ServedEvidence,
  type ServedProof,
  servedCheckpointCodec,
  servedEvidenceCodec,
  servedProofCodec,
} from '../../src/wire/light-answers.ts'
import { type MemberRecord, possessionMessage } from '../../src/wire/member-record.ts'
import type { Extended } from '../../src/wire/schema.ts'
import { encodePublicProof } from '../../src/wire/state-proof.ts'
import { admittingAll, attesterOn, endorsementsFor } from '../fixtures/mixed-network.ts'
import { isRealPlatform, type RealPlatform } from '../fixtures/mixed-platforms.ts'
import {
  epoch,
  type TestNetwork,
  type TestNode,
  testNetwork,
  testNode,
} from '../fixtures/network.ts'
import { FakeNetwork } from './replica-network.ts'

/** What a test bends. Each is given what an honest node would say. */
export interface Bends {
  claim?: (claim: CheckpointClaim & Extended) => CheckpointClaim & Extended
  attestation?: (answer: AttestationAnswer) => AttestationAnswer
  served?: (answer: ServedCheckpoint) => ServedCheckpoint
  evidence?: (answer: ServedEvidence) => ServedEvidence
  proof?: (answer: ServedProof) => ServedProof
  /** Answers another question than was asked. */
  path?: (path: string) => string
  /** Last of all; `null` for no answer. */
  bytes?: (path: string, bytes: Uint8Array) => Uint8Array | null
  /** Whether others hear of its checkpoints. */
  isAlone?: boolean
}

export class FakeLightNode {
  readonly origin: string
  readonly node: TestNode
  readonly record: MemberRecord
  readonly chain: Checkpoint[] = []
  quoted: { checkpoint: Uint8Array; evidence: Evidence } | null = null
  bends: Bends = {}

  constructor(origin: string, node: TestNode, network: TestNetwork) {
    this.origin = origin
    this.node = node
    const { keys, evidence, signing } = node
    const possession = signing.sign(possessionMessage(network.network, keys, evidence))
    this.record = { keys, evidence, possession }
  }

  get latest(): Checkpoint | undefined {
    return this.chain.at(-1)
  }

  /** Signs a claim at the next place of the chain, or at another one. */
  sign(claim: CheckpointClaim & Extended, change: Partial<Checkpoint> = {}): Checkpoint {
    const before = this.latest
    const placed = {
      node: this.node.keys.identity,
      sequence: (before?.sequence ?? 0) + 1,
      previous: before === undefined ? new Uint8Array(32) : bytesOfDigest(checkpointDigest(before)),
      groupClock: claim.cut + 2_000,
      claim: claimCodec.encode(claim),
      ...change,
    }
    return { ...placed, signature: this.node.signing.sign(checkpointMessage(placed)) }
  }

  /** Has the machine quote about the newest checkpoint. */
  async quote(): Promise<void> {
    const latest = this.latest
    if (latest === undefined) return
    const { attester } = this.node
    const reportData = checkpointReportData(attester.platform, checkpointDigest(latest))
    const evidence = await attester.quote(reportData, new AbortController().signal)
    this.quoted = { checkpoint: checkpointCodec.encode(latest), evidence }
  }

  cosignature(claim: Uint8Array): ServedCosignature | undefined {
    const found = this.chain.find(each => toHex(each.claim) === toHex(claim))
    if (found === undefined) return undefined
    const { claim: _, ...rest } = found
    return { ...rest, evidence: bytesOfDigest(evidenceDigest(this.record.evidence)) }
  }
}

export interface FakeLightOptions {
  readonly nodes?: number
  readonly values?: Readonly<Record<string, string>>
  /** Of the manifest. */
  readonly quorum?: number
  /** When it is, for processes with a clock of their own; a moment of the fixtures unless said. */
  readonly at?: Timestamp
  /** Nodes that stand on the machine of the first. */
  readonly sharedMachine?: boolean
  /** What the first nodes stand on, one each; the others on simulated machines. */
  readonly platforms?: readonly RealPlatform[]
  /** Where they are, one each; ports from 9000 on unless somebody really serves them. */
  readonly origins?: readonly string[]
}

export class FakeLightNetwork {
  readonly network: TestNetwork
  readonly nodes: readonly FakeLightNode[]
  readonly #replica: FakeNetwork
  readonly #member: ReturnType<FakeNetwork['found']>
  now: Timestamp = timestamp(epoch + 10_000)
  #turn: Promise<void> = Promise.resolve()
  /** Every path that was asked, behind its origin. */
  readonly asked: string[] = []

  private constructor(
    network: TestNetwork,
    nodes: readonly FakeLightNode[],
    values: Readonly<Record<string, string>>,
  ) {
    this.network = network
    this.nodes = nodes
    this.#replica = new FakeNetwork({ seed: 1 })
    this.#member = this.#replica.found()
    for (const [key, value] of Object.entries(values)) this.set(key, value)
  }

  static async make(options: FakeLightOptions = {}): Promise<FakeLightNetwork> {
    const { nodes: count = 3, quorum = 2, values = { 'public/motd': 'hello' } } = options
    const at = options.at ?? timestamp(epoch + 10_000)
    const validity = { notBefore: after(at, days(-1)), notAfter: after(at, days(365)) }
    const network = testNetwork({
      authority: makeTestnetAuthority(validity.notBefore),
      draft: { publicPrefixes: ['public/'] },
      change: manifest =>
        governedFrom(options.platforms === undefined ? manifest : admittingAll(manifest), {
          quorum,
          ...validity,
        }),
    })
    let made: FakeLightNetwork | undefined
    const clock = { wall: () => made?.now ?? at }
    const nodes = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const shared =
          options.sharedMachine === true ? { instance: new Uint8Array(64).fill(7) } : {}
        const node = await testNode(network, `light-${i}`, { ...validity, ...shared })
        const platform = options.platforms?.[i]
        const placed =
          platform === undefined
            ? node
            : await onPlatform(node, { platform, network, clock, machine: i + 1 })
        const origin = options.origins?.[i] ?? `http://127.0.0.1:${9000 + i}`
        return new FakeLightNode(origin, placed, network)
      }),
    )
    made = new FakeLightNetwork(network, nodes, values)
    made.now = at
    await made.advance()
    return made
  }

  get pin(): Pin {
    return { network: this.network.network, manifest: this.network.hash }
  }

  get origins(): readonly string[] {
    return this.nodes.map(({ origin }) => origin)
  }

  set(key: string, value: string): void {
    this.#replica.set(this.#member, key, value, 'local')
    this.#replica.run(1_000)
  }

  /** A second passes: every node signs what is so, and its machine quotes about it. */
  async advance(ms = 1_000): Promise<void> {
    this.now = timestamp(this.now + ms)
    for (const node of this.nodes) {
      node.chain.push(node.sign(node.bends.claim?.(this.claim) ?? this.claim))
      await node.quote()
    }
  }

  /** Brings the nodes to this time, one call after the other: for those that are asked by a process with a clock of its own. */
  catchUp(at: Timestamp): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (at - this.now >= 1_000) await this.advance(at - this.now)
    })
    return this.#turn
  }

  /** What honest nodes say now. */
  get claim(): CheckpointClaim {
    const { publicRoot, privateRoot } = this.#roots()
    return {
      network: bytesOfDigest(this.network.network),
      cut: Math.floor((this.now - 2_000) / 1_000) * 1_000,
      publicRoot,
      privateRoot,
      commitKey: null,
      removals: sha256(new Uint8Array()),
      manifest: bytesOfDigest(this.network.hash),
    }
  }

  ports(memory?: LightMemory): LightPorts {
    let drawn = 0
    const random: Random = { bytes: count => new Uint8Array(count).fill(++drawn) }
    return {
      fetch: async url => this.#response(url),
      deadline: () => new AbortController().signal,
      clock: { wall: () => this.now },
      random,
      ...(memory === undefined ? {} : { memory }),
    }
  }

  /** What the node at `origin` says to a path; `null` for 404. */
  answer(
    origin: string,
    path: string,
  ): { readonly type: string; readonly bytes: Uint8Array } | null {
    this.asked.push(`${origin}${path}`)
    const node = this.nodes.find(each => each.origin === origin)
    if (node === undefined) return null
    const honest = this.#bytes(node, new URL(node.bends.path?.(path) ?? path, origin))
    const bytes =
      honest === null
        ? null
        : node.bends.bytes === undefined
          ? honest
          : node.bends.bytes(path, honest)
    if (bytes === null) return null
    return { type: path === '/light/manifest' ? 'application/json' : 'application/cbor', bytes }
  }

  #response(url: string): Promise<Response> {
    const { origin, pathname, search } = new URL(url)
    const answer = this.answer(origin, `${pathname}${search}`)
    if (answer === null) return Promise.resolve(new Response(null, { status: 404 }))
    const headers = { 'content-type': answer.type }
    return Promise.resolve(new Response(answer.bytes.slice(), { headers }))
  }

  #bytes(node: FakeLightNode, { pathname, searchParams }: URL): Uint8Array | null {
    if (pathname === '/light/manifest') return this.network.envelopeBytes
    if (pathname === '/light/checkpoint') return this.#checkpoint(node)
    if (pathname === '/attestation') {
      return this.#attestation(node, fromHex(searchParams.get('nonce') ?? '') ?? new Uint8Array())
    }
    if (pathname === '/light/proof') return this.#proof(node, searchParams)
    const digest = /^\/light\/evidence\/([0-9a-f]{64})$/.exec(pathname)?.[1]
    return digest === undefined
      ? null
      : this.#evidence(node, digestOf(fromHex(digest) ?? new Uint8Array()))
  }

  #checkpoint(node: FakeLightNode): Uint8Array | null {
    const { latest, record, bends } = node
    if (latest === undefined) return null
    const others = this.nodes.filter(each => each !== node && each.bends.isAlone !== true)
    const answer: ServedCheckpoint = {
      checkpoint: checkpointCodec.encode(latest),
      evidence: bytesOfDigest(evidenceDigest(record.evidence)),
      cosignatures:
        bends.isAlone === true ? [] : others.flatMap(each => each.cosignature(latest.claim) ?? []),
    }
    return servedCheckpointCodec.encode(bends.served?.(answer) ?? answer)
  }

  #attestation(node: FakeLightNode, nonce: Uint8Array): Uint8Array {
    const { record, quoted, latest, bends } = node
    const content = {
      nonce,
      record,
      quoted,
      latest: latest === undefined ? null : checkpointCodec.encode(latest),
    }
    const bent = bends.attestation?.({ ...content, signature: new Uint8Array(64) }) ?? content
    const signature = node.node.signing.sign(echoMessage(this.network.network, bent))
    return attestationAnswerCodec.encode({ ...bent, signature })
  }

  #evidence({ bends }: FakeLightNode, digest: Digest): Uint8Array | null {
    const found = this.nodes.find(each => evidenceDigest(each.record.evidence) === digest)
    if (found === undefined) return null
    const { platform } = found.record.evidence
    const endorsements = isRealPlatform(platform) ? Object.values(endorsementsFor[platform]) : []
    const answer: ServedEvidence = { record: found.record, endorsements }
    return servedEvidenceCodec.encode(bends.evidence?.(answer) ?? answer)
  }

  #proof({ chain, bends }: FakeLightNode, query: URLSearchParams): Uint8Array | null {
    const checkpoint = chain.find(({ sequence }) => String(sequence) === query.get('sequence'))
    const key = query.get('key') ?? ''
    const made = this.#member.replica.proveKey(key)
    if (checkpoint === undefined || typeof made === 'string' || !key.startsWith('public/'))
      return null
    const answer: ServedProof = {
      sequence: checkpoint.sequence,
      proof: encodePublicProof(made.proof),
    }
    return servedProofCodec.encode(bends.proof?.(answer) ?? answer)
  }

  #roots(): Pick<CheckpointClaim, 'publicRoot' | 'privateRoot'> {
    const roots = this.#member.replica.roots()
    if (roots === undefined) throw new Error('the replica rests')
    return roots
  }
}

/** The node on a machine of a real platform, with keys as they were. */
async function onPlatform(
  node: TestNode,
  to: {
    readonly platform: RealPlatform
    readonly machine: number
    readonly network: TestNetwork
    readonly clock: { readonly wall: () => Timestamp }
  },
): Promise<TestNode> {
  const { platform, machine, network, clock } = to
  const attester = attesterOn(platform, { machine }, { clock })
  const reportData = keyReportData(network.network, platform, node.keys)
  const evidence = await attester.quote(reportData, new AbortController().signal)
  return { ...node, attester, evidence, evidenceDigest: evidenceDigest(evidence) }
}

/** The manifest with this quorum for light clients, and software that is admitted around this time. */
function governedFrom(
  manifest: Manifest,
  { quorum, notBefore, notAfter }: { readonly quorum: number } & Validity,
): Manifest {
  const text = (at: Timestamp): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
  const window = { validFrom: text(notBefore), validUntil: text(notAfter) }
  const measurements = manifest.join.measurements.map(each => ({ ...each, ...window }))
  return { ...manifest, light: { quorum }, join: { ...manifest.join, measurements } }
}

/** Memory that a test can look into and set back. */
export function fakeMemory(): LightMemory & { bytes: Uint8Array | undefined } {
  return {
    bytes: undefined,
    load() {
      return Promise.resolve(this.bytes)
    },
    save(bytes) {
      this.bytes = bytes
      return Promise.resolve()
    },
  }
}
