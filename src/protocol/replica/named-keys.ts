/**
 * Which commit key each author's batches name: most name it by how many batches ago they did so in full.
 *
 * Exact, never a guess: an entry under another key than its author's would be another entry. What cannot be told is not
 * merged, and comes with a sync from the author, which names keys in full.
 */
import { BoundedMap } from '../../base/bounded-map.ts'
import type { Digest, NodeId } from '../../base/ids.ts'

/** Authors remembered; who is forgotten is asked for a sync, once. */
const authorsMax = 4096

interface Named {
  readonly commitKey: Digest
  /** The batch that named it in full; 0 if that one was not heard. */
  readonly namedBy: number
  /** The latest batch known to be under it. */
  readonly latest: number
}

export class NamedKeys {
  readonly #byAuthor = new BoundedMap<NodeId, Named>(authorsMax)

  /** A batch names its commit key in full. */
  named(author: NodeId, sequence: number, commitKey: Digest): void {
    if (sequence < (this.#byAuthor.get(author)?.latest ?? 0)) return
    this.#byAuthor.set(author, { commitKey, namedBy: sequence, latest: sequence })
  }

  /** The author itself showed an entry of its batch `sequence`, its latest, under this key. */
  seen(author: NodeId, sequence: number, commitKey: Digest): void {
    const known = this.#byAuthor.get(author)
    if (known !== undefined && sequence <= known.latest) return
    const namedBy = known?.commitKey === commitKey ? known.namedBy : 0
    this.#byAuthor.set(author, { commitKey, namedBy, latest: sequence })
  }

  /** To be told each entry of a page from `of`, as numbered there: its own batches show their keys. */
  shownBy(
    of: NodeId | undefined,
    authors: readonly NodeId[],
    commitKeys: readonly Digest[],
  ): (entry: { author: number; sequence: number; commitKey: number }) => void {
    const own = of === undefined ? -1 : authors.indexOf(of)
    if (of === undefined || own < 0) return () => {}
    let latest = 0
    return ({ author, sequence, commitKey }) => {
      const shown = commitKeys[commitKey]
      if (author !== own || sequence <= latest || shown === undefined) return
      latest = sequence
      this.seen(of, sequence, shown)
    }
  }

  /** The key of a batch that says the one `before` batches ago named it; `undefined` if that cannot be told. */
  resolve(author: NodeId, sequence: number, before: number): Digest | undefined {
    const known = this.#byAuthor.get(author)
    const naming = sequence - before
    if (known === undefined || naming < 1) return undefined
    // Between a naming and a batch that refers to it the author names no other key.
    const isBetween = naming <= known.latest && known.latest <= sequence
    if (naming !== known.namedBy && !isBetween) return undefined
    const latest = Math.max(known.latest, sequence)
    this.#byAuthor.set(author, { commitKey: known.commitKey, namedBy: naming, latest })
    return known.commitKey
  }
}
