/** Asks nodes, in parallel, and keeps what they say. What is judged is only looked into as far as the next question needs it. */
import { isRefusal } from '../attestation/verdict.ts'
import { toHex } from '../base/bytes.ts'
import { ifReadable } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Timestamp } from '../base/time.ts'
import { settled } from '../crypto/settled.ts'
import { checkpointCodec } from '../wire/checkpoint.ts'
import { evidenceDigest } from '../wire/evidence.ts'
import {
  attestationAnswerCodec,
  cosignaturesMax,
  servedCheckpointCodec,
} from '../wire/light-answers.ts'
import {
  answerBytesMax,
  evidenceMax,
  type Gathered,
  type Heard,
  type HeardNode,
} from './gathered.ts'
import type { Pin } from './link.ts'
import { readEvidence } from './signers.ts'
import type { LightSource, Question } from './source.ts'
import { trustOf } from './trust.ts'

export interface GatherPorts {
  readonly random: Random
  readonly now: () => Timestamp
}

export interface GatherRequest {
  readonly pin: Pin
  readonly sources: readonly LightSource[]
  /** The client's own manifest file, if it has one. */
  readonly manifest: Uint8Array | undefined
  readonly memory: Uint8Array | null
  readonly key: string | null
  readonly signal: AbortSignal | undefined
}

/** Asks every source once. Never throws but the reason of the signal. */
export async function gather(ports: GatherPorts, request: GatherRequest): Promise<Gathered> {
  const talk = new Talk(ports, request)
  const manifests = await talk.manifests()
  const cosigners = await settled(() => cosignersUnder(manifests, request.pin))
  const nodes = await Promise.all(request.sources.map(source => talk.node(source, cosigners)))
  const evidence = await talk.evidence(nodes)
  const { key, memory } = request
  return { at: ports.now(), manifests, memory, key, nodes, evidence }
}

class Talk {
  readonly #ports: GatherPorts
  readonly #request: GatherRequest

  constructor(ports: GatherPorts, request: GatherRequest) {
    this.#ports = ports
    this.#request = request
  }

  /** The checkpoint first: what is attested later vouches for more. Then the proof under that checkpoint. */
  async node(source: LightSource, cosigners: number): Promise<HeardNode> {
    const { key } = this.#request
    const nonce = this.#ports.random.bytes(32)
    const asked = `/light/checkpoint?cosigners=${cosigners}`
    const checkpoint = await this.#cbor(source, asked, answerBytesMax.checkpoint)
    const sequence = sequenceIn(checkpoint)
    const path = `/light/proof?key=${encodeURIComponent(key ?? '')}&sequence=${sequence}`
    const [attestation, proof] = await Promise.all([
      this.#cbor(source, `/attestation?nonce=${toHex(nonce)}`, answerBytesMax.attestation),
      key === null ? null : this.#cbor(source, path, answerBytesMax.proof),
    ])
    return { source: source.address, nonce, attestation, checkpoint, proof }
  }

  /** The newest that follows from the pinned one; if none does, whichever came, for the report to say why not. */
  async manifests(): Promise<readonly Uint8Array[]> {
    const { manifest, pin, sources } = this.#request
    const own = manifest === undefined ? [] : [manifest]
    const served = await Promise.all(
      sources.map(source =>
        this.#hear(source, {
          path: '/light/manifest',
          type: 'application/json',
          bytesMax: answerBytesMax.manifest,
        }),
      ),
    )
    const found = served.filter(({ code }) => code === '').map(({ bytes }) => bytes)
    const followers = await settled(() => followed(own, found, pin))
    const [best = own.length > 0 ? undefined : found[0]] = followers
    return best === undefined ? own : [...own, best]
  }

  /** Evidence of the nodes asked and of those who signed the same, from any node that named it; each node names its share. */
  async evidence(nodes: readonly HeardNode[]): Promise<readonly Uint8Array[]> {
    const share = Math.floor(evidenceMax / nodes.length)
    const namers = new Map<string, LightSource[]>()
    for (const source of this.#request.sources) {
      const node = nodes.find(each => each.source === source.address)
      const named = node === undefined ? [] : namedIn(node.attestation, node.checkpoint)
      for (const digest of named.slice(0, share)) {
        namers.set(digest, [...(namers.get(digest) ?? []), source])
      }
    }
    const found = await Promise.all([...namers].map(each => this.#evidenceOf(...each)))
    return found.filter(bytes => bytes !== undefined)
  }

  async #evidenceOf(
    digest: string,
    sources: readonly LightSource[],
  ): Promise<Uint8Array | undefined> {
    for (const source of sources) {
      const path = `/light/evidence/${digest}`
      const { code, bytes } = await this.#cbor(source, path, answerBytesMax.evidence)
      const served = code === '' ? readEvidence(bytes) : undefined
      // Something else proves nothing, and the next node may tell the truth.
      if (served !== undefined && evidenceDigest(served.record.evidence) === digest) return bytes
    }
    return undefined
  }

  #cbor(source: LightSource, path: string, bytesMax: number): Promise<Heard> {
    return this.#hear(source, { path, type: 'application/cbor', bytesMax })
  }

  async #hear(source: LightSource, question: Question): Promise<Heard> {
    const answer = await source.ask(question, this.#request.signal)
    if (answer.kind === 'failed') return { code: answer.code, bytes: new Uint8Array(0) }
    // A source of somebody else's making may not count; what a bundle cannot hold was never an answer.
    return answer.bytes.length <= question.bytesMax
      ? { code: '', bytes: answer.bytes }
      : { code: 'SOURCE_TOO_LARGE', bytes: new Uint8Array(0) }
  }
}

/** How many to ask for: one more than is needed, the own machine counted, as evidence of one may have been renewed meanwhile. */
function cosignersUnder(manifests: readonly Uint8Array[], pin: Pin): number {
  const trust = trustOf(manifests, pin, 0)
  return isRefusal(trust) ? 0 : Math.min(trust.manifest.light.quorum, cosignaturesMax)
}

/** Where in its chain the node serves; 0, which no checkpoint has, if that cannot be read. */
function sequenceIn({ bytes }: Heard): number {
  return (
    ifReadable(() => checkpointCodec.decode(servedCheckpointCodec.decode(bytes).checkpoint))
      ?.sequence ?? 0
  )
}

/** Digests of evidence that the answers of a node name, its own first. What is no answer is judged later, with a reason. */
function namedIn(attestation: Heard, checkpoint: Heard): readonly string[] {
  const answer = ifReadable(() => attestationAnswerCodec.decode(attestation.bytes))
  const served = ifReadable(() => servedCheckpointCodec.decode(checkpoint.bytes))
  const own = answer === undefined ? [] : [evidenceDigest(answer.record.evidence)]
  const others = served?.cosignatures.map(({ evidence }) => toHex(evidence))
  return [...own, ...(others ?? [])]
}

/** The lineages that follow from the pin, the one with the newest manifest first. */
function followed(
  own: readonly Uint8Array[],
  served: readonly Uint8Array[],
  pin: Pin,
): readonly Uint8Array[] {
  const nonceOf = (bytes: Uint8Array): number => {
    const trust = trustOf([...own, bytes], pin, 0)
    return isRefusal(trust) ? -1 : trust.manifest.nonce
  }
  return served
    .map(bytes => ({ bytes, nonce: nonceOf(bytes) }))
    .filter(({ nonce }) => nonce >= 0)
    .toSorted((a, b) => b.nonce - a.nonce)
    .map(({ bytes }) => bytes)
}
