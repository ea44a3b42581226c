/**
 * What the page asks of the desk of a testnet: the look of all nodes, and faults. The desk belongs to `coterie testnet up`,
 * which carries faults out from outside: no node has a hook for them.
 */

/** A member as one node sees it. */
export interface DeskMember {
  readonly node: string
  readonly phase: string
  readonly state: string
  readonly connected: boolean
  readonly self: boolean
  /** On whose word; empty if that node appraised it itself. */
  readonly vouchedBy: readonly string[]
}

/** One place of the testnet. */
export interface DeskNode {
  readonly name: string
  /** Beside the numbered nodes, as an intruder. */
  readonly isExtra: boolean
  readonly isRunning: boolean
  readonly http: string
  /** The identity that runs there now, and what it says; `null` while it does not answer. */
  readonly node: string | null
  readonly phase: string | null
  readonly root: string | null
  readonly members: readonly DeskMember[]
}

export interface DeskLook {
  readonly nodes: readonly DeskNode[]
  /** Identities and the places where they run or ran, so that a page that was opened later knows the dead by name. */
  readonly names: readonly (readonly [node: string, name: string])[]
  readonly faults: readonly {
    readonly kind: string
    readonly text: string
    readonly undo: string
  }[]
}

/** A fault as the desk takes it; `kind` decides the other fields. */
export type DeskRequest =
  | { readonly kind: 'kill' | 'pause' | 'resume' | 'restart'; readonly nodes: readonly string[] }
  | {
      readonly kind: 'partition'
      readonly left: readonly string[]
      readonly right: readonly string[]
      readonly how: 'silent'
    }
  | { readonly kind: 'remove'; readonly node: string }
  | { readonly kind: 'wrong-measurement' }
  | { readonly kind: 'heal' }

/** What became of it: for people. */
export type DeskAnswer =
  | { readonly did: string; readonly watch: string; readonly undo: string }
  | { readonly code: string; readonly message: string; readonly next: string }
