/**
 * What third members say that they have merged of one author. One of them may lie, and what is claimed and not held is taken
 * for removed and pruned long ago; so a claim counts as far as members on two platform instances make it.
 */
interface Claim {
  readonly instance: string
  readonly mark: number
}

export class Claims {
  /** At most two, of different instances, the larger first. */
  #top: readonly Claim[] = []

  /** A member on `instance` had merged all batches up to `mark`. */
  add(instance: string, mark: number): void {
    const known = this.#top.find(claim => claim.instance === instance)
    const others = this.#top.filter(claim => claim !== known)
    const claim = { instance, mark: Math.max(mark, known?.mark ?? 0) }
    this.#top = [claim, ...others].sort((left, right) => right.mark - left.mark).slice(0, 2)
  }

  /** As far as `voices` instances, one or two, bear it out; 0 for not at all. */
  borneOut(voices: number): number {
    return this.#top[voices - 1]?.mark ?? 0
  }

  /** The author's own word: it has written no more than this. */
  cut(mark: number): void {
    this.#top = this.#top.map(claim => ({ ...claim, mark: Math.min(claim.mark, mark) }))
  }
}
