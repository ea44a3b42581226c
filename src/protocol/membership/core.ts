/** What the parts of the membership machine share. */
import type { NetworkId, NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import type { EpochKeys, KeyConditions } from './epoch-keys.ts'
import type { Neighbours } from './neighbours.ts'
import type { Outbox } from './outbox.ts'
import type { OwnRecord } from './own-record.ts'
import type { RemovalSet } from './removal-set.ts'
import type { Roster } from './roster.ts'
import type { StepUps } from './step-ups.ts'
import type {
  AppraisedMember,
  KeyName,
  ManifestFacts,
  MembershipPhase,
  MembershipPorts,
} from './types.ts'

export interface Core {
  readonly network: NetworkId
  readonly self: Pick<AppraisedMember, 'node' | 'keys' | 'verdict'>
  /** This node's own record, with its newest evidence. */
  readonly own: OwnRecord
  readonly ports: MembershipPorts
  readonly outbox: Outbox
  readonly roster: Roster
  readonly removals: RemovalSet
  readonly keys: EpochKeys
  readonly neighbours: Neighbours
  readonly stepUps: StepUps
  manifest(): ManifestFacts
  phase(): MembershipPhase
  /** What makes a key usable here and now. */
  conditions(): KeyConditions
  /** Whether the removal set takes this identity out, by itself or by what its verdict says. */
  isRemoved(node: NodeId): boolean
  /** Removal items that were taken in: members go, everybody is told. `from` sent them, `null` for this node's own door. */
  removalsGrew(items: readonly Uint8Array[], from: NodeId | null, now: Instant): void
  /** A key was made or pulled: it is told to the shell, and to the others if it is news to them. */
  keyHeld(name: KeyName, now: Instant): void
}
