/**
 * What one node's answers are worth, question by question. Cheapest first; the first no is the node's code, and what comes after it is not
 * asked. Nothing that a node sends makes it throw.
 */
import { appraiseWith } from '../attestation/appraisal.ts'
import type { Check } from '../attestation/checks.ts'
import {
  type InspectedMachine,
  type Inspection,
  inspectMachine,
} from '../attestation/inspection.ts'
import { equalBytes } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { type Digest, digestOf, type NodeId, nodeIdOfKey } from '../base/ids.ts'
import type { Timestamp } from '../base/time.ts'
import { checkpointDigest } from '../wire/checkpoint.ts'
import { evidenceDigest, keyReportData } from '../wire/evidence.ts'
import {
  type AttestationAnswer,
  attestationAnswerCodec,
  checkpointReportData,
  type ServedCheckpoint,
  servedCheckpointCodec,
  verifyEcho,
} from '../wire/light-answers.ts'
import { verifyPossession } from '../wire/member-record.ts'
import type { Codec } from '../wire/schema.ts'
import { cosignedHead, headIn, type SignedHead } from './checkpoints.ts'
import type { Heard, HeardNode } from './gathered.ts'
import type { Signers } from './signers.ts'
import type { Trust } from './trust.ts'

/** A genuine machine that signed a claim. */
export interface Voice {
  readonly node: NodeId
  readonly instance: Digest
  readonly head: SignedHead
}

/** What came of looking at a node. */
export interface NodeLook {
  readonly source: string
  readonly verdict: Inspection['verdict']
  readonly code: string
  readonly sentence: string
  readonly checks: readonly Check[]
  /** `null` before the node said anything that its own key signed. */
  readonly node: NodeId | null
  /** `null` unless its evidence is trusted. */
  readonly platform: string | null
  readonly inspection: Inspection | null
  /** Of a node that is trusted alone. */
  readonly found: FoundNode | null
}

export interface FoundNode {
  readonly node: NodeId
  readonly instance: Digest
  /** What its TEE quoted last; `null` if it never did. */
  readonly quoted: SignedHead | null
  /** What it signed last of all. */
  readonly latest: SignedHead | null
  /** What it serves proofs under. */
  readonly served: SignedHead | null
  /** Machines that signed the claim of `served`, its own among them; perhaps one of them twice. */
  readonly voices: readonly Voice[]
}

/** Given to every look of one report. */
export interface LookContext {
  readonly trust: Trust
  readonly at: Timestamp
  readonly signers: Signers
}

/** The ids of checks, in order; `inspection` stands for all that `inspect` asks. */
const plan = ['answer', 'nonce', 'possession', 'evidence', 'quote', 'checkpoint'] as const

type CheckId = (typeof plan)[number]

const meanings: Readonly<Record<CheckId, string>> = {
  answer: 'the node answered in the form that nodes answer in',
  nonce: 'the key of the node signed the number that was drawn for this question',
  possession: 'the key of the node wants to be known under this evidence in this network',
  evidence:
    'genuine hardware runs software that the manifest admits, and holds the key of the node',
  quote: 'the hardware vouched anew for the chain of checkpoints of the node',
  checkpoint: 'the node signed its checkpoints for this network',
}

/** Simulated hardware is nowhere called genuine. */
const simulatedMeanings: Partial<Record<CheckId, string>> = {
  evidence:
    'a simulated TEE, which protects nothing, says that the manifest admits what it runs, and names the key of the node',
  quote: 'the simulated TEE vouched anew for the chain of checkpoints of the node',
}

/** Why a look ended early. */
class No {
  readonly id: CheckId
  readonly verdict: 'refused' | 'undetermined'
  readonly code: string
  readonly why: string

  constructor(
    id: CheckId,
    no: { readonly code: string; readonly why: string; readonly verdict?: 'undetermined' },
  ) {
    this.id = id
    this.code = no.code
    this.why = no.why
    this.verdict = no.verdict ?? 'refused'
  }
}

