/** Roots and proofs of the state at cuts just past: what checkpoints are made of. */
import { utf8 } from '../../base/bytes.ts'
import type { Instant } from '../../base/time.ts'
import { framedHash } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import type { EntryView } from '../../wire/entry.ts'
import { limits } from '../../wire/limits.ts'
import { type OpenLeaf, type ProofEnd, pathBytes } from '../../wire/state-proof.ts'
import type { Core } from './core.ts'
import { leafContent, leafPath } from './entry-hash.ts'
import { keyBits, openedLeaf } from './key-proof.ts'
import type { Cut } from './past.ts'
import type { RestingRoots } from './resting-roots.ts'
import type { CutQueries, CutRefusal, ProvenKey, ReplicaRoots } from './types.ts'

const noSalt = new Uint8Array(0)

interface KeptCut {
  readonly cut: Cut
  readonly roots: ReplicaRoots
}

export class Cuts implements CutQueries {
  readonly #core: Core
  readonly #resting: RestingRoots
  #kept: KeptCut[] = []

  constructor(core: Core, resting: RestingRoots) {
    this.#core = core
    this.#resting = resting
  }

  commit(ms: number, now: Instant): ReplicaRoots | undefined {
    const { past, commitment, clock } = this.#core
    this.#keep()
    const last = this.#kept.at(-1)
    if (last !== undefined && last.cut.ms >= ms) {
      return this.#kept.find(({ cut }) => cut.ms === ms)?.roots
    }
    const groupMs = clock.read(now)
    // The tries must be up to date: what follows rests on their hashes.
    if (groupMs === undefined || this.#resting.read() === undefined) return undefined
    const cut = past.cut(ms, groupMs)
    if (cut === undefined) return undefined
    const others = past.leavesAt(cut, 'both')
    if (others === undefined) {
      past.drop(cut)
      return undefined
    }
    const roots = commitment.rootsWith(others)
    this.#kept.push({ cut, roots })
    return roots
  }

  prove(ms: number, key: string): ProvenKey | CutRefusal {
    const { commitment, map, past } = this.#core
    if (key === '' || !key.isWellFormed()) return 'BAD_KEY'
    const bytes = utf8(key)
    if (bytes.length > limits.stateKeyBytesMax) return 'KEY_TOO_LONG'
    if (!map.cells.isPublicKey(bytes)) return 'NOT_PUBLIC'
    this.#keep()
    const kept = this.#kept.find(({ cut }) => cut.ms === ms)
    if (kept === undefined) return 'CHECKPOINT_GONE'
    if (this.#resting.read() === undefined) return 'PROOF_NOT_READY'
    const others = past.leavesAt(kept.cut, 'public')
    if (others === undefined) return 'PROOF_NOT_READY'
    const { roots, cut } = kept
    const path = new Uint8Array(pathBytes)
    path.set(framedHash(domains.triePath, bytes))
    const branch = { bits: keyBits, path }
    const proven = (steps: ProvenKey['proof']['steps'], end: ProofEnd): ProvenKey => ({
      proof: { isPublic: true, otherRoot: roots.privateRoot, steps, end },
      root: roots.root,
    })
    const rows = commitment.rowsUnder({ isPublic: true, ...branch }, limits.proofLeavesMax + 1)
    if (rows.length > limits.proofLeavesMax) return 'PROOF_TOO_LARGE'
    const leaves: OpenLeaf[] = []
    for (const row of rows) {
      const entry: EntryView | undefined = past.entryAt(row, cut)
      if (entry !== undefined) leaves.push(openedLeaf(entry, map, noSalt))
    }
    const found = commitment.publicWayWith(branch, others.public)
    if (leaves.length > 0) return proven(found.steps, { kind: 'leaves', leaves })
    const foreign = found.row < 0 ? undefined : past.entryAt(found.row, cut)
    if (foreign === undefined) return proven([], { kind: 'nothing' })
    // On to a leaf: where the key's bits end, that leaf's own lead.
    const foreignPath = leafPath(foreign, map)
    const content = leafContent(foreign, map, noSalt)
    const whole = { bits: 8 * pathBytes, path: foreignPath }
    const { steps } = commitment.publicWayWith(whole, others.public)
    return proven(steps, { kind: 'foreign', path: foreignPath, content })
  }

  /** What the past gave up is no longer kept here either. */
  #keep(): void {
    const { cuts } = this.#core.past
    this.#kept = this.#kept.filter(({ cut }) => cuts.includes(cut))
  }
}
