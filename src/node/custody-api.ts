/** The quorum key for the application inside the TEE, and for the doors around it: types only. */
import type { GenesisTerms } from '../attestation/custody/custody-manifest.ts'
import type { Secret } from '../base/secret.ts'
import type { MnemonicStrength } from '../crypto/mnemonic.ts'
import type { CustodyView } from '../protocol/custody/custody.ts'
import type { CustodyAnswer, CustodyRequest } from '../protocol/custody/types.ts'
import type { AppSignature, AppSuite } from '../protocol/custody/uses.ts'

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

/** By type and data, the same on every node that holds the key; without them of chance. */
export interface MnemonicRequest {
  readonly named: { readonly type: string; readonly data: string } | null
  /** Bits; 256 unless said. */
  readonly strength?: MnemonicStrength
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
