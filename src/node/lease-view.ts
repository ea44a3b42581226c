/** The policy lease as people and programs see it. */
import { between, type Clock } from '../base/time.ts'
import type { Liveness } from '../protocol/liveness/liveness.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import type { StatusView } from './handle.ts'

interface Leased {
  readonly clock: Clock
  readonly membership: Pick<MembershipQueries, 'members' | 'phase'>
  readonly liveness: Pick<Liveness, 'lease' | 'stateOf'>
}

export function leaseView({ clock, liveness }: Leased): StatusView['lease'] {
  const now = clock.monotonic()
  const { kind, until, instances, citing } = liveness.lease(now)
  const end = until === null ? null : new Date(clock.wall() + between(now, until)).toISOString()
  return { state: kind, until: end, instances, citing }
}

/** What an active node without the lease tells its operator; nobody is told while members are only being met. */
export function isolatedWarning(leased: Leased): StatusView['warnings'] {
  const { clock, membership, liveness } = leased
  const now = clock.monotonic()
  const { kind, instances, citing } = liveness.lease(now)
  if (kind === 'held' || membership.phase !== 'active') return []
  const isMeeting = membership.members(now).some(({ node }) => liveness.stateOf(node) === 'new')
  if (isMeeting) return []
  const text = `Only ${citing} of ${instances} machines heard this node lately: it releases no key. Check its network and who is down; machines that are gone leave by a signed leave, or when their verdicts lapse.`
  return [{ code: 'ISOLATED', text }]
}
