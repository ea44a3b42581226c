/** The replicated map of one node: a pure machine over lattice, outbox, acknowledgements, clock and sync. */
import type { Instant } from '../../base/time.ts'
import type { Machine } from '../machine.ts'
import type {
  ReplicaEffect,
  ReplicaInput,
  ReplicaOptions,
  ReplicaPorts,
  ReplicaQueries,
} from './types.ts'

/** Everything that a node keeps together with the others, except what must never fork. */
export interface Replica extends Machine<ReplicaInput, ReplicaEffect>, ReplicaQueries {
  step(input: ReplicaInput, now: Instant): readonly ReplicaEffect[]
}

/** A replica that is `joining`, empty and without a group clock. */
export type CreateReplica = (ports: ReplicaPorts, options: ReplicaOptions) => Replica
