/** Keys that members hold by threshold, for the application inside the TEE and the doors around it: types only. */
import type { Digest, NodeId } from '../base/ids.ts'
import type { FrostSuite } from '../crypto/frost-suite.ts'

/** A group of signers and its key, as this node knows it. */
export interface GroupView {
  /** Group id: another one after each resharing, while the public key stays. */
  readonly group: Digest
  readonly suite: FrostSuite
  /** Share epoch, from 1 on. */
  readonly epoch: number
  /** How many sign together. */
  readonly threshold: number
  /** How many signers may be copied or set back in memory without two messages being signed under one lock. */
  readonly clonesMax: number
  /** Whether every request names a lock. */
  readonly locks: boolean
  /** 32 bytes for `ed25519`, else 33. */
  readonly publicKey: Uint8Array
  /** In order of their places. */
  readonly signers: readonly { readonly node: NodeId; readonly instance: Digest }[]
  /** What it was proposed for; `null` where this node had no part in making it. */
  readonly purpose: string | null
  /** Whether this node holds a share that can be used. */
  readonly isSigner: boolean
}

/** What key is to be made, and who shall hold it. */
export interface GroupRequest {
  readonly suite: FrostSuite
  /** 2 to the number of signers. */
  readonly threshold: number
  /** 0 unless said. */
  readonly clonesMax?: number
  readonly locks: boolean
  /** Node ids of 2 to 32 members on as many instances; all active ones connected to this node, one for each instance, unless said. */
  readonly signers?: readonly string[]
  /** For people, at most 64 characters. */
  readonly purpose: string
}

/** Who shall hold a key from now on. */
export interface ReshareRequest {
  /** Node ids, as for a new group. */
  readonly signers: readonly string[]
  readonly threshold: number
}

/** What a group is to sign. */
export interface SignRequest {
  /** Id of a group of any epoch of the key: the request goes to who holds the shares now. */
  readonly group: string
  /** At most 32 KiB. */
  readonly message: Uint8Array
  /** 1 to 256 bytes, in a group with locks; none in another. */
  readonly lock?: Uint8Array
  /** If given, nothing else's signature is answered. */
  readonly publicKey?: Uint8Array
  /** Whom it is made for, as events and the audit record name it; the application itself unless given. */
  readonly caller?: string
}

/** What a group signed with. */
export interface GroupSignature {
  /** 64 bytes, 65 for `secp256k1`. It verified under `publicKey` before it was answered. */
  readonly signature: Uint8Array
  readonly publicKey: Uint8Array
  readonly suite: FrostSuite
  /** Of the epoch that signed. */
  readonly group: Digest
  readonly epoch: number
}

/** What a member wants this node to sign as one of a group. */
export interface PolicyAsked {
  readonly asker: NodeId
  readonly group: GroupView
  readonly message: Uint8Array
  /** `null` in a group without locks. */
  readonly lock: Uint8Array | null
}

/** What a member wants this node to take part in. */
export interface PolicyProposed {
  readonly proposer: NodeId
  readonly suite: FrostSuite
  readonly threshold: number
  readonly clonesMax: number
  readonly locks: boolean
  readonly signers: readonly NodeId[]
  readonly purpose: string
  /** The group whose key is handed on; `null` for a new key. */
  readonly predecessor: GroupView | null
}

/** What this node does for others. Synchronous, and asked again for each step; a throw is a no. */
export interface SigningPolicy {
  signs(asked: PolicyAsked): boolean
  joins(proposed: PolicyProposed): boolean
}

/**
 * Threshold signing: docs/spec/threshold-signing.md. Shares live in the memory of the signers and nowhere else: a key of n signers of whom t
 * sign is gone for ever once more than n - t of them ended, unless it was handed on before. Everything rejects with a `CoterieError` with a
 * stable code and the next step.
 */
export interface SigningApi {
  /** Makes a key with others. This node is one of them. */
  makeGroup(request: GroupRequest): Promise<GroupView>
  /** Hands the key on to these signers, who hold it alone from then on; its public key stays. This node is an old signer or a new one. */
  reshare(group: string, request: ReshareRequest): Promise<GroupView>
  /** Has enough signers sign. Any member may ask. */
  sign(request: SignRequest): Promise<GroupSignature>
  /** The groups that this node knows, newest epochs alone, by their ids. */
  groups(): readonly GroupView[]
  /** Says what this node signs and takes part in. Until then: on a testnet everything, elsewhere nothing. */
  setPolicy(policy: SigningPolicy): void
}
