import type { NodeId } from '../../../../src/base/ids.ts'
import type { Instant } from '../../../../src/base/time.ts'
import type { SigningKey } from '../../../../src/crypto/sign.ts'
import type { Membership } from '../../../../src/protocol/membership/membership.ts'
import type {
  AppraisedMember,
  ManifestFacts,
  MembershipEffect,
} from '../../../../src/protocol/membership/types.ts'
import type { Evidence } from '../../../../src/wire/evidence.ts'
import type { identity } from './people.ts'

interface LoggedEffect {
  readonly at: Instant
  readonly effect: MembershipEffect
}

/** One machine with its shell. */
export class TestNode {
  readonly name: string
  readonly member: AppraisedMember
  readonly signing: SigningKey
  readonly machine: Membership
  readonly log: LoggedEffect[] = []
  readonly gates = new Set<NodeId>()
  readonly links = new Set<TestNode>()
  /** What it shows in handshakes. */
  shown: Evidence
  isFresh: boolean
  isUp = true
  /** Manifests that its shell can prove, by hash; the last one is in force. */
  readonly manifests: ManifestFacts[]

  constructor(
    name: string,
    machine: Membership,
    made: ReturnType<typeof identity>,
    fresh: boolean,
    manifests: ManifestFacts[],
  ) {
    this.manifests = manifests
    this.name = name
    this.machine = machine
    this.member = made.member
    this.shown = made.member.evidence
    this.signing = made.signing
    this.isFresh = fresh
  }

  get id(): NodeId {
    return this.member.node
  }

  effects<K extends MembershipEffect['kind']>(
    kind: K,
  ): readonly Extract<MembershipEffect, { kind: K }>[] {
    return this.log.flatMap(({ effect }) =>
      effect.kind === kind ? [effect as Extract<MembershipEffect, { kind: K }>] : [],
    )
  }

  events(): readonly string[] {
    return this.effects('event').map(({ code }) => code)
  }
}
