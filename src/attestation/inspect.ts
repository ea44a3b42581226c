/** Why evidence is believed or not, with every platform behind it. */
import { atOnce } from '../crypto/at-once.ts'
import { type Inspection, type InspectionRequest, inspectWith } from './inspection.ts'
import { appraiserOf } from './verifiers.ts'

/**
 * Inspects evidence: never trusts what `appraise` would refuse under the same policy. Without a policy that names software or a
 * measurement the best verdict is undetermined, since genuine hardware runs anything. Pure; no bytes make it throw.
 */
export function inspect(request: InspectionRequest): Inspection {
  return atOnce(() => inspectWith(appraiserOf, request))
}
