import type { Instant } from '../base/time.ts'

/**
 * A protocol room as the shell sees it: synchronous, deterministic and complete. What it wants done is in
 * its answer; it has no timer, socket, disk, clock or chance of its own.
 */
export interface Machine<Input, Effect> {
  /** One input at a time. Inputs and effects are unions on `kind`, readonly throughout. */
  step(input: Input, now: Instant): readonly Effect[]
  /** When it next wants a `tick` input; `null` while only input can wake it. */
  wakeAt(): Instant | null
}
