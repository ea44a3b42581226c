import type { NodeId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Instant } from '../../base/time.ts'
import type { Machine } from '../machine.ts'
import type {
  BeatSource,
  LivenessEffect,
  LivenessInput,
  LivenessOptions,
  LivenessState,
} from './input.ts'

export class Liveness implements Machine<LivenessInput, LivenessEffect> {
  /** Owns neither port; `random` feeds the 16 bytes of each beat. */
  constructor(
    ports: { readonly source: BeatSource; readonly random: Random },
    options: LivenessOptions,
  ) {
    void ports
    void options
  }

  /** @throws {PeerFault} when a payload is not a heartbeat; then nothing changed and its author is at fault. */
  step(input: LivenessInput, now: Instant): readonly LivenessEffect[] {
    void input
    void now
    return []
  }

  wakeAt(): Instant | null {
    return null
  }

  /** How a member looks; `undefined` for whoever is none. Oneself is not asked about. */
  stateOf(node: NodeId): LivenessState | undefined {
    void node
    return undefined
  }

  /** Suspicion level: -log10 of the chance that a beat is still to come; `null` before the first accepted beat. */
  phi(node: NodeId, now: Instant): number | null {
    void node
    void now
    return null
  }

  /** What the last accepted beat of a member said it was; `null` before the first. */
  phaseOf(node: NodeId): 'joining' | 'active' | null {
    void node
    return null
  }

  /** Members, without oneself, that are `alive` and said `active` in their last accepted beat, in id order. */
  liveActive(): readonly NodeId[] {
    return []
  }
}
