/** Every stable code that the code can say, read from the source itself: no list to forget a line in. */
import { statusOfCode } from '../../../src/api/errors.ts'
import { adviceOn } from '../../../src/node/refusal-advice.ts'
import { type CustodyCode, refusal } from '../../../src/protocol/custody/refusals.ts'
import { calledName, readTree, type Tree, visit } from '../../law/tree.ts'

/** One code as the source says it; the first place that has a next step speaks for all. */
export interface SaidCode {
  readonly code: string
  /** Whose fault it is; `refusal` for everyday values that are not thrown. */
  readonly kind: string
  /** With `…` where facts stand. */
  readonly sentence: string
  readonly next: string
  /** Of the table of custody, where a code may mean something of its own. */
  readonly isOfCustody?: true
}

const kinds: Readonly<Record<string, string>> = {
  UsageError: 'the caller',
  HostError: 'the machine',
  PeerFault: 'a peer',
  CoterieError: 'the node',
}

/** Functions that make a refusal of a code. */
const refusers = new Set(['refused', 'refusal', 'refuse', 'broken', 'flawed', 'reject'])

const codePattern = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/

type Node = { readonly type: string } & Readonly<Record<string, unknown>>
const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value

/** The text of a literal, template or concatenation; `undefined` for what is computed. */
function textOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'Literal') return typeof node['value'] === 'string' ? node['value'] : undefined
  if (node.type === 'TemplateLiteral') {
    const parts = node['quasis'] as { readonly value: { readonly cooked: string } }[]
    return parts.map(({ value }) => value.cooked).join('…')
  }
  if (node.type !== 'BinaryExpression') return undefined
  const [left, right] = [textOf(node['left']), textOf(node['right'])]
  return left === undefined || right === undefined ? undefined : left + right
}

function propertyOf(node: unknown, name: string): unknown {
  if (!isNode(node) || node.type !== 'ObjectExpression') return undefined
  const properties = node['properties'] as readonly Node[]
  const found = properties.find(property => (property['key'] as Node)?.['name'] === name)
  return found?.['value']
}

/** Rows of a table from code to sentence and next step. */
function explainedIn(properties: readonly unknown[]): readonly SaidCode[] {
  return properties.flatMap(property => {
    if (!isNode(property) || !isNode(property['key'])) return []
    const code = property['key']['name']
    const sentence = textOf(propertyOf(property['value'], 'message'))
    if (typeof code !== 'string' || !codePattern.test(code) || sentence === undefined) return []
    const next = textOf(propertyOf(property['value'], 'next')) ?? ''
    return [{ code, kind: 'the node', sentence, next }]
  })
}

/** Each refusal of custody brings its next step along, out of the one table in this file. */
const custodyTable = 'src/protocol/custody/refusals.ts'

function custodyRow(property: unknown): readonly SaidCode[] {
  const code = isNode(property) && isNode(property['key']) ? property['key']['name'] : undefined
  if (typeof code !== 'string' || !codePattern.test(code)) return []
  const { next } = refusal(code as CustodyCode)
  return [{ code, kind: 'refusal of custody', sentence: '', next, isOfCustody: true }]
}

/** The codes of `tree`, in alphabetic order. */
export function saidCodes(tree: Tree): readonly SaidCode[] {
  const said: SaidCode[] = []
  const add = (given: readonly unknown[], kind: string): void => {
    const [code, sentence] = [textOf(given[0]), textOf(given[1])]
    if (code === undefined || !codePattern.test(code)) return
    const next = textOf(propertyOf(given[2], 'next')) ?? textOf(given[2]) ?? ''
    said.push({ code, kind, sentence: sentence ?? '', next })
  }
  for (const [path, text] of tree) {
    visit(path, text, {
      NewExpression: ({ callee, arguments: given }) => {
        const kind = callee.type === 'Identifier' ? kinds[callee.name] : undefined
        if (kind !== undefined) add(given, kind)
      },
      CallExpression: ({ callee, arguments: given }) => {
        const name = calledName(callee) ?? ''
        if (name === 'apiError') add(given, 'the caller')
        const code = textOf(given[0])
        if (!refusers.has(name) || code === undefined || !codePattern.test(code)) return
        said.push({ code, kind: 'refusal', sentence: '', next: adviceOn(code) })
      },
      ObjectExpression: node => {
        const code = propertyOf(node, 'code')
        const sentence = textOf(propertyOf(node, 'text') ?? propertyOf(node, 'message')) ?? ''
        const found = textOf(code)
        if (found !== undefined && codePattern.test(found)) {
          const next = textOf(propertyOf(node, 'next')) ?? adviceOn(found)
          // Rows with a message are thrown: in the host's rooms, of its machine.
          const isThrown = path.startsWith('src/host/') && propertyOf(node, 'message') !== undefined
          said.push({ code: found, kind: isThrown ? 'the machine' : 'refusal', sentence, next })
        }
        for (const row of explainedIn(node.properties)) said.push(row)
        if (path === custodyTable) said.push(...node.properties.flatMap(custodyRow))
      },
    })
  }
  const byCode = Map.groupBy(said, ({ code }) => code)
  return [...byCode.values()]
    .flatMap(meaningsOf)
    .toSorted((left, right) => (left.code < right.code ? -1 : 1))
}

/** One line for a code; two where custody means by it what nobody else does. */
function meaningsOf(all: readonly SaidCode[]): readonly SaidCode[] {
  const custody = all.find(({ isOfCustody }) => isOfCustody)
  const others = all.filter(said => said !== custody)
  const [first] = others
  if (first === undefined) return custody === undefined ? [] : [custody]
  const spoken = others.find(({ sentence }) => sentence !== '') ?? first
  const next = others.find(({ next }) => next !== '')?.next
  const isElsewhere = next !== undefined || spoken.sentence !== ''
  if (custody === undefined) return [{ ...spoken, next: next ?? '' }]
  return isElsewhere && next !== custody.next
    ? [{ ...spoken, next: next ?? '' }, custody]
    : [custody]
}

export function errorsPage(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  const statuses: Readonly<Record<string, number>> = statusOfCode
  const rows = saidCodes(readTree(/^(src|testnet)\/.*\.ts$/)).map(
    ({ code, kind, sentence, next }) =>
      `| \`${code}\` | ${kind} | ${statuses[code] ?? ''} | ${cell(sentence)} | ${cell(next)} |`,
  )
  return [
    '# Codes of errors and refusals',
    '',
    'Generated from the source by `npm run reference`; a test finds drift. Codes are stable, sentences are not; `…` stands for facts.',
    'A *refusal* is an everyday no that is not thrown. Without a status of its own, an error of the caller is HTTP 400, of a peer',
    '422, of the machine 503.',
    '',
    '| code | blames | HTTP | sentence | next step |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
