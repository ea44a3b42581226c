/** What the page says, chosen from a report. Pure, and the only place of the page where words are chosen. */
import type { Check } from '../../attestation/checks.ts'
import type { HeadView, LightReport, NodeView, ValueView } from '../../light/report.ts'
import type { StateWord } from '../../light/state-word.ts'

/** How a line looks; its mark and its word say the same without colour. */
export type Tone = 'good' | 'warning' | 'bad' | 'calm' | 'simulated'

/** The answer in one word. Simulated hardware protects nothing, so it never reads like the real one. */
export interface Answer {
  readonly tone: Tone
  readonly word: string
}

export function answerOf({
  verdict,
  simulated,
}: Pick<LightReport, 'verdict' | 'simulated'>): Answer {
  if (verdict === 'refused') return { tone: 'bad', word: 'Refused' }
  if (verdict === 'undetermined') return { tone: 'warning', word: 'Undetermined' }
  return simulated
    ? { tone: 'simulated', word: 'Simulated, not protected' }
    : { tone: 'good', word: 'Trusted' }
}

/** As `answerOf`, of one node. */
export function answerOfNode({
  verdict,
  platform,
}: Pick<NodeView, 'verdict' | 'platform'>): Answer {
  return answerOf({ verdict, simulated: platform === 'simulated' })
}

const stateTones: Readonly<Record<StateWord, Tone>> = {
  fresh: 'good',
  degraded: 'warning',
  isolated: 'warning',
  'not converged': 'warning',
  recovered: 'warning',
  stale: 'bad',
  fork: 'bad',
}

export function toneOfState(word: StateWord | null): Tone {
  return word === null ? 'calm' : stateTones[word]
}

export function toneOfCheck({ outcome }: Pick<Check, 'outcome'>): Tone {
  return { pass: 'good', fail: 'bad', skipped: 'calm' }[outcome] as Tone
}

/** `all 12 checks passed`, `9 passed, 1 failed, 2 not asked`. */
export function tally(checks: readonly Check[]): string {
  const count = (outcome: Check['outcome']): number =>
    checks.filter(check => check.outcome === outcome).length
  const [passed, failed, skipped] = [count('pass'), count('fail'), count('skipped')]
  if (passed === checks.length) return `all ${passed} checks passed`
  const parts = [`${passed} passed`]
  if (failed > 0) parts.push(`${failed} failed`)
  if (skipped > 0) parts.push(`${skipped} not asked`)
  return parts.join(', ')
}

/** All that was asked of a node, the evidence after what is around it. */
export function checksOf({ checks, inspection }: NodeView): readonly Check[] {
  return [...checks, ...(inspection?.checks ?? [])]
}

/** Nodes that committed to the same state, largest group first: more than one group is a disagreement. */
export interface Camp {
  readonly root: string
  readonly cut: string
  readonly sources: readonly string[]
}

/** The states that the nodes asked committed to. Of different moments, roots may differ; of one, they may not. */
export function campsOf(nodes: readonly NodeView[]): readonly Camp[] {
  const heads = nodes.flatMap(({ head, source }) => (head === null ? [] : [{ head, source }]))
  const camps = Map.groupBy(heads, ({ head }) => `${head.cut} ${head.root}`)
  return [...camps.values()]
    .flatMap(camp => {
      const [first] = camp
      if (first === undefined) return []
      const { root, cut } = first.head
      return [{ root, cut, sources: camp.map(({ source }) => source) }]
    })
    .toSorted((left, right) => right.sources.length - left.sources.length)
}

/**
 * Whether somebody committed to another state for one moment. By the fields of the report and not by the camps: nodes may differ in what they signed
 * last while they still show what they signed before.
 */
export function disagree(nodes: readonly Pick<NodeView, 'fields'>[]): boolean {
  return nodes.some(({ fields }) => fields !== null && fields.differing > 0)
}

export function signersText({ signers }: HeadView): string {
  const machines = new Set(signers.map(({ instance }) => instance)).size
  return `${machines} ${machines === 1 ? 'machine' : 'machines'} signed it`
}

export function contentText(content: ValueView['content']): string {
  switch (content?.kind) {
    case undefined:
      return 'nothing: that it holds nothing is proven'
    case 'register':
      return textOf(content.value)
    case 'counter':
      return content.value
    case 'set':
      return content.elements.map(textOf).join('\n')
    case 'multi':
      return content.values.map(textOf).join('\n')
  }
}

/** Bytes as text where they are text, else as Base64 and said so. */
function textOf(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0))
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    // Control characters could paint over what stands beside them.
    if (!/[\p{Cc}\p{Cf}]/u.test(text)) return text
  } catch {
    // Not text: shown as it came.
  }
  return `${base64} (Base64)`
}

/** The command that makes the same check from a shell. */
export function commandOf(asked: {
  readonly link: string
  readonly sources: readonly string[]
  readonly key: string
}): string {
  const command =
    asked.key === ''
      ? ['coterie', 'verify', ...asked.sources]
      : ['coterie', 'light', 'get', asked.key, ...asked.sources.flatMap(url => ['--from', url])]
  return [...command, '--link', asked.link].map(quoted).join(' ')
}

/** A word of a POSIX shell that says exactly this. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
