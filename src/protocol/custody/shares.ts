/**
 * Shares come in, one holder after the other, until the key is whole.
 *
 * Nobody who brings them is believed: each is sealed to this very node, about this very manifest, with the word of its holder, and fits the
 * commitment that genesis made. What does not is named and refused, and the ceremony goes on.
 */
import { approvalMessage, isApproval } from '../../attestation/custody/approvals.ts'
import { openCarriedShare } from '../../attestation/custody/transfers.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { ifReadable } from '../../base/errors.ts'
import { bytesOfDigest, keyOfNodeId } from '../../base/ids.ts'
import type { Secret } from '../../base/secret.ts'
import { after, hours, type Instant, seconds } from '../../base/time.ts'
import { nonceBytes } from '../../crypto/aead.ts'
import { kemBytes } from '../../crypto/kem-bytes.ts'
import { pointBytes } from '../../crypto/p256.ts'
import { QuorumKeys, quorumSeedBytes } from '../../crypto/quorum-keys.ts'
import { shareCommitment } from '../../crypto/secret-shares.ts'
import { type CarriedShare, carriedShareCodec, sealedShareBytes } from '../../wire/custody.ts'
import type { Core } from './core.ts'
import { type CustodyRefusal, refusal } from './refusals.ts'
import type { Standing } from './standing.ts'
import type { CustodyRequest, InjectedShare, Progress, SharesAnswer } from './types.ts'

type Injection = Extract<CustodyRequest, { kind: 'injectShares' }>
type Refused = SharesAnswer['refused'][number]

/** Combining takes milliseconds. */
const patience = seconds(30)
/** Holders live on several continents; shares that nobody completes in a day are wiped and brought anew. */
const tryLasts = hours(24)

const plainShareBytes = quorumSeedBytes + 1
/** As genesis seals a share to its holder: with X-Wing, or to a point as qos does. */
const heldShareBytes: readonly number[] = [
  kemBytes.ciphertext + sealedShareBytes,
  nonceBytes + pointBytes + 4 + sealedShareBytes,
]

interface Combining {
  readonly job: number
  readonly until: Instant
  readonly request: number | null
  readonly accepted: readonly string[]
  readonly refused: readonly Refused[]
}

export class Shares {
  readonly #core: Core
  readonly #onKey: (keys: QuorumKeys) => void
  readonly #held = new Map<string, Secret>()
  #endsAt: Instant | null = null
  #combining: Combining | null = null

  /** `onKey` takes the keys, which are those of the manifest in hand. */
  constructor(core: Core, onKey: (keys: QuorumKeys) => void) {
    this.#core = core
    this.#onKey = onKey
  }

