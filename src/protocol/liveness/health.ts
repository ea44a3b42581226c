/**
 * How far this node trusts its own ears.
 *
 * Everybody around you seems to have gone quiet at once: more likely you put your headphones on. A node
 * that is late with its own alarms, that gets no word even from those it asks for help, or that alone misses a
 * member whom others reach, widens its own timeouts instead of calling others dead.
 *
 * Source: Dadgar, Phillips, Currey, "Lifeguard: local health awareness for more accurate failure detection",
 * DSN-W 2018, §4 (local health multiplier).
 */

/** Most blame: four times the usual patience. Lifeguard's own bound is eight, with a timeout eight times as short. */
const blameMax = 6
/** Each blame adds so much to the multiplier. */
const stretchPerBlame = 0.5
/** One blame is forgiven for so many beats in a row that went out on time. */
const beatsPerPardon = 4

export class LocalHealth {
  #blame = 0
  #beatsOnTime = 0

  /** 1 (well) to 4: what every patience of this node's detector is multiplied by. */
  get multiplier(): number {
    return 1 + this.#blame * stretchPerBlame
  }

  /** It was me: an alarm of mine came late, or nobody answered me, or only I miss a member that others reach. */
  blame(): void {
    this.#blame = Math.min(blameMax, this.#blame + 1)
    this.#beatsOnTime = 0
  }

  /** Those whom I asked for help answered in time. */
  pardon(): void {
    this.#blame = Math.max(0, this.#blame - 1)
  }

  /** A beat of mine went out when it should. */
  beatOnTime(): void {
    this.#beatsOnTime = (this.#beatsOnTime + 1) % beatsPerPardon
    if (this.#beatsOnTime === 0) this.pardon()
  }
}
