/** What the package exports, with what each thing is for: so that a change of a public face is seen. */
import { posix } from 'node:path'
import { parse, readTree, type Tree } from '../../law/tree.ts'

/** One name that an import from the package finds. */
export interface PublicName {
  readonly name: string
  readonly kind: string
  /** Where it is declared. */
  readonly path: string
  /** The first sentence of its docstring; empty if it has none. */
  readonly about: string
}

/** What is imported by which name. */
export const faces = {
  coterie: 'src/index.ts',
  'coterie/attestation': 'src/attestation.ts',
  'coterie/light': 'src/light.ts',
  'coterie/light/libp2p': 'src/light-libp2p.ts',
} as const

/** The public names of one face of `tree`, in alphabetic order. */
export function publicNames(tree: Tree, face: string): readonly PublicName[] {
  const { program } = parse(face, tree.get(face) ?? '')
  const names = program.body.flatMap(statement => {
    if (statement.type !== 'ExportNamedDeclaration' || statement.source === null) return []
    const path = posix.join(posix.dirname(face), statement.source.value)
    return statement.specifiers.flatMap(({ local }) =>
      local.type === 'Identifier' ? [declared(tree, path, local.name)] : [],
    )
  })
  return names.toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

const kinds: Readonly<Record<string, string>> = {
  ClassDeclaration: 'class',
  FunctionDeclaration: 'function',
  TSInterfaceDeclaration: 'interface',
  TSTypeAliasDeclaration: 'type',
  VariableDeclaration: 'value',
}

function declared(tree: Tree, path: string, name: string): PublicName {
  const text = tree.get(path) ?? ''
  const { program, comments } = parse(path, text)
  for (const statement of program.body) {
    if (statement.type !== 'ExportNamedDeclaration' || statement.declaration === null) continue
    const { declaration } = statement
    const id = 'id' in declaration ? declaration.id : declaration.declarations?.[0]?.id
    if (id === null || id?.type !== 'Identifier' || id.name !== name) continue
    const before = comments.findLast(({ end }) => end <= statement.start)
    const isOwn = before !== undefined && text.slice(before.end, statement.start).trim() === ''
    const doc = isOwn && before.value.startsWith('*') ? before.value : ''
    return { name, kind: kinds[declaration.type] ?? declaration.type, path, about: sentence(doc) }
  }
  throw new Error(`${path} does not declare ${name}`)
}

/** The first paragraph of a docstring on one line. */
export function sentence(doc: string): string {
  const lines = doc.split('\n').map(line => line.replace(/^\s*\*+ ?/, '').trim())
  const begun = lines.slice(lines.findIndex(line => line !== ''))
  const end = begun.findIndex(line => line === '' || line.startsWith('@'))
  return begun
    .slice(0, end < 0 ? undefined : end)
    .join(' ')
    .trim()
}

export function libraryPage(): string {
  return [
    '# The library',
    '',
    'Generated from the source by `npm run reference`; a test finds drift. What is not named here may change at any time.',
    '',
    ...sectionOf(
      'coterie',
      'A node, for programs inside the TEE, and clients of one. Runs on Node.',
    ),
    ...sectionOf('coterie/attestation', 'Verification alone: runs in browsers as well.'),
    ...sectionOf(
      'coterie/light',
      'Light clients: what a network committed to, for who trusts none of its nodes. In browsers as well.',
    ),
    ...sectionOf(
      'coterie/light/libp2p',
      'Sources of a light client that are dialled over libp2p. Runs on Node.',
    ),
  ].join('\n')
}

function sectionOf(name: keyof typeof faces, about: string): readonly string[] {
  const rows = publicNames(readTree(/^src\/.*\.ts$/), faces[name]).map(
    ({ name, kind, about }) => `| \`${name}\` | ${kind} | ${about.replaceAll('|', '\\|')} |`,
  )
  return [`## \`${name}\``, '', about, '', '| name | kind | is |', '|---|---|---|', ...rows, '']
}