/** Looks at the answers of one node. */
export function lookAt(heard: HeardNode, context: LookContext): NodeLook {
  const passed: CheckId[] = []
  const answer = read(heard.attestation, attestationAnswerCodec)
  if (answer instanceof No) return ended(heard, { no: answer, passed })
  passed.push('answer')
  const unproven = possessionOf(answer, heard, context)
  if (unproven !== undefined) {
    return ended(heard, {
      no: unproven,
      passed: unproven.id === 'nonce' ? passed : [...passed, 'nonce'],
    })
  }
  passed.push('nonce', 'possession')
  const node = nodeIdOfKey(answer.record.keys.identity)
  const { inspection, instance } = inspectRecord(answer, context)
  if (instance === null) {
    const { verdict, code, sentence } = inspection
    const no = new No('evidence', { code, why: sentence, ...(verdict === 'refused' ? {} : open) })
    return ended(heard, { no, passed, node, inspection })
  }
  passed.push('evidence')
  const { platform } = answer.record.evidence
  const known = { passed, node, platform, inspection }
  const quoted = quotedIn(answer, { instance, context })
  if (quoted instanceof No) return ended(heard, { no: quoted, ...known })
  passed.push('quote')
  const heads = headsOf(answer, { heard, instance, context })
  if (heads instanceof No) return ended(heard, { no: heads, ...known })
  passed.push('checkpoint')
  return {
    source: heard.source,
    verdict: 'trusted',
    code: 'TRUSTED',
    sentence:
      platform === 'simulated'
        ? 'A node on a simulated TEE that the manifest admits answered, now.'
        : 'A genuine node that the manifest admits answered, now.',
    checks: checksOf({ passed, platform }),
    ...{ node, platform, inspection },
    found: { node, instance, quoted, ...heads },
  }
}

const open = { verdict: 'undetermined' } as const

interface Ended {
  readonly no: No
  readonly passed: readonly CheckId[]
  readonly node?: NodeId
  /** Of evidence that is trusted. */
  readonly platform?: string
  readonly inspection?: Inspection
}

function ended({ source }: HeardNode, end: Ended): NodeLook {
  const { no, node, platform, inspection } = end
  return {
    source,
    verdict: no.verdict,
    code: no.code,
    sentence: no.why,
    checks: checksOf(end),
    node: node ?? null,
    platform: platform ?? null,
    inspection: inspection ?? null,
    found: null,
  }
}

function checksOf({ passed, no, platform }: Partial<Ended> & Pick<Ended, 'passed'>) {
  return plan.map((id): Check => {
    const simulated = platform === 'simulated' ? simulatedMeanings[id] : undefined
    if (passed.includes(id)) return { id, outcome: 'pass', why: simulated ?? meanings[id] }
    if (no?.id !== id) return { id, outcome: 'skipped', why: 'not reached' }
    return { id, outcome: no.verdict === 'refused' ? 'fail' : 'skipped', why: no.why }
  })
}

/** The answer that a node gave, or why it is none. */
function read<T extends object>(heard: Heard, codec: Codec<T>): T | No {
  if (heard.code !== '') {
    return new No('answer', { code: heard.code, why: sourceWords(heard.code), ...open })
  }
  try {
    return codec.decode(heard.bytes)
  } catch (error) {
    if (!(error instanceof PeerFault)) throw error
    return new No('answer', {
      code: 'ANSWER_MALFORMED',
      why: `What it answered is no answer of a node (${error.code}).`,
    })
  }
}

const sourceWords = (code: string): string =>
  `It could not be asked: ${sourceSentences[code] ?? 'something went wrong on the way'}.`

const sourceSentences: Readonly<Record<string, string>> = {
  SOURCE_UNREACHABLE: 'nobody answers there',
  SOURCE_TIMEOUT: 'it took too long',
  SOURCE_REDIRECTS: 'it sends us elsewhere, and no node does that',
  SOURCE_REFUSES: 'it refuses',
  SOURCE_HAS_NONE: 'it has no such answer',
  SOURCE_BUSY: 'it is busy',
  SOURCE_BROKEN: 'it answers with an error',
  SOURCE_WRONG_TYPE: 'it answers in a form that nodes do not use',
  SOURCE_TOO_LARGE: 'its answer is longer than any honest one',
}

function possessionOf(
  answer: AttestationAnswer,
  { nonce }: HeardNode,
  { trust }: LookContext,
): No | undefined {
  if (!equalBytes(answer.nonce, nonce)) {
    const why = 'It answered another question than ours: the answer may be old.'
    return new No('nonce', { code: 'NONCE_MISMATCH', why })
  }
  if (!verifyEcho(trust.network, answer)) {
    const why = 'The key that it names did not sign this answer for this network.'
    return new No('nonce', { code: 'ECHO_INVALID', why })
  }
  if (verifyPossession(trust.network, answer.record)) return undefined
  const why = 'The key that it names does not belong to this evidence in this network.'
  return new No('possession', { code: 'POSSESSION_INVALID', why })
}

