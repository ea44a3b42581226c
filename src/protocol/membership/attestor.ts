/** The one who can tell what evidence says for ever. */
import type { Attested } from '../../attestation/lasting.ts'
import type { Refusal } from '../../attestation/verdict.ts'
import type { Evidence, NodeKeys } from '../../wire/evidence.ts'

/** What holds evidence against what lasts for ever, and says what the manifest in force names. */
export interface Attestor {
  attest(keys: NodeKeys, evidence: Evidence): Attested | Refusal
  isNamed(attested: Attested): boolean
}
