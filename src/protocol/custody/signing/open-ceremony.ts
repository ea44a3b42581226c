/** Whether a node takes part in what is proposed: every participant is a member on the machine and with the key that it says. */
import { equalBytes } from '../../../base/bytes.ts'
import type { Instant } from '../../../base/time.ts'
import type { Participant } from '../../../wire/signing-group.ts'
import { Ceremony } from './ceremony.ts'
import type {
  CeremonyEffect,
  CeremonyOptions,
  CeremonyPorts,
  CeremonyRefusal,
} from './ceremony-types.ts'
import { indexOf } from './key-share.ts'
import { type CeremonyPlan, hasPart, planOf } from './plan.ts'

/** A node's part in a ceremony, with the first things that it says; or why it takes none. */
export function openCeremony(
  ports: CeremonyPorts,
  options: CeremonyOptions,
  now: Instant,
):
  | { readonly kind: 'opened'; ceremony: Ceremony; effects: readonly CeremonyEffect[] }
  | { readonly kind: 'refused'; readonly code: CeremonyRefusal } {
  const { identity, own, proposal } = options
  const planned = planOf(proposal)
  if (planned.kind === 'refused') return planned
  const { plan } = planned
  if (!hasPart(plan, identity)) return { kind: 'refused', code: 'NOT_INVITED' }
  const stranger = strangerIn(ports, plan)
  if (stranger !== undefined) return { kind: 'refused', code: stranger }
  const { predecessor } = plan
  const isOld = predecessor !== null && indexOf(predecessor.group, identity) > 0
  const holds = own?.isLive === true && predecessor !== null && equalBytes(own.id, predecessor.id)
  if (isOld && !holds) return { kind: 'refused', code: 'SHARE_MISSING' }
  const ceremony = new Ceremony(ports, { ...options, plan }, now)
  return { kind: 'opened', ceremony, effects: ceremony.begin(now) }
}

/** Whether somebody who deals or receives is no member, or not on the machine or with the key that it says. */
function strangerIn(ports: CeremonyPorts, plan: CeremonyPlan): CeremonyRefusal | undefined {
  for (const { identity, instance, kemKey } of plan.receivers) {
    const known = ports.attested(identity)
    if (known === undefined) return 'PARTICIPANT_UNKNOWN'
    const isSame = equalBytes(known.instance, instance) && equalBytes(known.kemKey, kemKey)
    if (!isSame) return 'PARTICIPANT_DIFFERS'
  }
  const old = plan.predecessor?.group.participants ?? []
  // A group that nobody ever was in can be written down by anybody.
  for (const { identity, instance } of plan.predecessor === null ? [] : dealersIn(plan, old)) {
    const known = ports.attested(identity)
    if (known === undefined) return 'PARTICIPANT_UNKNOWN'
    if (!equalBytes(known.instance, instance)) return 'PARTICIPANT_DIFFERS'
  }
  return undefined
}

function dealersIn(plan: CeremonyPlan, old: readonly Participant[]): readonly Participant[] {
  return plan.dealers.flatMap(({ index }) => old[index - 1] ?? [])
}
