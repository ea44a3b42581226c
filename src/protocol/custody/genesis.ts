/**
 * Genesis: one enclave draws the quorum seed, shares it among the holders and forgets it, before anybody outside has seen a thing.
 *
 * What remains is sealed: a share for each holder, and evidence that all of it was made in here. A quote may take long or fail; by then the
 * seed is gone, so the node keeps what it made and goes on asking its TEE.
 */
import {
  type CustodyManifest,
  type GenesisTerms,
  genesisTermsShape,
  type Holder,
  keyOfHolder,
} from '../../attestation/custody/custody-manifest.ts'
import {
  genesisOutputHash,
  genesisReportData,
  type HeldShare,
  heldShareContext,
} from '../../attestation/custody/genesis-output.ts'
import { sealToHolder } from '../../attestation/custody/holder-key.ts'
import { orRefusal } from '../../attestation/manifest-reader.ts'
import { isRefusal } from '../../attestation/verdict.ts'
import { toHex } from '../../base/bytes.ts'
import { assert, InvariantError } from '../../base/errors.ts'
import { bytesOfDigest } from '../../base/ids.ts'
import { Secret } from '../../base/secret.ts'
import { after, type Instant, seconds } from '../../base/time.ts'
import { QuorumKeys, quorumSeedBytes } from '../../crypto/quorum-keys.ts'
import { shareCommitment } from '../../crypto/secret-shares.ts'
import { bootAttestationCodec } from '../../wire/custody.ts'
import type { Evidence } from '../../wire/evidence.ts'
import type { Core } from './core.ts'
import { type CustodyRefusal, refusal, unreadable } from './refusals.ts'
import { Standing } from './standing.ts'
import type { GenesisAnswer } from './types.ts'

/** A quote on real hardware takes seconds and serialises on one machine. */
const patience = seconds(30)
/** After a failure, before the next try. */
const rest = seconds(5)
/** A share is one byte longer than what is shared. */
const shareBytes = quorumSeedBytes + 1

interface Awaited {
  readonly job: number
  readonly until: Instant
}

interface Made {
  readonly standing: Standing
  readonly shares: readonly HeldShare[]
  attestation: Uint8Array | null
}

export class Genesis {
  readonly #core: Core
  #terms: GenesisTerms | null = null
  /** From the draw until the seed is shared. */
  #keys: QuorumKeys | null = null
  #made: Made | null = null
  #awaited: Awaited | null = null
  #restsUntil: Instant | null = null
  #request: number | null = null

  constructor(core: Core) {
    this.#core = core
  }

  boot(request: number, terms: GenesisTerms, now: Instant): void {
    const read = this.#read(terms)
    if ('code' in read) return this.#core.refuse(request, read)
    this.#terms = read
    this.#request = request
    this.#keys = this.#draw()
    this.#core.advance('genesis-boot')
    this.#split(now)
  }

