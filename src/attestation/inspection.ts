/** Why evidence is believed or not: the judgement of `appraise` with every question beside its answer, for people and their records. */
import { toHex, utf8 } from '../base/bytes.ts'
import { type Digest, digestOf } from '../base/ids.ts'
import { milliseconds, type Timestamp } from '../base/time.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'
import type { Evidence } from '../wire/evidence.ts'
import { meaningOf } from './check-words.ts'
import { type Check, type CheckFacts, checkReport } from './checks.ts'
import type { AppraiserOf, Fields, PlatformAppraiser, VerificationRequest } from './claims.ts'
import type { Endorsements } from './endorsements.ts'
import {
  type Demands,
  hexOf,
  type Judgement,
  judge,
  missingOf,
  type PolicyAnswer,
  policyQuestions,
  refusalOf,
} from './judgement.ts'
import { tcbRuleOf } from './manifest-draft.ts'
import { isPlatformName, platformNames } from './platforms.ts'
import type { Policy } from './policy.ts'
import { factsOfRefusal, sentenceOf } from './refusal-words.ts'
import { provesNot, trusts } from './trust-words.ts'
import type { Refusal } from './verdict.ts'

/** What is inspected, and against what. */
export interface InspectionRequest {
  readonly evidence: Evidence
  readonly endorsements: Endorsements
  readonly now: Timestamp
  /** The default one unless given: no debug mode, firmware that is up to date or hardened by software, no software named. */
  readonly policy?: Policy | undefined
  /** Values of the platform's main register in lower-case hexadecimal, of which one must be found. */
  readonly measurements?: readonly string[] | undefined
  /** All of it: 64 bytes, or the user data of a Nitro document. */
  readonly reportData?: Uint8Array | undefined
  /** `required` with a policy and `if-present` without one, unless given. */
  readonly revocation?: VerificationRequest['revocation']
}

/** The verdict with its reasons; printable as JSON. */
export interface Inspection {
  readonly verdict: 'trusted' | 'refused' | 'undetermined'
  /** `TRUSTED`, or the first thing wrong: as `appraise` says it, `ENDORSEMENTS_MISSING` or `MEASUREMENT_NOT_PINNED`. */
  readonly code: string
  /** The verdict in one sentence. */
  readonly sentence: string
  /** Those of the platform, then those of the policy. */
  readonly checks: readonly Check[]
  /** What is decoded of the evidence, believed or not; empty for bytes that are no evidence. */
  readonly fields: Fields
  /** Until when the answer holds at most, ISO 8601; `null` for a no. */
  readonly validUntil: string | null
  /** Digest of the policy, or `default`. */
  readonly policy: string
  /** What has to be trusted still. */
  readonly trusts: readonly string[]
  readonly provesNot: readonly string[]
  /** Endorsements to fetch, if the verdict is undetermined for the want of them. */
  readonly missing: readonly string[]
  /** The vendor's advisories that concern this machine. */
  readonly advisories: readonly string[]
}

/** Ids of the policy's checks, in the order in which they are reported. */
const policyChecks = ['platform-allowed', ...policyQuestions] as const

/** Names no software, so that for `appraise` it would admit nobody. */
const defaultPolicy: Policy = {
  digest: digestOf(sha256(framed(domains.policy, utf8('default')))),
  testnet: false,
  testAnchors: [],
  measurements: [],
  tcb: platformNames.filter(isPlatformName).map(platform => tcbRuleOf(platform)),
  evidenceAge: milliseconds(Number.POSITIVE_INFINITY),
  pins: new Set(),
  owners: new Map(),
  delegates: 0,
}

/** An inspection, and the platform instance that the evidence is of; `null` where nothing vouches for one. */
export interface InspectedMachine {
  readonly inspection: Inspection
  readonly instance: Digest | null
}

/** As `inspect`, with the appraisers that are at hand: of another platform, evidence is `PLATFORM_NOT_SUPPORTED`. */
export function inspectWith(appraiserOf: AppraiserOf, request: InspectionRequest): Inspection {
  return inspectMachine(appraiserOf, request).inspection
}

