/** Tells neighbours what this node found itself about members, under one signature. */

import type { TrustedVerdict } from '../../attestation/verdict.ts'
import { BoundedMap } from '../../base/bounded-map.ts'
import { fromHex } from '../../base/bytes.ts'
import { bytesOfDigest, type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import { after, type Instant, minutes } from '../../base/time.ts'
import {
  delegatedResultCodec,
  resultBytesMax,
  resultHashes,
  resultLifeMsMax,
  resultSubject,
  resultsAnswerCodec,
  resultsMessage,
  resultsRequestCodec,
} from '../../wire/delegated-result.ts'
import type { Core } from './core.ts'

/** Questions of one neighbour answered in a minute: it asks at most twice a second. Beyond, it hears of nobody. */
const answersPerMinute = 150
/** Members that asked lately, 100 bytes each. */
const askersMax = 4_096
/** Subjects of one question that are appraised anew because the verdict on their keys ran out. */
const renewalsPerAnswer = 4

interface Asked {
  count: number
  readonly until: Instant
}

export class ResultServing {
  readonly #core: Core
  readonly #asked = new BoundedMap<NodeId, Asked>(askersMax)

  constructor(core: Core) {
    this.#core = core
  }

  /** @throws {PeerFault} for a malformed question. */
  answer(bytes: Uint8Array, from: NodeId, now: Instant): Uint8Array {
    const { subjects } = resultsRequestCodec.decode(bytes)
    const { delegation } = this.#core.manifest()
    const mayAnswer = delegation !== null && this.#core.phase() === 'active'
    const results =
      mayAnswer && this.#isWithinBudget(from, now)
        ? this.#results(subjects, from, delegation, now)
        : []
    return this.#signed(results, delegation?.policy)
  }

  #results(
    subjects: readonly Uint8Array[],
    from: NodeId,
    { policy }: { readonly policy: Digest },
    now: Instant,
  ): readonly Uint8Array[] {
    const nodes = new Set(subjects.map(nodeIdOfKey))
    nodes.delete(from)
    let renewals = 0
    return [...nodes].flatMap(node => {
      const found = this.#core.roster.appraised(node, now)
      if (found === undefined || this.#core.isRemoved(node)) return []
      const isPast = found.expiresAt <= this.#core.ports.wall() || found.basis?.policy !== policy
      if (isPast && ++renewals > renewalsPerAnswer) return []
      return this.#result(node, isPast ? this.#renewed(node, now) : found, now) ?? []
    })
  }

  #renewed(node: NodeId, now: Instant): TrustedVerdict | undefined {
    const { ports, roster } = this.#core
    const member = roster.member(node, now)
    const verdict = member && ports.appraise(member.keys, member.evidence)
    if (member === undefined || verdict?.kind !== 'trusted') return undefined
    roster.renewKeys(node, verdict)
    return verdict
  }

  #result(node: NodeId, verdict: TrustedVerdict | undefined, now: Instant): Uint8Array | undefined {
    const { network, roster } = this.#core
    const record = roster.record(node, now)
    if (record === undefined || verdict?.basis === undefined) return undefined
    const { basis, platform, measurement, tcb, expiresAt } = verdict
    const registers = Object.entries(verdict.registers)
      .map(([name, value]) => ({ name, value: fromHex(value) ?? new Uint8Array() }))
      .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    const bytes = delegatedResultCodec.encode({
      ...{ identity: record.keys.identity, platform, registers, measurement, tcb, expiresAt },
      subject: bytesOfDigest(resultSubject(network, record)),
      endorsements: bytesOfDigest(basis.endorsements),
      instance: bytesOfDigest(verdict.instance),
      at: basis.at,
      isFresh: roster.isFresh(node, now),
    })
    return bytes.length <= resultBytesMax ? bytes : undefined
  }

  #signed(results: readonly Uint8Array[], inForce: Digest | undefined): Uint8Array {
    const { network, self, ports } = this.#core
    const policy = bytesOfDigest(inForce ?? digestOf(new Uint8Array(32)))
    const lifeMs = resultLifeMsMax
    const said = { signer: self.keys.identity, policy, lifeMs, hashes: resultHashes(results) }
    // Nobody needs to prove that nothing was said.
    const signature =
      results.length === 0 ? new Uint8Array(64) : ports.sign(resultsMessage(network, said))
    return resultsAnswerCodec.encode({ policy, lifeMs, results, signature })
  }

  #isWithinBudget(from: NodeId, now: Instant): boolean {
    const known = this.#asked.get(from)
    const asked =
      known !== undefined && now < known.until ? known : { count: 0, until: after(now, minutes(1)) }
    this.#asked.set(from, asked)
    return ++asked.count <= answersPerMinute
  }
}
