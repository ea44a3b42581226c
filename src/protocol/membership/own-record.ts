/** What this node shows of itself: its record, over its newest evidence. */
import { bytesOfDigest, type NetworkId } from '../../base/ids.ts'
import { type Evidence, evidenceDigest, type NodeKeys } from '../../wire/evidence.ts'
import { type MemberRecord, possessionMessage } from '../../wire/member-record.ts'
import type { MembershipPorts } from './types.ts'

export class OwnRecord {
  readonly #ports: Pick<MembershipPorts, 'sign'>
  readonly #network: NetworkId
  #record: MemberRecord

  constructor(
    ports: Pick<MembershipPorts, 'sign'>,
    options: {
      readonly network: NetworkId
      readonly keys: NodeKeys
      readonly evidence: Evidence
    },
  ) {
    this.#ports = ports
    this.#network = options.network
    this.#record = this.#signed(options.keys, options.evidence)
  }

  get record(): MemberRecord {
    return this.#record
  }

  /** The digest of the evidence, 32 bytes. */
  get evidence(): Uint8Array {
    return bytesOfDigest(evidenceDigest(this.#record.evidence))
  }

  /** Takes newer evidence over the same keys. */
  renew(evidence: Evidence): void {
    this.#record = this.#signed(this.#record.keys, evidence)
  }

  #signed(keys: NodeKeys, evidence: Evidence): MemberRecord {
    const possession = this.#ports.sign(possessionMessage(this.#network, keys, evidence))
    return { keys, evidence, possession }
  }
}
