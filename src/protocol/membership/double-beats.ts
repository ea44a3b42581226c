/**
 * Identities that are out because they contradicted themselves.
 *
 *     item ─ both beats and the record signed by one key? ─ a machine with a pinned root held that key? ─> by instance
 *                                                                    ≤ 8 identities: each is out
 *                                                                    more: the instance is out, and nothing follows
 *
 * Anybody can make up a key and contradict itself with it; only a machine can attest it. So the items are counted by
 * machine. Whoever broke one can attest keys without end: from the ninth on they prove one thing, that the machine is
 * broken, and all further ones prove the same. All of this is a union law: what counts is a function of the items that
 * were seen and of the manifest, in whatever order they came, and one machine moves the digest nine times at most.
 *
 * - of an instance: its items up to `identitiesMax`, and above it one claim on the instance;
 * - of all instances: the `instancesMax` smallest;
 * - software that the manifest in force does not name cannot join, so its items fold away while it is so.
 */
import type { Attested } from '../../attestation/lasting.ts'
import { isRefusal, type Refusal } from '../../attestation/verdict.ts'
import { BoundedMap } from '../../base/bounded-map.ts'
import { unreachable } from '../../base/errors.ts'
import { type Digest, type NetworkId, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { DoubleCheckpoint } from '../../wire/double-checkpoint.ts'
import { evidenceDigest } from '../../wire/evidence.ts'
import type { FalseResult } from '../../wire/false-result.ts'
import { brokenInstanceClaimId, type DoubleBeat, doubleBeatClaimId } from '../../wire/removal.ts'
import type { Attestor } from './attestor.ts'
import { disproveFalseResult } from './false-results.ts'
import { disproveDoubleBeat, disproveDoubleCheckpoint } from './removal-proof.ts'

/** As many as one machine has live at once: more that contradict themselves are no accident. */
const identitiesMaxDefault = 8
/** With nine items of 8 KiB each, in practice, 9 MiB; each takes a machine that was broken while it ran our software. */
const instancesMaxDefault = 128
/** Identities that this node bars for ever, those pushed out included: 100 bytes each, long dead when the oldest goes. */
const barredMax = 16_384
/** Items looked at lately, so that a repetition costs no signature: 200 bytes each. */
const judgedMax = 4096

/** What became of an item. `known`: it proves nothing that was not proven before. `id` names the claim; `null` if it could not be told. `isFault`: no honest member would have sent it. */
export type Taken =
  | { readonly kind: 'added' | 'known'; readonly id: Digest }
  | ({ readonly kind: 'refused'; readonly id: Digest | null; readonly isFault: boolean } & Refusal)

interface Judged {
  readonly id: Digest
  readonly instance: Digest
}

interface Held {
  readonly id: Digest
  readonly node: NodeId
  readonly attested: Attested
  readonly bytes: Uint8Array
  isNamed: boolean
}

/** Why evidence could not be judged by this version: no fault of whoever handed it on. */
const unjudged: ReadonlySet<string> = new Set(['PLATFORM_NOT_SUPPORTED', 'EVIDENCE_UNDETERMINED'])

export class DoubleBeats {
  readonly #network: NetworkId
  readonly #attestor: Attestor
  readonly #limits: { readonly identitiesMax: number; readonly instancesMax: number }
  readonly #held = new Map<Digest, Held>()
  readonly #barred = new BoundedMap<NodeId, true>(barredMax)
  readonly #judged = new BoundedMap<string, Judged>(judgedMax)
  readonly #displaced = new BoundedMap<Digest, true>(barredMax)
  #broken: ReadonlySet<Digest> = new Set()
  #claims: readonly Digest[] = []

  constructor(
    network: NetworkId,
    attestor: Attestor,
    limits: { readonly identitiesMax?: number; readonly instancesMax?: number } = {},
  ) {
    this.#network = network
    this.#attestor = attestor
    this.#limits = {
      identitiesMax: limits.identitiesMax ?? identitiesMaxDefault,
      instancesMax: limits.instancesMax ?? instancesMaxDefault,
    }
  }

  /** What the items prove, each claim by its id: the same at all who saw the same, in any order. */
  get claims(): readonly Digest[] {
    return this.#claims
  }

  /** Ids of the items that count: what another set needs to prove the same. */
  listed(): readonly Digest[] {
    return [...this.#held.values()].filter(({ isNamed }) => isNamed).map(({ id }) => id)
  }

  item(id: Digest): Uint8Array | undefined {
    return this.#held.get(id)?.bytes
  }

  /** Whether an item of this id would change nothing. */
  has(id: Digest): boolean {
    return this.#held.has(id) || this.#displaced.peek(id) === true
  }

  bars(node: NodeId): boolean {
    return this.#barred.peek(node) === true
  }

  /** Whether too many identities of this machine contradicted themselves under software that the manifest names. */
  isBroken(instance: Digest): boolean {
    return this.#broken.has(instance)
  }

  /** `item` was read by `readRemoval`; `bytes` are its bytes. */
  take(item: DoubleBeat | FalseResult | DoubleCheckpoint, bytes: Uint8Array): Taken {
    const { keys, evidence } = item.record
    const node = nodeIdOfKey(keys.identity)
    const name = `${node} ${evidenceDigest(evidence)}`
    const judged = this.#judged.get(name)
    if (judged !== undefined && this.#isProven(judged)) return { kind: 'known', id: judged.id }
    const forged = this.#disproved(item)
    if (forged !== undefined) return { kind: 'refused', ...forged, id: null, isFault: true }
    const attested = this.#attestor.attest(keys, evidence)
    if (isRefusal(attested)) return notAttested(attested)
    const { instance } = attested
    const id = doubleBeatClaimId(this.#network, keys.identity, instance)
    this.#judged.set(name, { id, instance })
    if (this.#isProven({ id, instance })) return { kind: 'known', id }
    if (!this.#attestor.isNamed(attested)) {
      return { kind: 'refused', code: 'REMOVAL_NOT_NAMED', facts: { instance }, id, isFault: false }
    }
    this.#held.set(id, { id, node, attested, bytes: bytes.slice(), isNamed: true })
    this.#barred.set(node, true)
    this.#refresh()
    return { kind: 'added', id }
  }

  /** Another manifest is in force: what it names may have changed, and there may be room for what found none. */
  govern(): void {
    for (const held of this.#held.values()) held.isNamed = this.#attestor.isNamed(held.attested)
    this.#displaced.clear()
    this.#refresh()
    this.#foldUnnamed()
  }

  #disproved(item: DoubleBeat | FalseResult | DoubleCheckpoint): Refusal | undefined {
    switch (item.kind) {
      case 'double-beat':
        return disproveDoubleBeat(this.#network, item)
      case 'double-checkpoint':
        return disproveDoubleCheckpoint(this.#network, item)
      case 'false-result':
        return disproveFalseResult(this.#network, item, this.#attestor)
      default:
        return unreachable(item)
    }
  }

  #isProven({ id, instance }: Judged): boolean {
    return this.has(id) || this.isBroken(instance)
  }

  #refresh(): void {
    const groups = this.#byInstance()
    const { identitiesMax, instancesMax } = this.#limits
    const [kept, displaced] = [groups.slice(0, instancesMax), groups.slice(instancesMax)]
    for (const { id } of displaced.flatMap(([, items]) => items)) {
      this.#held.delete(id)
      this.#displaced.set(id, true)
    }
    const isBroken = ([, items]: (typeof kept)[number]): boolean => items.length > identitiesMax
    const broken = kept.filter(isBroken).map(([instance]) => instance)
    const single = kept.filter(group => !isBroken(group)).flatMap(([, items]) => items)
    this.#broken = new Set(broken)
    this.#claims = [
      ...single.map(({ id }) => id),
      ...broken.map(instance => brokenInstanceClaimId(this.#network, instance)),
    ]
  }

  /** Items that count, by instance, the smallest instance first. */
  #byInstance(): readonly (readonly [Digest, readonly Held[]])[] {
    const groups = new Map<Digest, Held[]>()
    for (const held of this.#held.values()) {
      if (!held.isNamed) continue
      const group = groups.get(held.attested.instance)
      if (group === undefined) groups.set(held.attested.instance, [held])
      else group.push(held)
    }
    return [...groups].toSorted(([left], [right]) => (left < right ? -1 : 1))
  }

  /** What does not count is kept for a manifest that names its software again, as much as may count. */
  #foldUnnamed(): void {
    const unnamed = [...this.#held.values()].filter(({ isNamed }) => !isNamed)
    const max = this.#limits.instancesMax * (this.#limits.identitiesMax + 1)
    for (const { id } of unnamed.slice(0, Math.max(0, unnamed.length - max))) this.#held.delete(id)
  }
}

function notAttested({ code }: Refusal): Taken {
  const isFault = !unjudged.has(code)
  const facts = { cause: code }
  return { kind: 'refused', code: 'REMOVAL_NOT_ATTESTED', facts, id: null, isFault }
}
