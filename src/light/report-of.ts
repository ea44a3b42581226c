/** A report of what was found, for people and for programs. */
import { base64 } from '@scure/base'
import type { Check } from '../attestation/checks.ts'
import type { Refusal } from '../attestation/verdict.ts'
import { toHex } from '../base/bytes.ts'
import type { NodeId } from '../base/ids.ts'
import { rootOfClaim } from '../wire/checkpoint.ts'
import type { ProvenContent } from '../wire/proven-content.ts'
import type { SignedHead } from './checkpoints.ts'
import type { Gathered } from './gathered.ts'
import type { Pin } from './link.ts'
import type { NodeLook, Voice } from './node-look.ts'
import type { Proven } from './proof.ts'
import type { HeadView, LightReport, NodeView, ValueView } from './report.ts'
import { type StateFields, type StateWord, worstOf } from './state-word.ts'
import type { Trust } from './trust.ts'

/** A look with what the other looks make of it. */
export interface FullLook {
  readonly look: NodeLook
  readonly fields: StateFields | null
  readonly word: StateWord | null
  /** `null` if nothing was asked. */
  readonly proven: Proven | null
  /** That signed what the node serves. */
  readonly machines: readonly Voice[]
}

interface Found {
  readonly gathered: Gathered
  readonly trust: Trust
  /** Whose head counts. */
  readonly head: FullLook | undefined
  readonly forked: readonly NodeId[]
}

/** The report of looks at a network that the pin and its manifest name. */
export function reportOf(full: readonly FullLook[], found: Found): LightReport {
  const { gathered, trust, head } = found
  const { key, at } = gathered
  const nodes = full.map(each => viewOf(each, key))
  const value = nodes.find(({ source }) => source === head?.look.source)?.value ?? null
  return {
    ...conclusionOf(full, { ...found, isKeyProven: key === null || value !== null }),
    state: found.forked.length > 0 ? 'fork' : worstOf(full.flatMap(({ word }) => word ?? [])),
    simulated: trust.policy.testnet,
    at: isoOf(at),
    network: trust.network,
    manifest: { hash: trust.hash, nonce: trust.manifest.nonce },
    policy: trust.policy.digest,
    head: head === undefined ? null : headView(head),
    nodes,
    value,
    ...wordsOf(nodes, trust),
  }
}

/** The report where no manifest is to be believed: nobody was looked at. */
export function unpinnedReport(
  { code, facts }: Refusal,
  { gathered, pin }: { readonly gathered: Gathered; readonly pin: Pin },
): LightReport {
  const isAbsent = gathered.manifests.length === 0
  const reason = typeof facts['reason'] === 'string' ? ` ${facts['reason']}` : ''
  return {
    verdict: isAbsent ? 'undetermined' : 'refused',
    code: isAbsent ? 'MANIFEST_MISSING' : code,
    sentence: isAbsent
      ? 'No node gave the manifest that says whom to believe.'
      : `The manifest that was given is not the pinned one, nor one that follows from it.${reason}`,
    state: null,
    simulated: false,
    at: isoOf(gathered.at),
    network: pin.network,
    ...{ manifest: null, policy: null, head: null, value: null },
    ...{ nodes: [], trusts: [], provesNot: [] },
  }
}

type Conclusion = Pick<LightReport, 'verdict' | 'code' | 'sentence'>

/** The verdict: the worst of the nodes, then the state, then the key. */
function conclusionOf(
  full: readonly FullLook[],
  { forked, isKeyProven, trust }: Found & { readonly isKeyProven: boolean },
): Conclusion {
  const [liar] = forked
  if (liar !== undefined) {
    const sentence = `${liar} signed two things that cannot both be true: nothing that it says counts.`
    return { verdict: 'refused', code: 'STATE_FORK', sentence }
  }
  const lie = full.find(({ proven }) => proven?.kind === 'false')
  if (lie?.proven?.kind === 'false') {
    const sentence = `${lie.look.source} gave a proof that does not hold.`
    return { verdict: 'refused', code: lie.proven.code, sentence }
  }
  for (const verdict of ['refused', 'undetermined'] as const) {
    const { look } = full.find(each => each.look.verdict === verdict) ?? {}
    if (look !== undefined) {
      return { verdict, code: look.code, sentence: `${look.source}: ${look.sentence}` }
    }
  }
  const word = worstOf(full.flatMap(each => each.word ?? []))
  if (word === null) {
    return { verdict: 'undetermined', code: 'NOBODY_ASKED', sentence: 'No node was asked.' }
  }
  if (word !== 'fresh') {
    const code = `STATE_${word.toUpperCase().replaceAll(' ', '_')}`
    return { verdict: 'undetermined', code, sentence: sentences[word] }
  }
  if (isKeyProven) {
    const sentence = trust.policy.testnet ? freshSimulated : sentences.fresh
    return { verdict: 'trusted', code: 'TRUSTED', sentence }
  }
  const sentence = 'No node proved what the key holds under a state that enough machines signed.'
  return { verdict: 'undetermined', code: 'VALUE_NOT_PROVEN', sentence }
}

