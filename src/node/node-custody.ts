/** `CustodyApi` over the machine of a running node: requests by its driver, uses with keys that it lends. */
import type { GenesisTerms } from '../attestation/custody/custody-manifest.ts'
import { toHex } from '../base/bytes.ts'
import { InvariantError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Secret } from '../base/secret.ts'
import { sha256 } from '../crypto/hash.ts'
import type { QuorumKeys } from '../crypto/quorum-keys.ts'
import type { Custody, CustodyView } from '../protocol/custody/custody.ts'
import type { CustodyAnswer, CustodyRequest } from '../protocol/custody/types.ts'
import {
  type AppSignature,
  deriveForCaller,
  mnemonicFrom,
  openForCaller,
  sealForCaller,
  signForCaller,
} from '../protocol/custody/uses.ts'
import type {
  CustodyAnswerOf,
  CustodyApi,
  CustodyGiven,
  MnemonicRequest,
  PivotHandler,
  Recovered,
  RecoveryOffer,
} from './custody-api.ts'
import { custodyError } from './custody-errors.ts'
import type { CustodyDriver } from './drivers/custody.ts'
import type { NodeEvent } from './handle.ts'
import type { Recovery } from './recovery.ts'

export class NodeCustody implements CustodyApi {
  readonly #machine: Custody
  readonly #driver: CustodyDriver
  readonly #random: Random
  readonly #recovery: Recovery
  readonly #used: (facts: NodeEvent['facts']) => void

  constructor(parts: {
    readonly machine: Custody
    readonly driver: CustodyDriver
    readonly random: Random
    readonly recovery: Recovery
    readonly used: (facts: NodeEvent['facts']) => void
  }) {
    this.#machine = parts.machine
    this.#recovery = parts.recovery
    this.#driver = parts.driver
    this.#random = parts.random
    this.#used = parts.used
  }

  view(): CustodyView {
    return this.#machine.view()
  }

  genesisBoot(terms: GenesisTerms): Promise<CustodyAnswerOf<'genesis'>> {
    return this.#ask('genesis', request => ({ kind: 'genesisBoot', request, terms }))
  }

  genesisOutput(): Promise<CustodyAnswerOf<'genesis'>> {
    return this.#ask('genesis', request => ({ kind: 'genesisOutput', request }))
  }

  bootStandard(envelope: Uint8Array): Promise<CustodyAnswerOf<'booted'>> {
    return this.#ask('booted', request => ({ kind: 'bootStandard', request, envelope }))
  }

  shareManifest(envelope: Uint8Array): Promise<CustodyAnswerOf<'booted'>> {
    return this.#ask('booted', request => ({ kind: 'shareManifest', request, envelope }))
  }

  attestBoot(): Promise<CustodyAnswerOf<'attestation'>> {
    return this.#ask('attestation', request => ({ kind: 'attestBoot', request }))
  }

  injectShares(given: CustodyGiven<'injectShares'>): Promise<CustodyAnswerOf<'shares'>> {
    return this.#ask('shares', request => ({ ...given, kind: 'injectShares', request }))
  }

  exportKey(given: CustodyGiven<'exportKey'>): Promise<CustodyAnswerOf<'exported'>> {
    return this.#ask('exported', request => ({ ...given, kind: 'exportKey', request }))
  }

  injectKey(given: CustodyGiven<'injectKey'>): Promise<CustodyAnswerOf<'keyInjected'>> {
    return this.#ask('keyInjected', request => ({ ...given, kind: 'injectKey', request }))
  }

  recoverable(): Promise<RecoveryOffer> {
    return this.#recovery.offer()
  }

  recover(wanted: { readonly root: string | null }): Promise<Recovered> {
    return this.#recovery.recover(wanted)
  }

  setHandler(handler: PivotHandler): void {
    this.#driver.handler = handler
  }

  sign(given: Parameters<CustodyApi['sign']>[0]): AppSignature {
    const { caller, suite } = given
    const signed = signForCaller(this.#keys(), given)
    // Whoever meets the signature finds who had it made; the message cannot be guessed from this.
    const signature = toHex(sha256(signed.signature))
    this.#used({ use: 'sign', caller, suite, signature })
    return signed
  }

  encrypt({ caller, plaintext }: Parameters<CustodyApi['encrypt']>[0]): Uint8Array {
    const sealed = sealForCaller(this.#keys(), { caller, plaintext, random: this.#random })
    this.#used({ use: 'encrypt', caller })
    return sealed
  }

  decrypt(given: Parameters<CustodyApi['decrypt']>[0]): Uint8Array {
    const opened = openForCaller(this.#keys(), given)
    if ('code' in opened) throw custodyError(opened)
    this.#used({ use: 'decrypt', caller: given.caller })
    return opened
  }

  derive(given: Parameters<CustodyApi['derive']>[0]): Secret {
    const key = deriveForCaller(this.#keys(), given)
    this.#used({ use: 'derive', caller: given.caller })
    return key
  }

  mnemonic({ named, strength = 256 }: MnemonicRequest): string {
    const source =
      named === null
        ? ({ kind: 'random', random: this.#random } as const)
        : ({ kind: 'named', ...named } as const)
    const words = mnemonicFrom(this.#keys(), source, strength)
    this.#used({ use: 'mnemonic', isNamed: named !== null, strength })
    return words
  }

  #keys(): QuorumKeys {
    const keys = this.#machine.lend('use-key')
    if ('code' in keys) throw custodyError(keys)
    return keys
  }

  async #ask<Kind extends CustodyAnswer['kind']>(
    kind: Kind,
    requestOf: (request: number) => CustodyRequest,
  ): Promise<CustodyAnswerOf<Kind>> {
    const answer = await this.#driver.call(requestOf)
    if (answer.kind === kind) return answer as CustodyAnswerOf<Kind>
    throw new InvariantError(`custody answers ${kind} and not ${answer.kind}`)
  }
}
