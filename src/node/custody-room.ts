/** Custody in a running node: the machine over what the other rooms know, its driver, and what the application is given of it. */
import type { Instant } from '../base/time.ts'
import { Custody } from '../protocol/custody/custody.ts'
import type { Liveness } from '../protocol/liveness/liveness.ts'
import type { Evidence } from '../wire/evidence.ts'
import { type MemberRecord, possessionMessage } from '../wire/member-record.ts'
import type { Checkpoints } from './checkpoints.ts'
import { charterOf } from './custody-charter.ts'
import { CustodyDriver } from './drivers/custody.ts'
import { NodeCustody } from './node-custody.ts'
import { Recovery, type RecoveryPorts } from './recovery.ts'
import type { EngineParts } from './rooms.ts'

interface CustodyNeighbours
  extends Pick<RecoveryPorts, 'membership' | 'replica' | 'cache' | 'toMembership' | 'toReplica'> {
  readonly liveness: Pick<Liveness, 'lease'>
  readonly checkpoints: Pick<Checkpoints, 'recover'>
}

export class CustodyRoom {
  readonly driver: CustodyDriver
  readonly api: NodeCustody
  readonly #parts: EngineParts
  /** The newest about this node's keys. */
  #evidence: Evidence

  readonly recovery: Recovery

  constructor(parts: EngineParts, neighbours: CustodyNeighbours) {
    this.#parts = parts
    this.#evidence = parts.evidence
    const { host, net, events, admission, manifests } = parts
    const machine = this.#machine(neighbours)
    this.driver = new CustodyDriver({
      ...{ host, machine, net, events },
      appraise: (node, evidence, reportData) =>
        admission.appraiseBinder(node, evidence, reportData),
    })
    this.recovery = new Recovery({
      ...{ host, manifests, events, keys: () => machine.lend('open-own') },
      ...neighbours,
      recovered: state => neighbours.checkpoints.recover(state),
    })
    const { recovery } = this
    this.api = new NodeCustody({
      ...{ machine, driver: this.driver, random: host.random, recovery },
      used: facts => events.record('custody-used', facts),
    })
  }

  evidenceRenewed(evidence: Evidence): void {
    this.#evidence = evidence
  }

  #machine({ membership, liveness }: CustodyNeighbours): Custody {
    const { host, identity, manifests, owner } = this.#parts
    const now = (): Instant => host.clock.monotonic()
    return new Custody(
      {
        random: host.random,
        decapsulate: ciphertext => identity.kem.decapsulate(ciphertext),
        record: () => this.#record(),
        owner,
        member: node => {
          const found = membership.member(node, now())
          if (found === undefined) return undefined
          const { instance, owner } = found.verdict
          return { keys: found.keys, instance, owner }
        },
        peers: () =>
          membership.members(now()).flatMap(({ isConnected, node }) => (isConnected ? [node] : [])),
        isActive: () => membership.phase === 'active',
        charter: () => charterOf(manifests.current.manifest),
        rival: () => (manifests.rival?.isApproved === true ? manifests.rival.hash : null),
        lease: at => liveness.lease(at),
      },
      { network: manifests.network, self: identity.node },
    )
  }

  #record(): MemberRecord {
    const { identity, manifests } = this.#parts
    const evidence = this.#evidence
    const message = possessionMessage(manifests.network, identity.keys, evidence)
    return { keys: identity.keys, evidence, possession: identity.signing.sign(message) }
  }
}