const freshSimulated =
  'Every node asked is what the manifest admits, on simulated TEEs that protect nothing, and enough of them committed to this state just now.'

const sentences: Readonly<Record<StateWord, string>> = {
  fresh: 'Every node asked is genuine, and enough machines committed to this state just now.',
  degraded: 'Fewer machines than the manifest wants committed to this state.',
  isolated: 'Nobody but the node itself committed to this state.',
  'not converged': 'Nodes committed to different states for the same moment.',
  recovered: 'The state came back from a backup: what was written last may be missing.',
  stale: 'What the nodes committed to is not of now, or older than what was seen before.',
  fork: 'A node signed two things that cannot both be true.',
}

function viewOf({ look, fields, word, proven, machines }: FullLook, key: string | null): NodeView {
  const { source, verdict, code, sentence, node, inspection, found, checks } = look
  const head = found?.served == null ? null : viewOfHead(found.served, machines)
  return {
    ...{ source, verdict, code, sentence, node },
    instance: found?.instance ?? null,
    platform: look.platform,
    state: word,
    fields,
    head,
    checks: [...checks, ...proofChecks(proven)],
    inspection,
    value:
      word === 'fresh' && proven?.kind === 'proven' && head !== null && key !== null
        ? { key, cut: head.cut, content: contentView(proven.content) }
        : null,
  }
}

function proofChecks(proven: Proven | null): readonly Check[] {
  if (proven === null) return []
  if (proven.kind === 'proven') {
    return [
      {
        id: 'proof',
        outcome: 'pass',
        why: 'what the key holds is part of what the node committed to',
      },
    ]
  }
  const why = `what the key holds is not shown (${proven.code})`
  return [{ id: 'proof', outcome: proven.kind === 'false' ? 'fail' : 'skipped', why }]
}

function headView({ look, machines }: FullLook): HeadView | null {
  return look.found?.served == null ? null : viewOfHead(look.found.served, machines)
}

function viewOfHead({ claim }: SignedHead, machines: readonly Voice[]): HeadView {
  return {
    cut: isoOf(claim.cut),
    root: toHex(rootOfClaim(claim)),
    signers: machines.map(({ node, instance, head }) => {
      return { node, instance, sequence: head.checkpoint.sequence }
    }),
  }
}

function contentView(content: ProvenContent | null): ValueView['content'] {
  switch (content?.kind) {
    case undefined:
      return null
    case 'register':
      return { kind: 'register', value: base64.encode(content.value) }
    case 'set':
      return { kind: 'set', elements: content.elements.map(bytes => base64.encode(bytes)) }
    case 'multi':
      return { kind: 'multi', values: content.values.map(bytes => base64.encode(bytes)) }
    case 'counter':
      return { kind: 'counter', value: String(content.value) }
  }
}

function wordsOf(
  nodes: readonly NodeView[],
  { manifest }: Trust,
): Pick<LightReport, 'trusts' | 'provesNot'> {
  const inspections = nodes.flatMap(({ inspection }) => inspection ?? [])
  const { quorum } = manifest.light
  const together =
    quorum === 1
      ? 'Each machine that the manifest admits: one of them suffices for a state to be believed.'
      : `That no ${quorum} machines that the manifest admits lie together about the state.`
  const alone =
    nodes.length > 1 ? [] : ['That other nodes would have answered the same: only one was asked.']
  const later = 'That what was written since then is in it: a state is shown as it was at its cut.'
  return {
    trusts: once([...inspections.flatMap(({ trusts }) => trusts), together]),
    provesNot: once([...inspections.flatMap(({ provesNot }) => provesNot), later, ...alone]),
  }
}

const once = (sentences: readonly string[]): readonly string[] => [...new Set(sentences)]

/** Group clocks are below 2^53 and may be none of a calendar. */
const calendarMax = 8.64e15

function isoOf(ms: number): string {
  return ms <= calendarMax ? new Date(ms).toISOString() : String(ms)
}
