/** The quorum key for the application inside the TEE, and for the doors around it: types, and the names of the phases. */
import type { GenesisTerms } from '../attestation/custody/custody-manifest.ts'
import type { Digest } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'
import type { MnemonicStrength } from '../crypto/mnemonic.ts'
import type { CustodyView } from '../protocol/custody/custody.ts'
import type { CustodyPhase } from '../protocol/custody/phase.ts'
import type { CustodyAnswer, CustodyRequest } from '../protocol/custody/types.ts'
import type { AppSignature, AppSuite } from '../protocol/custody/uses.ts'

export { custodyPhases } from '../protocol/custody/phase.ts'

/** Asks the application whether it is well; answers the SHA-256 of what runs, in hexadecimal. Rejects while it is not. */
export type PivotHandler = (signal: AbortSignal) => Promise<string>

/** What the machine answers of this kind. */
export type CustodyAnswerOf<Kind extends CustodyAnswer['kind']> = Extract<
  CustodyAnswer,
  { kind: Kind }
>
/** What the machine is asked with, but for the number. */
export type CustodyGiven<Kind extends CustodyRequest['kind']> = Omit<
  Extract<CustodyRequest, { kind: Kind }>,
  'kind' | 'request'
>

/** Where the node stands with the quorum key: docs/spec/custody.md. */
export interface QuorumKeyView {
  readonly phase: CustodyPhase
  /** By which people know the key; `null` before there is one. */
  readonly fingerprint: Digest | null
  readonly namespace: { readonly name: string; readonly nonce: number } | null
  /** Shares at hand, while they are waited for. */
  readonly shares: { readonly have: number; readonly need: number } | null
}

/** By type and data, the same on every node that holds the key; without them of chance. */
export interface MnemonicRequest {
  readonly named: { readonly type: string; readonly data: string } | null
  /** Bits; 256 unless said. */
  readonly strength?: MnemonicStrength
}

/** What lies sealed to the quorum on the disk of a node, of a network of which nobody lives any more. */
export interface RecoveryOffer {
  /** Group clock in milliseconds: nothing that was written later is in it. */
  readonly cut: number
  /** State root at the cut, in hexadecimal; `null` if it was not known then. */
  readonly root: string | null
  /** Keys that held something; at least so many if the root was not known. */
  readonly entries: number
  /** Hash of the manifest that was in force, and its nonce. */
  readonly manifest: Digest
  readonly nonce: number
  /** Removals that found no room in what was written down: give them to the network again. */
  readonly removalsLeftOut: number
}

/** What came back. The host may have shown an older one: nobody is left who knows. */
export interface Recovered {
  readonly cut: number
  /** Of what came back, in hexadecimal. */
  readonly root: string
}

/**
 * Custody of the quorum key: docs/spec/custody.md. Everything rejects or throws a `CoterieError` with the code of the machine and the next
 * step: `WRONG_PHASE` above all. `caller` names who asks; what one caller had made opens and verifies for no other.
 */
export interface CustodyApi {
  view(): CustodyView
  /** Makes the key; answers once evidence about it is there. */
  genesisBoot(terms: GenesisTerms): Promise<CustodyAnswerOf<'genesis'>>
  /** What genesis answered, once more. */
  genesisOutput(): Promise<CustodyAnswerOf<'genesis'>>
  /** An approved envelope, as JSON: this node waits for shares of its key. */
  bootStandard(envelope: Uint8Array): Promise<CustodyAnswerOf<'booted'>>
  /** An envelope, as JSON: this node waits for its key from another one, and asks for it itself. */
  shareManifest(envelope: Uint8Array): Promise<CustodyAnswerOf<'booted'>>
  attestBoot(): Promise<CustodyAnswerOf<'attestation'>>
  injectShares(given: CustodyGiven<'injectShares'>): Promise<CustodyAnswerOf<'shares'>>
  exportKey(given: CustodyGiven<'exportKey'>): Promise<CustodyAnswerOf<'exported'>>
  injectKey(given: CustodyGiven<'injectKey'>): Promise<CustodyAnswerOf<'keyInjected'>>
  /**
   * What lies on this node's disk. Changes nothing.
   *
   * @throws {CoterieError} `WRONG_PHASE` without the quorum key, `NOTHING_TO_RECOVER`, `RECORD_NOT_OPENED`, `RECOVERY_TOO_LATE`.
   */
  recoverable(): Promise<RecoveryOffer>
  /**
   * Brings that state back and goes on with the network, alone. `root`: what whoever decides wants back, if it is not the root that was
   * written down at the cut.
   *
   * @throws {CoterieError} as `recoverable`, and `MEMBERS_LIVE`, `NOT_ALONE_YET`, `REMOVED`, `PAGES_MISSING`, `KEYS_MISSING`, `ROOT_MISMATCH`, `MANIFEST_OLDER`,
   * `RECORD_CHANGED`, `BUSY`.
   */
  recover(wanted: { readonly root: string | null }): Promise<Recovered>
  /** How the application is asked whether it is well: `ApplicationReady` waits for it if the manifest names a pivot. */
  setHandler(handler: PivotHandler): void
  sign(given: {
    readonly caller: string
    readonly message: Uint8Array
    readonly suite: AppSuite
  }): AppSignature
  encrypt(given: { readonly caller: string; readonly plaintext: Uint8Array }): Uint8Array
  decrypt(given: { readonly caller: string; readonly sealed: Uint8Array }): Uint8Array
  /** 32 bytes, which the caller of this disposes of. */
  derive(given: { readonly caller: string; readonly context: Uint8Array }): Secret
  mnemonic(request: MnemonicRequest): string
}
