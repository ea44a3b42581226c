/** What this node's way to `active` depends on, as the other parts of the room know it. */
import type { Instant } from '../../base/time.ts'
import type { Core } from './core.ts'
import type { JoiningFacts } from './joining.ts'

/** As of `now`. */
export function joiningFacts(core: Core, now: Instant): JoiningFacts {
  const { neighbours, roster, self } = core
  const all = neighbours.all()
  return {
    isActiveInReach: all.some(({ node }) => roster.member(node, now)?.phase === 'active'),
    isGreeting: all.some(({ digest }) => digest === null),
    holdsEveryKind: holdsEveryKind(core, now),
    isSelfRemoved: core.isRemoved(self.node),
  }
}

/** Whether a key of each kind is held that could be sealed under. */
export function holdsEveryKind(core: Core, now: Instant): boolean {
  return core.keys.holdsEveryKind(core.conditions(), now)
}
