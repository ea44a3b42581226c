/** Looks for planted runs of bytes in streams, across the borders of their chunks. */

/** A run that must never be seen: random bytes, long enough that chance does not make them. */
export interface PlantedRun {
  readonly name: string
  /** 16 bytes or more. Not copied; must not change. */
  readonly bytes: Uint8Array
}

/** The runs that one stream is searched for, and what it needs to keep of its past. */
export class PlaintextSearch {
  readonly #runs: readonly PlantedRun[]
  #tail: Uint8Array = new Uint8Array(0)

  /** `runs` is read at each push, so that runs may be planted while the stream flows. */
  constructor(runs: readonly PlantedRun[]) {
    this.#runs = runs
  }

  /** The names of the runs that end in `chunk`, once for each time. */
  push(chunk: Uint8Array): string[] {
    const seen: string[] = []
    const kept = this.#tail.length
    const window = Buffer.concat([this.#tail, chunk])
    let longest = 0
    for (const run of this.#runs) {
      longest = Math.max(longest, run.bytes.length)
      let at = window.indexOf(run.bytes)
      while (at !== -1) {
        // A run that lies wholly in what was kept has been told before.
        if (at + run.bytes.length > kept) seen.push(run.name)
        at = window.indexOf(run.bytes, at + 1)
      }
    }
    const tailLength = Math.min(window.length, Math.max(0, longest - 1))
    // Copied: a view would keep the whole chunk alive.
    this.#tail = new Uint8Array(window.subarray(window.length - tailLength))
    return seen
  }
}