/** As `inspectWith`, for whoever counts machines. The instance is that of evidence that is trusted. */
export function inspectMachine(
  appraiserOf: AppraiserOf,
  request: InspectionRequest,
): InspectedMachine {
  const { evidence, policy = defaultPolicy } = request
  const demands: Demands = {
    appraiserOf,
    policy,
    namesSoftware: request.policy !== undefined,
    mainValues: request.measurements ?? [],
    reportData: request.reportData,
    now: request.now,
    revocation: request.revocation ?? (request.policy === undefined ? 'if-present' : 'required'),
  }
  const judgement = judge(request, demands)
  const { verdict, code, sentence } = conclude(judgement)
  const ends = judgement.kind === 'judged' && verdict !== 'refused'
  const platform = isPlatformName(evidence.platform) ? evidence.platform : undefined
  const appraiser = platform === undefined ? undefined : appraiserOf(platform)
  const told = { judgement, demands }
  const inspection: Inspection = {
    ...{ verdict, code, sentence },
    checks: [...checksOfPlatform(judgement, appraiser), ...checksOfPolicy(judgement, demands)],
    fields: fieldsOf(request, judgement, appraiser),
    validUntil: ends ? new Date(judgement.expiresAt).toISOString() : null,
    policy: request.policy?.digest ?? 'default',
    trusts: platform === undefined ? [] : trusts(platform, demands),
    provesNot: platform === undefined ? [] : provesNot(platform, told),
    missing: missingOf(judgement),
    advisories: judgement.kind === 'judged' ? (judgement.claims.tcb.advisories ?? []) : [],
  }
  const isTrusted = verdict === 'trusted' && judgement.kind === 'judged'
  return { inspection, instance: isTrusted ? judgement.instance : null }
}

/** Not among the codes of refusals. */
const yes = 'TRUSTED'

function conclude(judgement: Judgement): Pick<Inspection, 'verdict' | 'code' | 'sentence'> {
  const refusal = refusalOf(judgement)
  if (refusal !== undefined) {
    return { verdict: 'refused', code: refusal.code, sentence: sentenceOf(refusal) }
  }
  if (judgement.kind !== 'judged') {
    const sentence =
      'It cannot be said yet: endorsements that it needs are missing, or not of this time.'
    return { verdict: 'undetermined', code: 'ENDORSEMENTS_MISSING', sentence }
  }
  if (judgement.answers.some(({ answer }) => answer === 'open')) {
    const sentence =
      'The evidence is genuine, but nobody said which software to expect, and genuine hardware runs any.'
    return { verdict: 'undetermined', code: 'MEASUREMENT_NOT_PINNED', sentence }
  }
  const sentence = 'The evidence is genuine, and all that was asked of it holds.'
  return { verdict: 'trusted', code: yes, sentence }
}

function fieldsOf(
  { evidence, endorsements }: InspectionRequest,
  judgement: Judgement,
  appraiser: PlatformAppraiser | undefined,
): Fields {
  const isLooked = judgement.kind !== 'unread' || judgement.check !== 'size'
  return (isLooked ? appraiser?.fieldsOf(evidence.body, endorsements) : undefined) ?? {}
}

function checksOfPlatform(
  judgement: Judgement,
  appraiser: PlatformAppraiser | undefined,
): readonly Check[] {
  const plan = appraiser?.checks ?? []
  if (judgement.kind === 'unread') {
    const failed =
      judgement.check === 'size' ? { id: 'size', facts: failure(judgement.refusal) } : undefined
    return checkReport(plan, [], failed).map(worded)
  }
  const { verification } = judgement.kind === 'unverified' ? judgement : { verification: undefined }
  const failed =
    verification?.kind === 'refused'
      ? { id: verification.check, facts: failure(verification.refusal) }
      : undefined
  return checkReport(plan, judgement.passed, failed).map(check =>
    verification?.kind === 'undetermined' && check.id === verification.check
      ? { ...check, why: verification.why ?? 'what it needs is not at hand, or not of this time' }
      : worded(check),
  )
}

