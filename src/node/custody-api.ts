/** The quorum key for the application inside the TEE, and for the doors around it. */
import type { GenesisTerms } from '../attestation/custody/custody-manifest.ts'
import { InvariantError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Secret } from '../base/secret.ts'
import type { MnemonicStrength } from '../crypto/mnemonic.ts'
import type { QuorumKeys } from '../crypto/quorum-keys.ts'
import type { Custody, CustodyView } from '../protocol/custody/custody.ts'
import type { CustodyAnswer, CustodyRequest } from '../protocol/custody/types.ts'
import {
  type AppSignature,
  type AppSuite,
  deriveForCaller,
  mnemonicFrom,
  openForCaller,
  sealForCaller,
  signForCaller,
} from '../protocol/custody/uses.ts'
import { custodyError } from './custody-errors.ts'
import type { CustodyDriver, PivotHandler } from './drivers/custody.ts'

type Answer<Kind extends CustodyAnswer['kind']> = Extract<CustodyAnswer, { kind: Kind }>
type Given<Kind extends CustodyRequest['kind']> = Omit<
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
  genesisBoot(terms: GenesisTerms): Promise<Answer<'genesis'>>
  /** What genesis answered, once more. */
  genesisOutput(): Promise<Answer<'genesis'>>
  /** An approved envelope, as JSON: this node waits for shares of its key. */
  bootStandard(envelope: Uint8Array): Promise<Answer<'booted'>>
  /** An envelope, as JSON: this node waits for its key from another one, and asks for it itself. */
  shareManifest(envelope: Uint8Array): Promise<Answer<'booted'>>
  attestBoot(): Promise<Answer<'attestation'>>
  injectShares(given: Given<'injectShares'>): Promise<Answer<'shares'>>
  exportKey(given: Given<'exportKey'>): Promise<Answer<'exported'>>
  injectKey(given: Given<'injectKey'>): Promise<Answer<'keyInjected'>>
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

export class NodeCustody implements CustodyApi {
  readonly #machine: Custody
  readonly #driver: CustodyDriver
  readonly #random: Random

  constructor(parts: {
    readonly machine: Custody
    readonly driver: CustodyDriver
    readonly random: Random
  }) {
    this.#machine = parts.machine
    this.#driver = parts.driver
    this.#random = parts.random
  }

  view(): CustodyView {
    return this.#machine.view()
  }

  genesisBoot(terms: GenesisTerms): Promise<Answer<'genesis'>> {
    return this.#ask('genesis', request => ({ kind: 'genesisBoot', request, terms }))
  }

  genesisOutput(): Promise<Answer<'genesis'>> {
    return this.#ask('genesis', request => ({ kind: 'genesisOutput', request }))
  }

  bootStandard(envelope: Uint8Array): Promise<Answer<'booted'>> {
    return this.#ask('booted', request => ({ kind: 'bootStandard', request, envelope }))
  }

  shareManifest(envelope: Uint8Array): Promise<Answer<'booted'>> {
    return this.#ask('booted', request => ({ kind: 'shareManifest', request, envelope }))
  }

  attestBoot(): Promise<Answer<'attestation'>> {
    return this.#ask('attestation', request => ({ kind: 'attestBoot', request }))
  }

  injectShares(given: Given<'injectShares'>): Promise<Answer<'shares'>> {
    return this.#ask('shares', request => ({ ...given, kind: 'injectShares', request }))
  }

  exportKey(given: Given<'exportKey'>): Promise<Answer<'exported'>> {
    return this.#ask('exported', request => ({ ...given, kind: 'exportKey', request }))
  }

  injectKey(given: Given<'injectKey'>): Promise<Answer<'keyInjected'>> {
    return this.#ask('keyInjected', request => ({ ...given, kind: 'injectKey', request }))
  }

  setHandler(handler: PivotHandler): void {
    this.#driver.handler = handler
  }

  sign(given: Parameters<CustodyApi['sign']>[0]): AppSignature {
    return signForCaller(this.#keys(), given)
  }

  encrypt({ caller, plaintext }: Parameters<CustodyApi['encrypt']>[0]): Uint8Array {
    return sealForCaller(this.#keys(), { caller, plaintext, random: this.#random })
  }

  decrypt(given: Parameters<CustodyApi['decrypt']>[0]): Uint8Array {
    const opened = openForCaller(this.#keys(), given)
    if ('code' in opened) throw custodyError(opened)
    return opened
  }

  derive(given: Parameters<CustodyApi['derive']>[0]): Secret {
    return deriveForCaller(this.#keys(), given)
  }

  mnemonic({ named, strength = 256 }: MnemonicRequest): string {
    const source =
      named === null
        ? ({ kind: 'random', random: this.#random } as const)
        : ({ kind: 'named', ...named } as const)
    return mnemonicFrom(this.#keys(), source, strength)
  }

  #keys(): QuorumKeys {
    const keys = this.#machine.lend('use-key')
    if ('code' in keys) throw custodyError(keys)
    return keys
  }

  async #ask<Kind extends CustodyAnswer['kind']>(
    kind: Kind,
    requestOf: (request: number) => CustodyRequest,
  ): Promise<Answer<Kind>> {
    const answer = await this.#driver.call(requestOf)
    if (answer.kind === kind) return answer as Answer<Kind>
    throw new InvariantError(`custody answers ${kind} and not ${answer.kind}`)
  }
}
