/** Refusals of evidence in words for people, with what was found and what would have been right. */
import type { CheckFacts } from './checks.ts'
import type { Refusal, RefusalFacts } from './verdict.ts'

/** Sentences with facts in braces; of several the first counts whose facts are all there. */
const sentences: Readonly<Record<string, readonly string[]>> = {
  EVIDENCE_TOO_LARGE: ['Evidence has at most {bytesMax} bytes, and this is longer.'],
  EVIDENCE_MALFORMED: [
    'These bytes are no evidence of this platform ({reason}).',
    'These bytes are no evidence of this platform.',
  ],
  PLATFORM_NOT_SUPPORTED: ['This program has no verifier for this platform.'],
  PLATFORM_NOT_ALLOWED: ['The policy names no software on {platform}.'],
  SIMULATED_NOT_TRUSTED: ['A simulated TEE protects nothing, and this is no policy of a testnet.'],
  INSTANCE_MISMATCH: ['It names different machines: {reason}.', 'It names different machines.'],
  CHAIN_INVALID: [
    'Its certificates do not hold: {reason} (certificate {certificate}, the leaf is 0).',
    'Its certificates do not hold: {reason}.',
  ],
  UNKNOWN_ANCHOR: ['Its certificates lead to no root that this program knows.'],
  EVIDENCE_NOT_YET_VALID: [
    'What vouches for it begins only at {notBefore}.',
    'It says that it was made at {timestamp}, which is later than now.',
  ],
  EVIDENCE_EXPIRED: ['What vouches for it ended at {notAfter}.'],
  SIGNATURE_INVALID: ['Its signature does not hold: {reason}.', 'Its signature does not hold.'],
  CERTIFICATE_REVOKED: [
    'The vendor has revoked {certificate} (serial number {serial}), which vouches for it.',
    'The vendor has revoked a certificate that vouches for it.',
  ],
  REPORT_NOT_SUPPORTED: [
    'This program does not know {field} {found} of a report, only {supported}.',
  ],
  PRODUCT_NOT_SUPPORTED: [
    'This program does not know the processor (family, model, stepping {cpuid}).',
  ],
  PRODUCT_MISMATCH: ['Its certificate is of another product: {certificate} and not {report}.'],
  CERTIFICATE_TCB_MISMATCH: [
    'Its certificate is for other firmware: {component} is {reported} and not {certified}.',
  ],
  MIGRATION_ALLOWED: ['A migration agent may move it, with its memory, to another machine.'],
  QUOTE_NOT_SUPPORTED: [
    'This program does not know quotes of version {version} for TEE type {teeType} with key type {keyType}.',
  ],
  ATTESTATION_KEY_MISMATCH: [
    'The quoting enclave vouches for another key than the one that signed it.',
  ],
  QE_IDENTITY_MISMATCH: ['Its quoting enclave is none of those of the vendor.'],
  TCB_LEVEL_UNKNOWN: ['The vendor knows no level of firmware as low as the one that it runs on.'],
  TCB_REVOKED: ['The vendor has revoked the level of firmware that it runs on.'],
  TDX_MODULE_MISMATCH: ['Its TDX module is none of those of the vendor: {reason}.'],
  SERVICE_TD_BOUND: ['A service TD is bound to it, which may read or move it.'],
  TD_ATTRIBUTES_NOT_ALLOWED: ['Its TD attributes do not protect it: {reason}.'],
  DEBUG_ENABLED: ['It runs in debug mode: its host reads all memory.'],
  TCB_NOT_ALLOWED: [
    'Its firmware is {status}: {component} is {found}, and at least {minimum} is asked.',
    'Its firmware is {status}, which is not allowed.',
  ],
  ADVISORY_NOT_ALLOWED: [
    "The vendor's advisory {advisory} concerns it, and the policy does not put up with that one.",
  ],
  PRIVILEGE_LEVEL_NOT_ALLOWED: [
    'It was asked for at privilege level {found}, which the policy does not allow.',
  ],
  MEASUREMENT_MISMATCH: ['It runs other software: the register {register} differs.'],
  SVN_TOO_LOW: ['Its software is of security version {found}; at least {minimum} is asked.'],
  MEASUREMENT_NOT_YET_VALID: ['The software {measurement} may run only from {validFrom}.'],
  MEASUREMENT_EXPIRED: ['The software {measurement} might run only until {validUntil}.'],
  REPORT_DATA_MISMATCH: ['It was made for something else: the report data differ.'],
  INSTANCE_NOT_PINNED: ['The policy pins other machines.'],
}

/** A refusal as a sentence; one that the table does not know is told by its code and facts. */
export function sentenceOf({ code, facts }: Refusal): string {
  const known = Object.hasOwn(sentences, code) ? (sentences[code] ?? []) : []
  const sentence = known.find(each => factsIn(each).every(name => facts[name] !== undefined))
  if (sentence !== undefined) return sentence.replace(braces, (_, name) => `${facts[name]}`)
  const details = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  const what = code.toLowerCase().replaceAll('_', ' ')
  return `Refused: ${what}${details.length === 0 ? '' : ` (${details.join(', ')})`}.`
}

const braces = /\{(\w+)\}/g
const factsIn = (sentence: string): readonly string[] =>
  [...sentence.matchAll(braces)].map(([, name = '']) => name)

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
