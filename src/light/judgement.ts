/**
 * The judgement of a light client: what was gathered and a pin in, a report out. Pure, so a bundle that is judged again gives the same
 * report; and the only place where a value of the state is believed.
 */
import type { AppraiserOf } from '../attestation/claims.ts'
import type { Endorsements } from '../attestation/endorsements.ts'
import { isPublicKey } from '../attestation/manifest.ts'
import { isRefusal } from '../attestation/verdict.ts'
import { toHex } from '../base/bytes.ts'
import { keyOfNodeId, nodeIdOfKey } from '../base/ids.ts'
import { settled } from '../crypto/settled.ts'
import { checkpointCodec } from '../wire/checkpoint.ts'
import type { ProvenContent } from '../wire/proven-content.ts'
import { Chains } from './chains.ts'
import { claimIn, headIn, type SignedHead } from './checkpoints.ts'
import type { Gathered } from './gathered.ts'
import type { Pin } from './link.ts'
import { headsMax, type Remembered, recall } from './memory.ts'
import { type FoundNode, lookAt, type NodeLook } from './node-look.ts'
import { loadAppraisers } from './platforms.ts'
import { type Proven, provenIn } from './proof.ts'
import type { LightReport } from './report.ts'
import { type FullLook, reportOf, unpinnedReport } from './report-of.ts'
import { Signers } from './signers.ts'
import { type StateFields, wordOf } from './state-word.ts'
import { type Trust, trustOf } from './trust.ts'

/** What a client goes by that no node tells it. */
export interface Given {
  readonly pin: Pin
  /** Vendors' documents that the client has of its own. */
  readonly endorsements: Endorsements
}

export interface Judgement {
  readonly report: LightReport
  /** What to remember from now on. */
  readonly remembered: Remembered
  /** What the key holds: `null` for nothing, `undefined` if that is not proven. */
  readonly content: ProvenContent | null | undefined
}

/**
 * Judges what was gathered. Nothing that a node sent makes it throw.
 *
 * @throws {CoterieError} `MEMORY_BROKEN`, `MEMORY_OF_ANOTHER_NETWORK`.
 */
export async function judge(gathered: Gathered, given: Given): Promise<Judgement> {
  const { pin } = given
  const memory = recall(gathered.memory, pin.network)
  const trust = await settled(() => trustOf(gathered.manifests, pin, memory.manifestNonce))
  if (isRefusal(trust)) {
    const report = unpinnedReport(trust, { gathered, pin })
    return { report, remembered: memory, content: undefined }
  }
  // Only what the manifest admits, and all of it: what nodes name decides nothing about what is loaded.
  const admitted = trust.policy.measurements.map(({ platform }) => platform)
  const appraiserOf = await loadAppraisers(admitted)
  return settled(() => judgeUnder(trust, { gathered, given, memory, appraiserOf }))
}

interface Material {
  readonly gathered: Gathered
  readonly given: Given
  readonly memory: Remembered
  readonly appraiserOf: AppraiserOf
}

/** The judgement under a manifest that is believed; synchronous, and changes nothing, so that it can be settled. */
function judgeUnder(trust: Trust, material: Material): Judgement {
  const { gathered, memory, appraiserOf } = material
  const { at, evidence, nodes } = gathered
  const { endorsements } = material.given
  const signers = new Signers(trust, { appraiserOf, at, evidence, extra: endorsements })
  const looks = nodes.map(heard => lookAt(heard, { trust, at, signers }))
  const heads = memory.heads.flatMap(bytes => headIn(bytes, trust.network) ?? [])
  const beside = {
    chains: new Chains(looks, { heads, forked: memory.forked }),
    heads,
    memory,
    trust,
    gathered,
  }
  const full = looks.map((look, i) => fullLook(look, i, beside))
  const head = newestOf(full)
  // A node that forked long ago and was not asked now says nothing about those that were.
  const asked = looks.flatMap(({ found }) => [
    found?.node,
    ...(found?.voices ?? []).map(v => v.node),
  ])
  const forked = beside.chains.forked.filter(node => asked.includes(node))
  const report = reportOf(full, { gathered, trust, head, forked })
  const proven = report.value === null ? undefined : head?.proven
  return {
    report,
    remembered: remember(full, { ...beside, head }),
    content: proven?.kind === 'proven' ? proven.content : undefined,
  }
}

interface Beside {
  readonly chains: Chains
  /** Remembered ones. */
  readonly heads: readonly SignedHead[]
  readonly memory: Remembered
  readonly trust: Trust
  readonly gathered: Gathered
}

