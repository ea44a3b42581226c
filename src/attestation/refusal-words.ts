/** Refusals of evidence in words for people, with what was found and what would have been right. */
import type { CheckFacts } from './checks.ts'
import type { Refusal, RefusalFacts } from './verdict.ts'

type Words = (facts: RefusalFacts) => string

const sentences: Readonly<Record<string, Words>> = {
  EVIDENCE_TOO_LARGE: ({ bytes, bytesMax }) =>
    `It has ${bytes} bytes; evidence has at most ${bytesMax}.`,
  EVIDENCE_MALFORMED: ({ reason }) =>
    `These bytes are no evidence of this platform${reason === undefined ? '' : ` (${reason})`}.`,
  PLATFORM_NOT_SUPPORTED: () => 'This program has no verifier for this platform.',
  PLATFORM_NOT_ALLOWED: ({ platform }) => `The policy names no software on ${platform}.`,
  SIMULATED_NOT_TRUSTED: () =>
    'A simulated TEE protects nothing, and this is no policy of a testnet.',
  INSTANCE_MISMATCH: () => 'Certificate and report name different machines.',
  CHAIN_INVALID: ({ reason, certificate }) =>
    certificate === undefined
      ? `Its certificates do not hold${reason === undefined ? '' : `: ${reason}`}.`
      : `Its certificates do not hold: ${reason} (certificate ${certificate}, the leaf is 0).`,
  UNKNOWN_ANCHOR: () => 'Its certificates lead to no root that this program knows.',
  EVIDENCE_NOT_YET_VALID: ({ notBefore }) => `What vouches for it begins only at ${notBefore}.`,
  EVIDENCE_EXPIRED: ({ notAfter }) => `What vouches for it ended at ${notAfter}.`,
  REPORT_NOT_SUPPORTED: ({ field, found, supported }) =>
    `This program does not know ${field} ${found} of a report, only ${supported}.`,
  PRODUCT_NOT_SUPPORTED: ({ cpuid }) =>
    `This program does not know the processor (family, model, stepping ${cpuid}).`,
  PRODUCT_MISMATCH: ({ report, certificate }) =>
    `Its certificate is of another product: ${certificate} and not ${report}.`,
  CERTIFICATE_REVOKED: ({ certificate, serial }) =>
    `The vendor has revoked ${certificate} (serial number ${serial}), which vouches for it.`,
  CERTIFICATE_TCB_MISMATCH: ({ component, certified, reported }) =>
    `Its certificate is for other firmware: ${component} is ${reported} and not ${certified}.`,
  MIGRATION_ALLOWED: () => 'A migration agent may move it, with its memory, to another machine.',
  SIGNATURE_INVALID: () => 'Its signature is not that of the hardware.',
  DEBUG_ENABLED: () => 'It runs in debug mode: its host reads all memory.',
  TCB_NOT_ALLOWED: ({ status, component, found, minimum }) =>
    component === undefined
      ? `Its firmware is ${status}, which is not allowed.`
      : `Its firmware is ${status}: ${component} is ${found}, and at least ${minimum} is asked.`,
  ADVISORY_NOT_ALLOWED: ({ advisory }) =>
    `The vendor's advisory ${advisory} concerns it, and the policy does not put up with that one.`,
  PRIVILEGE_LEVEL_NOT_ALLOWED: ({ found }) =>
    `It was asked for at privilege level ${found}, which the policy does not allow.`,
  MEASUREMENT_MISMATCH: ({ register }) =>
    `It runs other software: the register ${register} differs.`,
  SVN_TOO_LOW: ({ found, minimum }) =>
    `Its software is of security version ${found}; at least ${minimum} is asked.`,
  MEASUREMENT_NOT_YET_VALID: ({ measurement, validFrom }) =>
    `The software ${measurement} may run only from ${validFrom}.`,
  MEASUREMENT_EXPIRED: ({ measurement, validUntil }) =>
    `The software ${measurement} might run only until ${validUntil}.`,
  REPORT_DATA_MISMATCH: () => 'It was made for something else: the report data differ.',
  INSTANCE_NOT_PINNED: () => 'The policy pins other machines.',
}

/** A refusal as a sentence; one that the table does not know is told by its code and facts. */
export function sentenceOf({ code, facts }: Refusal): string {
  const words = Object.hasOwn(sentences, code) ? sentences[code] : undefined
  if (words !== undefined) return words(facts)
  const what = code.toLowerCase().replaceAll('_', ' ')
  const details = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  return `Refused: ${what}${details.length === 0 ? '' : ` (${details.join(', ')})`}.`
}

/** Which facts say what was found, and which what would have been right; the first that is there counts. */
const foundNames = ['found', 'status', 'bytes', 'now', 'instance'] as const
const expectedNames = ['expected', 'allowed', 'minimum', 'bytesMax'] as const

/** What was found beside what was expected, as far as the facts of a refusal say it. */
export function factsOfRefusal({ facts }: Refusal): CheckFacts {
  const found = firstOf(facts, foundNames)
  const expected = firstOf(facts, expectedNames) ?? windowOf(facts)
  const register = facts['register'] === undefined ? '' : `${facts['register']} `
  return {
    ...(found === undefined ? {} : { found: register + found }),
    ...(expected === undefined ? {} : { expected: register + expected }),
  }
}

function firstOf(facts: RefusalFacts, names: readonly string[]): string | undefined {
  const name = names.find(each => facts[each] !== undefined)
  return name === undefined ? undefined : `${facts[name]}`
}

function windowOf(facts: RefusalFacts): string | undefined {
  const from = firstOf(facts, ['notBefore', 'validFrom', 'thisUpdate', 'issueDate'])
  const until = firstOf(facts, ['notAfter', 'validUntil', 'nextUpdate'])
  if (from === undefined && until === undefined) return undefined
  return [from && `from ${from}`, until && `until ${until}`].filter(Boolean).join(' ')
}
