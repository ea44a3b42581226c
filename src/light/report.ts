/** What a light client tells: printable as JSON, the same bytes wherever it is made of the same bundle. */
import type { Check } from '../attestation/checks.ts'
import type { Inspection } from '../attestation/inspection.ts'
import type { Digest, NetworkId, NodeId } from '../base/ids.ts'
import type { StateFields, StateWord } from './state-word.ts'

/** One look at a network. */
export interface LightReport {
  /** `trusted`: every node asked is genuine, and the state is fresh. `refused`: a node is not, or somebody signed two things that cannot both be. */
  readonly verdict: Inspection['verdict']
  /** `TRUSTED`, or the first thing wrong. */
  readonly code: string
  readonly sentence: string
  /** The worst word of the nodes that are genuine; `null` if none is. */
  readonly state: StateWord | null
  /** Whether the manifest is of a testnet, which admits simulated TEEs: they protect nothing. */
  readonly simulated: boolean
  /** ISO 8601, of the client's clock. */
  readonly at: string
  readonly network: NetworkId
  readonly manifest: { readonly hash: Digest; readonly nonce: number } | null
  /** Digest of the policy that the manifest implies. */
  readonly policy: Digest | null
  /** What enough machines committed to; `null` if nothing. */
  readonly head: HeadView | null
  readonly nodes: readonly NodeView[]
  /** Of the key asked for; `null` if none was, or nothing about it is proven. */
  readonly value: ValueView | null
  readonly trusts: readonly string[]
  readonly provesNot: readonly string[]
}

/** A checkpoint as people read it. */
export interface HeadView {
  /** ISO 8601, of the group's clock: the state holds what was written until then. */
  readonly cut: string
  /** Root over both parts of the state, hexadecimal. */
  readonly root: string
  readonly signers: readonly {
    readonly node: NodeId
    readonly instance: Digest
    readonly sequence: number
  }[]
}

/** One node that was asked. */
export interface NodeView {
  readonly source: string
  readonly verdict: Inspection['verdict']
  readonly code: string
  readonly sentence: string
  readonly node: NodeId | null
  readonly instance: Digest | null
  readonly platform: string | null
  readonly state: StateWord | null
  /** What the word goes by. */
  readonly fields: StateFields | null
  readonly head: HeadView | null
  readonly checks: readonly Check[]
  /** All that was asked of its evidence. */
  readonly inspection: Inspection | null
  readonly value: ValueView | null
}

/** What a key held at a cut. */
export interface ValueView {
  readonly key: string
  /** ISO 8601. */
  readonly cut: string
  /** `null`: proven to hold nothing. Bytes are Base64; a counter is a decimal. */
  readonly content:
    | { readonly kind: 'register'; readonly value: string }
    | { readonly kind: 'set'; readonly elements: readonly string[] }
    | { readonly kind: 'multi'; readonly values: readonly string[] }
    | { readonly kind: 'counter'; readonly value: string }
    | null
}