  divided(job: number, shares: readonly Secret[], now: Instant): void {
    const [terms, keys] = [this.#terms, this.#keys]
    if (job !== this.#awaited?.job || terms === null || keys === null) return wipe(shares)
    this.#awaited = null
    try {
      this.#made = this.#seal(terms, keys, shares)
    } finally {
      wipe(shares)
      keys[Symbol.dispose]()
      this.#keys = null
    }
    this.#quote(now)
  }

  quoted(job: number, evidence: Evidence): void {
    const made = this.#made
    if (job !== this.#awaited?.job || made === null) return
    this.#awaited = null
    assert(this.#keys === null, 'the seed is gone before anybody is told of the key')
    const record = this.#core.ports.record()
    const manifest = bytesOfDigest(made.standing.hash)
    made.attestation = bootAttestationCodec.encode({ record, manifest, evidence })
    this.#core.standing = made.standing
    this.#core.advance('genesis-attested')
    const { name, nonce } = made.standing.manifest.namespace
    this.#core.event('info', 'GENESIS_MADE', { name, nonce, manifest: made.standing.hash })
    if (this.#request !== null) this.output(this.#request)
    this.#request = null
  }

  failed(job: number, code: string, now: Instant): void {
    if (job !== this.#awaited?.job) return
    this.#awaited = null
    this.#restsUntil = after(now, rest)
    this.#core.event('warn', 'GENESIS_DELAYED', { cause: code })
    if (this.#request !== null) {
      this.#core.refuse(this.#request, refusal('QUOTE_FAILED', { cause: code }))
    }
    this.#request = null
  }

  /** Answers with what genesis made. */
  output(request: number): void {
    const answer = this.#answer()
    if (answer === undefined) this.#core.refuse(request, refusal('NO_GENESIS'))
    else this.#core.reply(request, answer)
  }

  fold(now: Instant): void {
    if (this.#awaited !== null && now >= this.#awaited.until) {
      this.failed(this.#awaited.job, 'TIMEOUT', now)
    }
    if (this.#restsUntil === null || now < this.#restsUntil) return
    this.#restsUntil = null
    if (this.#keys !== null) this.#split(now)
    else if (this.#made !== null) this.#quote(now)
  }

  wakeAt(): Instant | null {
    return this.#awaited?.until ?? this.#restsUntil
  }

  wipe(): void {
    this.#keys?.[Symbol.dispose]()
    this.#keys = null
    this.#awaited = null
    this.#restsUntil = null
  }

  #draw(): QuorumKeys {
    for (let tries = 0; tries < 4; tries++) {
      const keys = QuorumKeys.of(new Secret(this.#core.ports.random.bytes(quorumSeedBytes)))
      if (keys !== undefined) return keys
    }
    throw new InvariantError('chance gives a seed with keys in it')
  }

  /** The terms, held against every rule of a manifest before there is a key to put into one. */
  #read(given: GenesisTerms): GenesisTerms | CustodyRefusal {
    const terms = orRefusal(() => genesisTermsShape(given, 'genesis'))
    if (isRefusal(terms)) return unreadable(terms)
    const flaw = this.#core.ports.charter().genesisFlaw(terms)
    if (flaw !== undefined) return flaw
    using trial = new Secret(new Uint8Array(shareBytes))
    const draft = this.#manifestOf(terms, '', [])
    const deaf = terms.shareSet.members.find(holder => !this.#sealed(draft, holder, trial))
    return deaf === undefined ? terms : refusal('HOLDER_KEY_UNUSABLE', { alias: deaf.alias })
  }

  #manifestOf(
    { namespace, pivot, manifestSet, shareSet }: GenesisTerms,
    quorumKey: string,
    shares: readonly string[],
  ): CustodyManifest {
    const { network } = this.#core.options
    const { name, nonce } = namespace
    return {
      format: 1,
      network,
      namespace: { name, nonce, quorumKey },
      pivot,
      manifestSet,
      shareSet,
      shares,
    }
  }

  #split(now: Instant): void {
    if (this.#keys === null || this.#terms === null) return
    const { members, threshold } = this.#terms.shareSet
    const job = this.#await(now)
    this.#keys.useSeed(secret =>
      this.#core.emit({ kind: 'split', job, secret, count: members.length, threshold }),
    )
  }

  #quote(now: Instant): void {
    if (this.#made === null) return
    const { standing, shares } = this.#made
    const output = genesisOutputHash({ manifest: standing.manifest, shares })
    const { platform } = this.#core.ports.record().evidence
    const reportData = genesisReportData(platform, this.#core.options.self, output)
    this.#core.emit({ kind: 'quote', job: this.#await(now), reportData })
  }

  #await(now: Instant): number {
    const job = this.#core.nextJob()
    this.#awaited = { job, until: after(now, patience) }
    return job
  }

  #seal(terms: GenesisTerms, keys: QuorumKeys, shares: readonly Secret[]): Made {
    const { members } = terms.shareSet
    assert(shares.length === members.length, 'there is one share for each holder')
    assert(
      shares.every(share => share.use(({ length }) => length) === shareBytes),
      'a share is one byte longer than the seed',
    )
    const commitments = shares.map(share => toHex(shareCommitment(share)))
    assert(new Set(commitments).size === commitments.length, 'no two holders get one share')
    const manifest = this.#manifestOf(terms, toHex(keys.publicKey), commitments)
    const held = members.flatMap((holder, i): HeldShare[] => {
      const share = shares[i]
      const sealed = share && this.#sealed(manifest, holder, share)
      return sealed === undefined ? [] : [{ alias: holder.alias, sealed }]
    })
    assert(held.length === members.length, 'what a share was sealed to once takes another one')
    return { standing: new Standing({ manifest, approvals: [] }), shares: held, attestation: null }
  }

  #sealed(manifest: CustodyManifest, holder: Holder, share: Secret): Uint8Array | undefined {
    const about = heldShareContext(manifest, holder)
    return sealToHolder(keyOfHolder(holder), share, { about, random: this.#core.ports.random })
  }

  #answer(): GenesisAnswer | undefined {
    if (this.#made === null || this.#made.attestation === null) return undefined
    const { standing, shares, attestation } = this.#made
    const { manifest, envelope } = standing
    return {
      kind: 'genesis',
      quorumKey: manifest.namespace.quorumKey,
      kemKey: this.#core.ports.record().keys.kem,
      envelope,
      shares: shares.map(({ alias, sealed }, i) => ({
        alias,
        key: manifest.shareSet.members[i]?.key ?? '',
        sealed,
        commitment: manifest.shares[i] ?? '',
      })),
      attestation,
    }
  }
}

function wipe(secrets: readonly Secret[]): void {
  for (const secret of secrets) secret[Symbol.dispose]()
}
