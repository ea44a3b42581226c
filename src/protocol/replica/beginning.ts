/** How a state begins: from nothing, by a founder's clock; or with what came back from a disk when nobody lived any more. */
import type { Instant } from '../../base/time.ts'
import type { Core } from './core.ts'
import type { Merge } from './merge.ts'
import type { Sync } from './sync.ts'
import type { ReplicaInput } from './types.ts'

export class Beginning {
  readonly #core: Core
  readonly #merge: Merge
  readonly #sync: Sync
  #isRecovered = false

  constructor(core: Core, parts: { readonly merge: Merge; readonly sync: Sync }) {
    this.#core = core
    this.#merge = parts.merge
    this.#sync = parts.sync
  }

  /** What is held here is the state: there is nothing before it that it could lack. */
  founded(ms: number, now: Instant): void {
    const { clock, adoption, witnesses } = this.#core
    clock.start(ms, now)
    // Nobody slept through the time since the cut, and nobody is left whose clock could be overtaken.
    if (this.#isRecovered && ms > (clock.read(now) ?? 0)) clock.correct(ms, now)
    adoption.settle()
    witnesses.founded()
    const began = clock.read(now) ?? 0
    if (this.#isRecovered) this.#sync.restored(began)
    else this.#sync.born(began)
  }

  /**
   * Merges pages under the clock of their cut, so that what was pruned then is pruned again and roots can be compared. A node that meets
   * members before it is `founded` is one with a cache, and nothing more.
   */
  recovered(
    { pages, groupClock }: Extract<ReplicaInput, { kind: 'recovered' }>,
    now: Instant,
  ): void {
    this.#isRecovered = true
    this.#core.clock.start(groupClock, now)
    this.#sync.restored()
    for (const page of pages) this.#merge.restored(page)
  }
}
