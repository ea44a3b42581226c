/** Threshold signing of a node that knows one group: what reaches it is kept for the test to see. */
import type { Digest, NodeId } from '../../src/base/ids.ts'
import type {
  GroupRequest,
  GroupSignature,
  GroupView,
  ReshareRequest,
  SigningApi,
  SignRequest,
} from '../../src/node/signing-api.ts'
import { signingError } from '../../src/node/signing-errors.ts'

export class FakeSigning implements SigningApi {
  readonly group: GroupView
  readonly made: GroupRequest[] = []
  readonly reshared: ReshareRequest[] = []
  readonly signed: SignRequest[] = []

  constructor(node: NodeId) {
    this.group = {
      ...{ group: 'c0'.repeat(32) as Digest, suite: 'ed25519', epoch: 1, threshold: 2 },
      ...{ clonesMax: 0, locks: false, publicKey: new Uint8Array(32).fill(7), purpose: 'test' },
      signers: [1, 2, 3].map(place => ({ node, instance: `0${place}`.repeat(32) as Digest })),
      isSigner: true,
    }
  }

  makeGroup = async (request: GroupRequest): Promise<GroupView> => {
    this.made.push(request)
    return this.group
  }

  reshare = async (group: string, request: ReshareRequest): Promise<GroupView> => {
    this.#find(group)
    this.reshared.push(request)
    return { ...this.group, epoch: 2 }
  }

  sign = async (request: SignRequest): Promise<GroupSignature> => {
    this.#find(request.group)
    this.signed.push(request)
    const { group, publicKey, suite, epoch } = this.group
    return { group, publicKey, suite, epoch, signature: new Uint8Array(64).fill(9) }
  }

  groups = (): readonly GroupView[] => [this.group]

  setPolicy(): void {}

  #find(group: string): void {
    if (group !== this.group.group) throw signingError('GROUP_UNKNOWN', { group })
  }
}