function fullLook(look: NodeLook, i: number, beside: Beside): FullLook {
  const { found } = look
  if (found === null) return { look, fields: null, word: null, proven: null, machines: [] }
  const { chains, gathered, trust } = beside
  const { served } = found
  const machines = served === null ? [] : chains.machinesFor(served)
  const fields = fieldsOf(found, machines.length, beside)
  const word = wordOf(fields)
  const heard = gathered.nodes[i]?.proof ?? null
  let proven: Proven | null = null
  if (heard !== null && served !== null && gathered.key !== null) {
    // Every private key is truly absent from the public part: its absence there shows nothing.
    proven = isPublicKey(trust.manifest, gathered.key)
      ? provenIn(heard, { key: gathered.key, head: served })
      : { kind: 'unproven', code: 'KEY_NOT_PUBLIC' }
  }
  return { look, fields, word, proven, machines }
}

/** What the state of a genuine node is judged by. */
function fieldsOf(found: FoundNode, machines: number, beside: Beside): StateFields {
  const { chains, heads, memory, trust, gathered } = beside
  const { latest, quoted, served, node } = found
  const before = heads.find(({ checkpoint }) => nodeIdOfKey(checkpoint.node) === node)
  const sequenceMin = before?.checkpoint.sequence ?? 0
  const lastCut = memory.claim === null ? 0 : (claimIn(memory.claim)?.cut ?? 0)
  return {
    forked: chains.isForked(node),
    rolledBack:
      (latest !== null && latest.checkpoint.sequence < sequenceMin) ||
      (served !== null && served.claim.cut < lastCut),
    quoteAgeMs:
      quoted === null || latest === null
        ? null
        : latest.checkpoint.groupClock - quoted.checkpoint.groupClock,
    quoteAgeMaxMs: trust.manifest.join.evidenceAgeMs,
    headAgeMs: headAgeOf(found, gathered.at),
    recovered: served?.recovered === true || latest?.recovered === true,
    differing: served === null ? 0 : chains.differingFrom(served) + contradicted(served, memory),
    machines,
    quorum: trust.manifest.light.quorum,
  }
}

/** 1 if enough machines once signed something else for the same cut. */
function contradicted({ claim, claimKey }: SignedHead, memory: Remembered): number {
  if (memory.claim === null || claimIn(memory.claim)?.cut !== claim.cut) return 0
  return toHex(memory.claim) === claimKey ? 0 : 1
}

/** Whichever of the two heads is further from now. */
function headAgeOf({ latest, served }: FoundNode, at: number): number | null {
  if (latest === null || served === null) return null
  const ages = [at - latest.checkpoint.groupClock, at - served.claim.cut]
  return ages.reduce((far, age) => (Math.abs(age) > Math.abs(far) ? age : far))
}

/** The look with the newest head that is fresh; of those at one cut, one that proves what was asked. */
function newestOf(full: readonly FullLook[]): FullLook | undefined {
  const cutOf = ({ look }: FullLook): number => look.found?.served?.claim.cut ?? 0
  const isProven = ({ proven }: FullLook): number => (proven?.kind === 'proven' ? 1 : 0)
  return full
    .filter(({ word }) => word === 'fresh')
    .toSorted((a, b) => isProven(b) - isProven(a) || cutOf(b) - cutOf(a))[0]
}

/** Forward only. */
function remember(
  full: readonly FullLook[],
  { memory, trust, head, chains, heads }: Beside & { readonly head: FullLook | undefined },
): Remembered {
  const known = new Map(heads.map(each => [nodeIdOfKey(each.checkpoint.node), each]))
  for (const { look } of full) {
    const { node, latest } = look.found ?? { node: null, latest: null }
    if (node === null || latest === null || chains.isForked(node)) continue
    const before = known.get(node)
    known.delete(node)
    const isNewer = (before?.checkpoint.sequence ?? 0) < latest.checkpoint.sequence
    known.set(node, before === undefined || isNewer ? latest : before)
  }
  return {
    network: memory.network,
    manifestNonce: Math.max(memory.manifestNonce, trust.manifest.nonce),
    claim: head?.look.found?.served?.checkpoint.claim ?? memory.claim,
    heads: [...known.values()]
      .slice(-headsMax)
      .map(({ checkpoint }) => checkpointCodec.encode(checkpoint)),
    forked: chains.forked.slice(-headsMax).map(keyOfNodeId),
  }
}
