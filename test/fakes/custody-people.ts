/** Key holders at work: they open their shares, look at what they are about to trust, and approve one key for one name. */
import { approvalMessage, type CustodyApproval } from '../../src/attestation/custody/approvals.ts'
import {
  type CustodyManifest,
  custodyManifestHash,
  type GenesisTerms,
} from '../../src/attestation/custody/custody-manifest.ts'
import { heldShareContext } from '../../src/attestation/custody/genesis-output.ts'
import { carryShare } from '../../src/attestation/custody/transfers.ts'
import { bytesOfDigest, digestOf, nodeIdOfKey } from '../../src/base/ids.ts'
import type { Secret } from '../../src/base/secret.ts'
import { sha512 } from '../../src/crypto/hash.ts'
import { kemBytes } from '../../src/crypto/kem-bytes.ts'
import { unwrap } from '../../src/crypto/wrap.ts'
import type { GenesisAnswer } from '../../src/protocol/custody/types.ts'
import {
  bootAttestationCodec,
  type CarriedApproval,
  carriedShareCodec,
} from '../../src/wire/custody.ts'
import { approvalOf, publicPart, type TestHolder } from '../fixtures/holders.ts'

/** Terms with the same people in both sets: `threshold` of them hold the key, more than half approve. */
export function termsOf(
  holders: readonly TestHolder[],
  threshold: number,
  change: Partial<GenesisTerms> = {},
): GenesisTerms {
  const members = holders.map(publicPart)
  const majority = Math.max(threshold, Math.floor(members.length / 2) + 1)
  return {
    namespace: { name: 'qos-namespace', nonce: 12345 },
    pivot: null,
    manifestSet: { members, threshold: majority },
    shareSet: { members, threshold },
    ...change,
  }
}

/** The share of a holder, out of what genesis answered; owned by the caller. */
export function openedShare(
  holder: TestHolder,
  genesis: {
    readonly envelope: Pick<GenesisAnswer['envelope'], 'manifest'>
    readonly shares: readonly Pick<GenesisAnswer['shares'][number], 'alias' | 'sealed'>[]
  },
): Secret {
  const found = genesis.shares.find(({ alias }) => alias === holder.alias)!
  const wrapped = {
    encapsulation: found.sealed.subarray(0, kemBytes.ciphertext),
    sealed: found.sealed.subarray(kemBytes.ciphertext),
  }
  return unwrap(wrapped, heldShareContext(genesis.envelope.manifest, holder), holder.kem)!
}

let drawn = 0
/** Chance of people's tools. */
export const random = {
  bytes: (count: number) => {
    const block = sha512(new TextEncoder().encode(`people ${++drawn}`))
    return Uint8Array.from({ length: count }, (_, i) => block[i % 64]!)
  },
}

export interface Carrying {
  readonly holder: TestHolder
  readonly share: Secret
  readonly manifest: CustodyManifest
  /** Of the node that the share is for. */
  readonly attestation: Uint8Array
  readonly approvesManifest?: boolean
}

/** What a holder hands to whoever injects: its share for this node alone, and its word. */
export function carried({
  holder,
  share,
  manifest,
  attestation,
  approvesManifest = true,
}: Carrying) {
  const { record } = bootAttestationCodec.decode(attestation)
  const hash = custodyManifestHash(manifest)
  const node = nodeIdOfKey(record.keys.identity)
  const to = { node, kemKey: record.keys.kem }
  const { alias, signing } = holder
  return {
    alias,
    manifest: bytesOfDigest(hash),
    node: record.keys.identity,
    ...carryShare({ alias, manifest: hash }, share, { to, random })!,
    approval: signing.sign(approvalMessage('share', hash, record.keys.identity)),
    manifestApproval: approvesManifest ? signing.sign(approvalMessage('manifest', hash)) : null,
  }
}

/** The same as the bytes that stand in a request. */
export function entryOf(carrying: Carrying) {
  return { alias: carrying.holder.alias, share: carriedShareCodec.encode(carried(carrying)) }
}

export function manifestApprovals(
  holders: readonly TestHolder[],
  manifest: CustodyManifest,
): readonly CustodyApproval[] {
  const hash = custodyManifestHash(manifest)
  return holders.map(holder => approvalOf(holder, { role: 'manifest', manifest: hash }))
}

/** A holder who remembers: one quorum key for one name and nonce, for ever. */
export class CarefulHolder {
  readonly holder: TestHolder
  readonly #approved = new Map<string, string>()

  constructor(holder: TestHolder) {
    this.holder = holder
  }

  /** Its word for this manifest; `undefined` if it gave it for another key of the same name. */
  approve(manifest: CustodyManifest): CarriedApproval | undefined {
    const { name, nonce, quorumKey } = manifest.namespace
    const known = this.#approved.get(`${name} ${nonce}`) ?? quorumKey
    if (known !== quorumKey) return undefined
    this.#approved.set(`${name} ${nonce}`, quorumKey)
    const message = approvalMessage(
      'manifest',
      digestOf(bytesOfDigest(custodyManifestHash(manifest))),
    )
    return { alias: this.holder.alias, signature: this.holder.signing.sign(message) }
  }
}