  inject(injection: Injection, now: Instant): void {
    const { request, namespace, shares, approvals } = injection
    const { standing } = this.#core
    if (standing === null) return this.#core.refuse(request, refusal('NO_GENESIS'))
    const { name, nonce } = standing.manifest.namespace
    if (namespace.name !== name || namespace.nonce !== nonce) {
      const facts = { name, nonce, givenNonce: namespace.nonce }
      return this.#core.refuse(request, refusal('NAMESPACE_MISMATCH', facts))
    }
    const flaw = this.#core.charterFlaw()
    if (flaw !== undefined) return this.#core.refuse(request, flaw)
    const max = standing.manifest.shareSet.members.length
    const approvalsMax = standing.manifest.manifestSet.members.length
    if (shares.length > max || approvals.length > approvalsMax) {
      return this.#core.refuse(request, refusal('TOO_MANY_SHARES', { max, approvalsMax }))
    }
    if (this.#combining !== null) return this.#core.refuse(request, refusal('BUSY'))
    const [accepted, refused]: [string[], Refused[]] = [[], []]
    for (const alias of standing.takeCarried(approvals)) {
      refused.push({
        ...refusal('APPROVAL_INVALID', { role: 'manifest' }),
        alias: printable(alias),
      })
    }
    for (const given of shares) {
      const no = this.#take(given, standing)
      if (no === undefined) accepted.push(given.alias)
      else refused.push({ ...no, alias: printable(given.alias) })
    }
    this.#tell(accepted, refused)
    if (this.#held.size > 0) this.#endsAt ??= after(now, tryLasts)
    if (this.#isComplete(standing)) this.#combine({ request, accepted, refused }, now)
    else this.#core.reply(request, this.#answer(standing, { accepted, refused }))
  }

  combined(job: number, secret: Secret | null): void {
    const combining = this.#combining
    const { standing } = this.#core
    if (job !== combining?.job || standing === null) return secret?.[Symbol.dispose]()
    this.#combining = null
    const keys = secret === null ? undefined : keysOf(secret)
    const isRight =
      keys !== undefined && toHex(keys.publicKey) === standing.manifest.namespace.quorumKey
    const flaw = this.#core.charterFlaw()
    if (!isRight || flaw !== undefined) {
      keys?.[Symbol.dispose]()
      const shares = this.#held.size
      return this.#drop(combining, flaw ?? refusal('KEY_MISMATCH', { shares }))
    }
    const answer = this.#answer(standing, combining)
    this.wipe()
    this.#core.advance('key-complete')
    if (combining.request !== null) {
      this.#core.reply(combining.request, { ...answer, isProvisioned: true })
    }
    // The last write of all is the key.
    this.#onKey(keys)
  }

  failed(job: number, code: string): void {
    const combining = this.#combining
    if (job !== combining?.job) return
    this.#combining = null
    this.#drop(combining, refusal('COMBINE_FAILED', { cause: code }))
  }

  fold(now: Instant): void {
    if (this.#combining !== null && now >= this.#combining.until) {
      this.failed(this.#combining.job, 'TIMEOUT')
    }
    if (this.#endsAt === null || now < this.#endsAt || this.#combining !== null) return
    this.#core.event('warn', 'SHARES_LAPSED', { shares: this.#held.size })
    this.wipe()
  }

  wakeAt(): Instant | null {
    return this.#combining?.until ?? this.#endsAt
  }

  /** At hand and needed. */
  count(): Progress {
    const need = this.#core.standing?.manifest.shareSet.threshold ?? 0
    return { have: this.#held.size, need, by: [...this.#held.keys()] }
  }

  wipe(): void {
    for (const share of this.#held.values()) share[Symbol.dispose]()
    this.#held.clear()
    this.#endsAt = null
    this.#combining = null
  }

  #isComplete(standing: Standing): boolean {
    return this.#held.size >= standing.manifest.shareSet.threshold && standing.isApproved
  }

  #combine(about: Omit<Combining, 'job' | 'until'>, now: Instant): void {
    const job = this.#core.nextJob()
    this.#combining = { ...about, job, until: after(now, patience) }
    this.#core.emit({ kind: 'combine', job, shares: [...this.#held.values()] })
  }

  /** This try is over: of shares of which one may be wrong none is kept. */
  #drop({ request }: Combining, no: CustodyRefusal): void {
    this.wipe()
    this.#core.event('warn', no.code, no.facts)
    if (request !== null) this.#core.refuse(request, no)
  }

  /** Opens a share and keeps it, or says why not. Cheapest check first; nobody but a holder makes this node open anything. */
  #take(given: InjectedShare, standing: Standing): CustodyRefusal | undefined {
    const carried = readShare(given)
    if ('code' in carried) return carried
    const no = this.#flaw(carried, standing)
    if (no !== undefined) return no
    const { alias } = carried
    const route = { alias, manifest: standing.hash, node: this.#core.options.self }
    const share = openCarriedShare(route, carried, this.#core.ports)
    if (share === undefined) return refusal('SHARE_UNREADABLE')
    const position = standing.manifest.shareSet.members.findIndex(member => member.alias === alias)
    if (toHex(shareCommitment(share)) !== standing.manifest.shares[position]) {
      share[Symbol.dispose]()
      return refusal('SHARE_WRONG')
    }
    if (carried.manifestApproval !== null) standing.approve(alias, toHex(carried.manifestApproval))
    this.#held.set(alias, share)
    return undefined
  }

  #flaw(carried: CarriedShare, { manifest, hash }: Standing): CustodyRefusal | undefined {
    const { self } = this.#core.options
    const { alias, manifestApproval } = carried
    if (!equalBytes(carried.manifest, bytesOfDigest(hash))) {
      return refusal('MANIFEST_MISMATCH', { inForce: hash, given: toHex(carried.manifest) })
    }
    if (!equalBytes(carried.node, keyOfNodeId(self))) return refusal('SHARE_FOR_ANOTHER_NODE')
    if (!manifest.shareSet.members.some(member => member.alias === alias)) {
      return refusal('NOT_A_SHARE_MEMBER')
    }
    if (this.#held.has(alias)) return refusal('SHARE_TWICE')
    const word = { alias, role: 'share', signature: toHex(carried.approval) } as const
    if (!isApproval(word, manifest.shareSet, approvalMessage('share', hash, carried.node))) {
      return refusal('APPROVAL_INVALID', { role: 'share' })
    }
    if (manifestApproval === null) return undefined
    const other = { alias, role: 'manifest', signature: toHex(manifestApproval) } as const
    return isApproval(other, manifest.manifestSet, approvalMessage('manifest', hash))
      ? undefined
      : refusal('APPROVAL_INVALID', { role: 'manifest' })
  }

  #answer(
    standing: Standing,
    { accepted, refused }: Pick<SharesAnswer, 'accepted' | 'refused'>,
  ): SharesAnswer {
    return {
      kind: 'shares',
      isProvisioned: false,
      quorumKey: standing.manifest.namespace.quorumKey,
      accepted,
      refused,
      shares: this.count(),
      approvals: standing.approvals,
    }
  }

  #tell(accepted: readonly string[], refused: readonly Refused[]): void {
    for (const alias of accepted) this.#core.event('info', 'SHARE_ACCEPTED', { alias })
    for (const { alias, code } of refused) {
      this.#core.event('warn', 'SHARE_REFUSED', { alias, cause: code })
    }
  }
}

/** The message of a share, or what came instead of one. */
function readShare({ alias, share }: InjectedShare): CarriedShare | CustodyRefusal {
  if (share.length === plainShareBytes) return refusal('SHARE_IN_CLEAR')
  if (heldShareBytes.includes(share.length)) return refusal('SHARE_STILL_SEALED')
  let cause = ''
  const carried = ifReadable(
    () => carriedShareCodec.decode(share),
    fault => {
      cause = fault.code
    },
  )
  if (carried === undefined) return refusal('SHARE_MALFORMED', { cause })
  return carried.alias === alias ? carried : refusal('ALIAS_MISMATCH')
}

/** Takes the secret. */
function keysOf(secret: Secret): QuorumKeys | undefined {
  if (secret.use(({ length }) => length) === quorumSeedBytes) return QuorumKeys.of(secret)
  secret[Symbol.dispose]()
  return undefined
}

/** Names come from callers: 64 harmless characters of one. */
function printable(alias: string): string {
  return alias.slice(0, 64).replace(/[^\x20-\x7e]/g, '?')
}