function inspectRecord(
  { record }: AttestationAnswer,
  { trust, at, signers }: LookContext,
): InspectedMachine {
  const { evidence, keys } = record
  return inspectMachine(signers.appraiserOf, {
    evidence,
    endorsements: signers.endorsementsOf(evidenceDigest(evidence)),
    policy: trust.policy,
    now: at,
    reportData: keyReportData(trust.network, evidence.platform, keys),
  })
}

interface Machine {
  readonly instance: Digest
  readonly context: LookContext
}

/** The checkpoint that the TEE of the node quoted; `null` if it has quoted none yet. */
function quotedIn(
  { quoted, record }: AttestationAnswer,
  { instance, context }: Machine,
): SignedHead | null | No {
  if (quoted === null) return null
  const { trust, at, signers } = context
  const head = headIn(quoted.checkpoint, trust.network)
  if (head === undefined || !equalBytes(head.checkpoint.node, record.keys.identity)) {
    const why = 'The checkpoint that was quoted is none that this node signed for this network.'
    return new No('quote', { code: 'QUOTE_INVALID', why })
  }
  const { evidence } = quoted
  const verdict = appraiseWith(signers.appraiserOf, {
    evidence,
    expectedReportData: checkpointReportData(evidence.platform, checkpointDigest(head.checkpoint)),
    endorsements: signers.endorsementsOf(evidenceDigest(record.evidence)),
    policy: trust.policy,
    now: at,
  })
  if (verdict.kind === 'undetermined') {
    const why = 'Endorsements are missing to say whether the quote is genuine.'
    return new No('quote', { code: 'ENDORSEMENTS_MISSING', why, ...open })
  }
  if (verdict.kind === 'refused') {
    const why = `The quote about its checkpoint is not to be believed (${verdict.code}).`
    return new No('quote', { code: 'QUOTE_INVALID', why })
  }
  if (verdict.instance === instance) return head
  const why = 'The quote about its checkpoint is of another machine.'
  return new No('quote', { code: 'QUOTE_INVALID', why })
}

/** What the node signed last, and what it serves with whose co-signatures. */
function headsOf(
  { latest, record }: AttestationAnswer,
  { heard, instance, context }: Machine & { readonly heard: HeardNode },
): Pick<FoundNode, 'latest' | 'served' | 'voices'> | No {
  const { identity } = record.keys
  const { network } = context.trust
  const last = latest === null ? null : headIn(latest, network)
  if (last === undefined || (last !== null && !equalBytes(last.checkpoint.node, identity))) {
    const why = 'Its newest checkpoint is none that it signed for this network.'
    return new No('checkpoint', { code: 'CHECKPOINT_INVALID', why })
  }
  // It may have none to serve yet: that makes it stale, not a liar.
  if (heard.checkpoint.code === 'SOURCE_HAS_NONE' || heard.checkpoint.code === 'SOURCE_BUSY') {
    return { latest: last, served: null, voices: [] }
  }
  const answer = read(heard.checkpoint, servedCheckpointCodec)
  if (answer instanceof No) {
    const { code, why, verdict } = answer
    return new No('checkpoint', { code, why, ...(verdict === 'refused' ? {} : open) })
  }
  const served = headIn(answer.checkpoint, network)
  if (served === undefined || !equalBytes(served.checkpoint.node, identity)) {
    const why = 'The checkpoint that it serves is none that it signed for this network.'
    return new No('checkpoint', { code: 'CHECKPOINT_INVALID', why })
  }
  const own: Voice = { node: nodeIdOfKey(identity), instance, head: served }
  return { latest: last, served, voices: voicesOf(own, { answer, context }) }
}

/** Genuine machines that signed the claim, the node's own first; perhaps one of them twice. */
function voicesOf(
  own: Voice,
  { answer, context }: { readonly answer: ServedCheckpoint; readonly context: LookContext },
): readonly Voice[] {
  const voices = [own]
  for (const { evidence, ...cosignature } of answer.cosignatures) {
    const verdict = context.signers.verdictOn(cosignature.node, digestOf(evidence))
    if (verdict === undefined) continue
    const head = cosignedHead(own.head, cosignature)
    if (head === undefined) continue
    voices.push({ node: nodeIdOfKey(cosignature.node), instance: verdict.instance, head })
  }
  return voices
}
