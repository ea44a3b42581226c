/** Custody of a node that waits for its boot instruction and takes none: what reaches it is kept for the test to see. */
import type { GenesisTerms } from '../../src/attestation/custody/custody-manifest.ts'
import { UsageError } from '../../src/base/errors.ts'
import type { Secret } from '../../src/base/secret.ts'
import type { CustodyApi } from '../../src/node/custody-api.ts'

export class FakeCustody implements CustodyApi {
  /** Names of what was asked, newest last. */
  readonly asked: string[] = []
  /** Of genesis. */
  readonly terms: GenesisTerms[] = []

  view(): ReturnType<CustodyApi['view']> {
    const phase = 'WaitingForBootInstruction'
    const nothing = { quorumKey: null, approvals: null, shares: null }
    return { phase, manifest: null, namespace: null, ...nothing }
  }

  genesisBoot = async (terms: GenesisTerms) => {
    this.terms.push(terms)
    return this.#refuse('genesisBoot')
  }
  genesisOutput = async () => this.#refuse('genesisOutput')
  bootStandard = async () => this.#refuse('bootStandard')
  shareManifest = async () => this.#refuse('shareManifest')
  attestBoot = async () => this.#refuse('attestBoot')
  injectShares = async () => this.#refuse('injectShares')
  exportKey = async () => this.#refuse('exportKey')
  injectKey = async () => this.#refuse('injectKey')
  recoverable = async () => this.#refuse('recoverable')
  recover = async () => this.#refuse('recover')
  sign = () => this.#refuse('sign')
  encrypt = () => this.#refuse('encrypt')
  decrypt = () => this.#refuse('decrypt')
  derive = ({ caller }: { readonly caller: string }): Secret => this.#refuse(`derive for ${caller}`)
  mnemonic = () => this.#refuse('mnemonic')

  setHandler(): void {
    this.asked.push('setHandler')
  }

  #refuse(what: string): never {
    this.asked.push(what)
    throw new UsageError('WRONG_PHASE', 'Not in this phase.', { next: 'Boot the node.' })
  }
}
