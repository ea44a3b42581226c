/** Delegated results that lie about what lasts, and so prove their own falsehood to whoever holds the record that they are about. */
import { isSameMachine } from '../../attestation/delegated.ts'
import type { Attested } from '../../attestation/lasting.ts'
import { isRefusal, type Refusal } from '../../attestation/verdict.ts'
import { equalBytes } from '../../base/bytes.ts'
import { bytesOfDigest, type NetworkId } from '../../base/ids.ts'
import {
  type DelegatedResult,
  decodeResult,
  resultHash,
  resultSubject,
  verifyResults,
} from '../../wire/delegated-result.ts'
import type { FalseResult } from '../../wire/false-result.ts'
import { verifyPossession } from '../../wire/member-record.ts'
import type { Attestor } from './attestor.ts'
import { findingOf } from './result-book.ts'

const refused = (code: string, facts: Refusal['facts'] = {}): Refusal => ({ code, facts })

/** What genuine evidence that its verifier passed says against a result, on every platform. */
const alwaysProven: ReadonlySet<string> = new Set(['REPORT_DATA_MISMATCH', 'DEBUG_ENABLED'])

/** What evidence that carries its whole chain says against a result. */
const provenByChain: ReadonlySet<string> = new Set([
  ...['EVIDENCE_MALFORMED', 'CHAIN_INVALID', 'UNKNOWN_ANCHOR', 'SIGNATURE_INVALID'],
  ...['ATTESTATION_KEY_MISMATCH', 'SIMULATED_NOT_TRUSTED'],
])

/**
 * Platforms whose evidence carries all that its lasting part hangs on. A report of SEV-SNP may be signed by a key whose certificate
 * the signer had from elsewhere, while a wrong one lies beside the report: a broken chain there is nobody's lie.
 */
const carriesItsChain: ReadonlySet<string> = new Set(['nitro', 'sgx', 'tdx', 'simulated'])

/** Why a result lies, by what its evidence attests for ever; `undefined` if it does not, or if that cannot be told. */
export function disproveLasting(
  result: DelegatedResult,
  platform: string,
  attested: Attested | Refusal,
): Refusal | undefined {
  if (!isRefusal(attested)) {
    return isSameMachine(attested, findingOf(result)) ? undefined : refused('RESULT_OF_ANOTHER')
  }
  const { code } = attested
  const isProven =
    alwaysProven.has(code) || (carriesItsChain.has(platform) && provenByChain.has(code))
  return isProven ? attested : undefined
}

/** Whether the parts of an item belong together: all that costs no signature. @throws {PeerFault} if the result is malformed. */
export function isCoherent(network: NetworkId, item: FalseResult): boolean {
  const { result: bytes, hashes, index, subject } = item
  const result = decodeResult(bytes)
  return (
    hashes.length % 32 === 0 &&
    equalBytes(resultHash(bytes), hashes.subarray(32 * index, 32 * index + 32)) &&
    equalBytes(result.identity, subject.keys.identity) &&
    equalBytes(result.subject, bytesOfDigest(resultSubject(network, subject)))
  )
}

/**
 * Why an item does not show that its signer lied; `undefined` if it does. Whether a machine ever held the signer's key is
 * another question. `item` is coherent.
 */
export function disproveFalseResult(
  network: NetworkId,
  item: FalseResult,
  attestor: Attestor,
): Refusal | undefined {
  const { policy, lifeMs, hashes, record, signature, subject } = item
  const signed = { signer: record.keys.identity, policy, lifeMs, hashes }
  if (!verifyResults(network, signed, signature) || !verifyPossession(network, record)) {
    return refused('REMOVAL_BAD_SIGNATURE')
  }
  const attested = attestor.attest(subject.keys, subject.evidence)
  const lie = disproveLasting(decodeResult(item.result), subject.evidence.platform, attested)
  return lie === undefined ? refused('REMOVAL_NO_LIE') : undefined
}
