/**
 * The key goes on: from a node that holds it to one that was appraised, under a manifest that the holders approved.
 *
 * The checks are those of qos (`services/key.rs`), in its order, and three more: the receiver is a member of this network, it answers a fresh
 * challenge now, and this node hears enough of the network to know that nobody removed it. An export never moves the phase.
 */
import { parseCustodyEnvelope } from '../../attestation/custody/approvals.ts'
import { custodyManifestHash, successionFlaw } from '../../attestation/custody/custody-manifest.ts'
import { bootReportData } from '../../attestation/custody/genesis-output.ts'
import { exportKey, exportMessage } from '../../attestation/custody/transfers.ts'
import { isRefusal, type Verdict } from '../../attestation/verdict.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { assert, ifReadable } from '../../base/errors.ts'
import { bytesOfDigest, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import { after, type Instant, seconds } from '../../base/time.ts'
import type { QuorumKeys } from '../../crypto/quorum-keys.ts'
import {
  type BootAttestation,
  bootAttestationCodec,
  keyExportCodec,
  type QuorumKeyAnswer,
  quorumKeyAnswerCodec,
  quorumKeyRequestCodec,
} from '../../wire/custody.ts'
import type { Core } from './core.ts'
import { type CustodyRefusal, refusal, unreadable } from './refusals.ts'
import { Standing } from './standing.ts'
import type { CustodyInput, CustodyMember, CustodyRequest } from './types.ts'

type Asked = Extract<CustodyInput, { kind: 'asked' }>

/** An appraisal or a fresh quote: as long as a step-up may take. */
const patience = seconds(30)
/** Each costs an appraisal and a quote of somebody else. */
const exportsMax = 8

interface Export {
  readonly request: number
  /** Whether a person carries the key, or it goes back on the stream. */
  readonly by: 'door' | 'stream'
  readonly node: NodeId
  readonly attestation: BootAttestation
  /** The manifest under which the receiver runs; the own one if it is the same. */
  readonly next: Standing
  readonly stage: 'appraise' | 'step-up'
  readonly until: Instant
}

export class Exports {
  readonly #core: Core
  readonly #keys: () => QuorumKeys | null
  readonly #exports = new Map<number, Export>()

  constructor(core: Core, keys: () => QuorumKeys | null) {
    this.#core = core
    this.#keys = keys
  }

  /** For a person who carries the key to a node. */
  begin(given: Extract<CustodyRequest, { kind: 'exportKey' }>, now: Instant): void {
    const { request, envelope } = given
    const attestation = ifReadable(() => bootAttestationCodec.decode(given.attestation))
    if (attestation === undefined) {
      return this.#core.refuse(request, refusal('ATTESTATION_MALFORMED'))
    }
    this.#begin({ request, by: 'door', attestation, envelope }, now)
  }

  /** For a member that asks on its own connection. */
  asked({ request, from, bytes }: Asked, now: Instant): void {
    const read = ifReadable(() => quorumKeyRequestCodec.decode(bytes))
    const isOwn = read !== undefined && nodeIdOfKey(read.attestation.record.keys.identity) === from
    if (!isOwn) return this.#core.refuse(request, refusal('ATTESTATION_MALFORMED'))
    const { attestation, envelope } = read
    this.#begin({ request, by: 'stream', attestation, envelope }, now)
  }

  appraised(job: number, verdict: Verdict, now: Instant): void {
    const found = this.#take(job, 'appraise')
    if (found === undefined) return
    const no = this.#flawOfVerdict(found, verdict) ?? this.#flawOfManifest(found)
    if (no !== undefined) return this.#refuse(found, no)
    const next = this.#await({ ...found, stage: 'step-up' }, now)
    this.#core.emit({ kind: 'stepUp', job: next, node: found.node })
  }

  steppedUp(job: number, now: Instant): void {
    const found = this.#take(job, 'step-up')
    if (found === undefined) return
    // What was true before the wait is asked once more: it may have been removed meanwhile.
    const no = this.#flawOfMember(found) ?? this.#flawOfOwner(found) ?? this.#flawOfLease(now)
    if (no === undefined) this.#release(found)
    else this.#refuse(found, no)
  }

  failed(job: number, code: string): void {
    const found = this.#take(job)
    if (found === undefined) return
    const isAppraisal = found.stage === 'appraise'
    this.#refuse(found, refusal(isAppraisal ? 'EVIDENCE_REFUSED' : 'NOT_FRESH', { cause: code }))
  }

  fold(now: Instant): void {
    for (const [job, { until }] of this.#exports) if (now >= until) this.failed(job, 'TIMEOUT')
  }

  wakeAt(): Instant | null {
    const all = [...this.#exports.values()].map(({ until }) => until)
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }

  forget(): void {
    this.#exports.clear()
  }

  #begin(
    given: Pick<Export, 'request' | 'by' | 'attestation'> & {
      readonly envelope: Uint8Array | null
    },
    now: Instant,
  ): void {
    const { attestation, request } = given
    const node = nodeIdOfKey(attestation.record.keys.identity)
    if (this.#core.ports.member(node) === undefined) {
      return this.#refuse({ request, node }, refusal('NOT_A_MEMBER', { node }))
    }
    // A node may ask by itself while a person asks for it.
    const isUnderWay = [...this.#exports.values()].some(
      other => other.node === node && other.by === given.by,
    )
    if (isUnderWay || this.#exports.size >= exportsMax) {
      return this.#core.refuse(request, refusal('BUSY', { exportsMax }))
    }
    const next = this.#standingOf(given.envelope)
    if (!(next instanceof Standing)) return this.#refuse({ request, node }, next)
    const about = { ...given, node, next, stage: 'appraise' } as const
    const no = this.#flawOfMember(about)
    if (no !== undefined) return this.#refuse(about, no)
    const { evidence } = attestation
    const reportData = bootReportData(evidence.platform, node, next.hash)
    const job = this.#await(about, now)
    this.#core.emit({ kind: 'appraise', job, node, evidence, reportData })
  }

  /** The manifest of who asks; approvals that this node knows of the same one count besides. */
  #standingOf(envelope: Uint8Array | null): Standing | CustodyRefusal {
    const own = this.#own()
    if (envelope === null) return own
    const read = parseCustodyEnvelope(envelope)
    if (isRefusal(read)) return unreadable(read)
    if (custodyManifestHash(read.manifest) !== own.hash) return new Standing(read)
    own.takeApprovals(read.approvals)
    return own
  }

  /** (1) of the order: who is it, and is what it shows its own. */
  #flawOfMember({ node, attestation, next }: Omit<Export, 'until'>): CustodyRefusal | undefined {
    const member = this.#core.ports.member(node)
    if (member === undefined || node === this.#core.options.self) {
      return refusal('NOT_A_MEMBER', { node })
    }
    const { keys } = attestation.record
    const isItsOwn =
      equalBytes(keys.kem, member.keys.kem) && equalBytes(keys.noise, member.keys.noise)
    if (!isItsOwn) return refusal('EVIDENCE_REFUSED', { cause: 'OTHER_KEYS', node })
    return equalBytes(attestation.manifest, bytesOfDigest(next.hash))
      ? undefined
      : refusal('MANIFEST_MISMATCH', { attested: toHex(attestation.manifest), given: next.hash })
  }

  #flawOfVerdict({ node }: Export, verdict: Verdict): CustodyRefusal | undefined {
    const member = this.#core.ports.member(node)
    if (member === undefined) return refusal('NOT_A_MEMBER', { node })
    switch (verdict.kind) {
      case 'trusted':
        return verdict.instance === member.instance
          ? undefined
          : refusal('EVIDENCE_REFUSED', { cause: 'OTHER_INSTANCE', node })
      case 'refused':
        return refusal('EVIDENCE_REFUSED', { ...verdict.facts, cause: verdict.code })
      case 'undetermined':
        return refusal('EVIDENCE_REFUSED', { cause: 'UNDETERMINED' })
    }
  }

  /** (2) to (9). */
  #flawOfManifest(found: Export): CustodyRefusal | undefined {
    const { next } = found
    if (!next.isApproved) return next.notApproved()
    const own = this.#own().manifest
    const flaw = successionFlaw(own, next.manifest)
    if (flaw !== undefined) {
      const facts = { own: own.namespace.nonce, given: next.manifest.namespace.nonce }
      return refusal(flaw, facts)
    }
    return this.#core.ports.charter().manifestFlaw(next.manifest) ?? this.#flawOfOwner(found)
  }

  #flawOfOwner({ node }: Pick<Export, 'node'>): CustodyRefusal | undefined {
    const [own, other] = [this.#core.ports.owner(), this.#core.ports.member(node)?.owner ?? null]
    if (own === other) return undefined
    return refusal('DIFFERENT_OWNER', { own: own ?? 'nobody', receiver: other ?? 'nobody' })
  }

  #flawOfLease(now: Instant): CustodyRefusal | undefined {
    const rival = this.#core.ports.rival()
    if (rival !== null) return refusal('MANIFEST_EQUIVOCATION', { found: rival })
    const { kind, instances, citing } = this.#core.ports.lease(now)
    return kind === 'held' ? undefined : refusal('ISOLATED', { instances, citing })
  }

  #release(found: Export): void {
    const answer = this.#sealed(found, this.#core.ports.member(found.node))
    if (answer === undefined) {
      return this.#refuse(found, refusal('EVIDENCE_REFUSED', { cause: 'KEM_KEY_MALFORMED' }))
    }
    this.#core.event('info', 'KEY_EXPORTED', { node: found.node, manifest: found.next.hash })
    if (found.by === 'stream') this.#core.answer(found.request, quorumKeyAnswerCodec.encode(answer))
    else this.#core.reply(found.request, { kind: 'exported', ...answer })
  }

  #sealed({ node, next }: Export, member: CustodyMember | undefined): QuorumKeyAnswer | undefined {
    const keys = this.#keys()
    assert(keys !== null && member !== undefined, 'only a held key goes on, and only to a member')
    const given = {
      manifest: next.hash,
      from: this.#core.options.self,
      // The key that was appraised when it joined, not the one that it names now.
      to: { node, kemKey: member.keys.kem },
      approvals: next.carried(),
      random: this.#core.ports.random,
    }
    const made = keys.useSeed(seed => exportKey(seed, given))
    if (made === undefined) return undefined
    const exported = keyExportCodec.encode(made)
    return { exported, signature: keys.sign(exportMessage(exported)) }
  }

  #await(about: Omit<Export, 'until'>, now: Instant): number {
    const job = this.#core.nextJob()
    this.#exports.set(job, { ...about, until: after(now, patience) })
    return job
  }

  #take(job: number, stage?: Export['stage']): Export | undefined {
    const found = this.#exports.get(job)
    if (found === undefined || (stage !== undefined && found.stage !== stage)) return undefined
    this.#exports.delete(job)
    return found
  }

  #refuse({ request, node }: Pick<Export, 'request' | 'node'>, no: CustodyRefusal): void {
    this.#core.event('warn', 'EXPORT_REFUSED', { node, cause: no.code })
    this.#core.refuse(request, no)
  }

  #own(): Standing {
    const { standing } = this.#core
    assert(standing !== null, 'whoever holds the key holds its manifest')
    return standing
  }
}