function checksOfPolicy(judgement: Judgement, demands: Demands): readonly Check[] {
  const failed =
    judgement.kind === 'unread' && judgement.check === 'platform-allowed'
      ? { id: judgement.check, facts: failure(judgement.refusal) }
      : undefined
  const isAsked = judgement.kind !== 'unread' && demands.namesSoftware
  const unnamed = { outcome: 'skipped', why: 'nobody gave a policy' } as const
  const allowed: readonly Check[] = isAsked
    ? [{ id: 'platform-allowed', outcome: 'pass' }]
    : demands.namesSoftware || failed !== undefined
      ? []
      : [{ id: 'platform-allowed', ...unnamed }]
  if (judgement.kind !== 'judged') return checkReport(policyChecks, allowed, failed).map(worded)
  const answered = judgement.answers.map(answer => policyCheck(answer, judgement, demands))
  return [...checkReport(['platform-allowed'], allowed, failed), ...answered].map(worded)
}

/** Why a question was not asked. */
const unasked: Readonly<Record<PolicyAnswer['question'], string>> = {
  debug: 'nobody asked',
  tcb: 'nobody asked',
  'privilege-level': 'this platform has no privilege levels',
  measurement: 'nobody said which software to expect',
  'report-data': 'nobody said which data to expect',
  pins: 'the policy pins no machine',
}

function policyCheck(
  { question: id, answer }: PolicyAnswer,
  judgement: Extract<Judgement, { readonly kind: 'judged' }>,
  demands: Demands,
): Check {
  const compared = comparedIn(id, judgement, demands)
  if (answer === 'pass') return { id, outcome: 'pass', ...compared }
  if (answer === 'unasked' || answer === 'open') {
    return { id, outcome: 'skipped', why: unasked[id], ...compared }
  }
  // Of several registers the refusal alone knows which one differs; elsewhere it tells less than is known here.
  return id === 'measurement'
    ? { id, outcome: 'fail', ...compared, ...failure(answer) }
    : { id, outcome: 'fail', ...failure(answer), ...compared }
}

/** What was found, beside what would have been right. */
function comparedIn(
  question: PolicyAnswer['question'],
  { claims, instance, tcbStatus, appraiser, measurement, platform }: JudgedOne,
  { policy, mainValues, reportData }: Demands,
): CheckFacts {
  switch (question) {
    case 'debug':
      return { found: claims.debug ? 'on' : 'off', expected: 'off' }
    case 'tcb': {
      const rule = policy.tcb.find(each => each.platform === platform)
      return { found: tcbStatus, expected: rule?.allowed.join(' or ') || 'nothing' }
    }
    case 'privilege-level': {
      const rule = policy.tcb.find(each => each.platform === platform)
      const { privilegeLevel } = claims
      if (privilegeLevel === undefined) return {}
      return {
        found: String(privilegeLevel),
        expected: rule?.privilegeLevels.join(' or ') || 'nothing',
      }
    }
    case 'measurement': {
      const register = appraiser.mainRegister
      const found = `${register} ${hexOf(claims, register)}`
      const named = measurement?.registers[register]
      const values = named === undefined ? mainValues : [named]
      return {
        found,
        ...(values.length > 0 ? { expected: `${register} ${values.join(' or ')}` } : {}),
      }
    }
    case 'report-data':
      return {
        found: toHex(claims.reportData),
        ...(reportData === undefined ? {} : { expected: toHex(reportData) }),
      }
    case 'pins':
      return {
        found: instance,
        ...(policy.pins.size === 0 ? {} : { expected: [...policy.pins].join(' or ') }),
      }
  }
}

type JudgedOne = Extract<Judgement, { readonly kind: 'judged' }>

function failure(refusal: Refusal): CheckFacts {
  return { why: sentenceOf(refusal), ...factsOfRefusal(refusal) }
}

function worded(check: Check): Check {
  if (check.why !== undefined || check.outcome === 'fail') return check
  if (check.outcome === 'skipped') return { ...check, why: 'not asked, or not reached' }
  return { ...check, why: meaningOf(check.id) }
}
