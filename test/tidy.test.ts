import { describe, expect, test } from 'vitest'
import { lockOffences, packageOffences } from './law/packages.ts'
import {
  foreignWordOffences,
  languageOffences,
  lengthOffences,
  nameOffences,
  topLevelOffences,
  unlockedPackages,
  unreachableFiles,
} from './law/tidy.ts'
import { readTree, repositoryFiles, type Tree } from './law/tree.ts'

const source = readTree(/^(src|test|testnet)\/.*\.tsx?$/)
const production = new Map([...source].filter(([path]) => !path.startsWith('test/')))

/** What is started and not imported: by people, by npm, by vitest, as a process of a testnet or within one. */
const productionEntries = [
  /^src\/(index|attestation|light|light-libp2p)\.ts$/,
  /^src\/cli\/main\.ts$/,
  // Named by its document.
  /^src\/web\/[^/]+\/main\.tsx$/,
  /^testnet\/(follow-parent|shifted-clock|vital-signs)\.ts$/,
  /^testnet\/adversaries\/[^/]+\.ts$/,
  /^testnet\/container\/(door|prepare)\.ts$/,
]
const testEntries = [
  /\.(test|sim|soak|custody|fuzz|mutations?)\.ts$/,
  /\.config\.ts$/,
  // Named by the configurations.
  /^test\/property-seed\.ts$/,
  /^test\/(bench|tools)\/[^/]+\.ts$/,
]

test('files and functions are short', () => {
  expect(lengthOffences(source)).toEqual([])
})

test('names are nouns of the field, in kebab-case', () => {
  expect(nameOffences(source.keys())).toEqual([])
})

test('no any, default export, enum, namespace, non-null mark, console or unfinished note', () => {
  expect(languageOffences(source)).toEqual([])
})

test('every file of production is reached from an entry point', () => {
  expect(unreachableFiles(production, productionEntries)).toEqual([])
})

test('every file of the tests is reached from a test', () => {
  const unreached = unreachableFiles(source, [...productionEntries, ...testEntries])
  expect(unreached.filter(path => path.startsWith('test/'))).toEqual([])
})

test('the top level holds what is prescribed and dot-files', () => {
  expect(topLevelOffences(repositoryFiles())).toEqual([])
})

test('the lockfile names every package of every platform, or `npm ci` refuses it', () => {
  expect(unlockedPackages(readTree(/^package-lock\.json$/).get('package-lock.json') ?? '')).toEqual(
    [],
  )
  const planted = { packages: { 'node_modules/a': { optionalDependencies: { 'a-win': '1.0.0' } } } }
  expect(unlockedPackages(JSON.stringify(planted))).toEqual(['a-win of node_modules/a'])
})

test('what is published depends on exactly what it imports, in exactly one version each', () => {
  const manifest = readTree(/^package\.json$/).get('package.json') ?? ''
  // What a page imports is built into it.
  const installed = new Map([...production].filter(([path]) => !path.startsWith('src/web/')))
  expect(packageOffences(manifest, installed)).toEqual([])
  const loose = JSON.stringify({
    dependencies: { idle: '1.0.0' },
    devDependencies: { b: '^2.0.0' },
  })
  expect(packageOffences(loose, planted('src/a.ts', "import '@a/b/c'"))).toEqual([
    'idle: nothing imports it',
    '@a/b: imported and not in dependencies',
    'b: ^2.0.0 is not one version',
  ])
})

test('every package of the lock is installed by its digest, but for tools of platforms that run no node', () => {
  // The registry that the lock was made with holds these for Linux with glibc alone, so their digests are not known.
  const excused = ['@biomejs/cli-', '@oxc-parser/binding-']
  const lock = readTree(/^package-lock\.json$/).get('package-lock.json') ?? ''
  expect(lockOffences(lock, excused)).toEqual([])
  const tool = { dev: true, optional: true }
  const packages = {
    '': {},
    'node_modules/checked': { integrity: 'sha512-x' },
    'node_modules/unchecked': { dev: true },
    'node_modules/a/node_modules/@tool/cli-linux-x64': { ...tool, os: ['linux'], cpu: ['x64'] },
    'node_modules/@tool/cli-linux-ppc64': { ...tool, os: ['linux'], cpu: ['ppc64'] },
    'node_modules/@tool/cli-any': tool,
    'node_modules/@tool/cli-win32': { os: ['win32'] },
  }
  expect(lockOffences(JSON.stringify({ packages }), ['@tool/cli-', '@gone/cli-'])).toEqual([
    'unchecked: no integrity',
    '@tool/cli-linux-x64: no integrity',
    '@tool/cli-any: no integrity',
    '@tool/cli-win32: no integrity',
    '@gone/cli-: needs no excuse',
  ])
})

test('the project speaks of itself alone', () => {
  const law = /^test\/(law\/tidy|tidy\.test)\.ts$/
  const everything = readTree(/\.(tsx?|md|json|cjs|js|css|html)$|^\.ci\/|^\.[^/]+$/)
  const texts = [...everything].filter(
    ([path]) =>
      !law.test(path) && path !== 'package-lock.json' && !path.startsWith('test/vectors/'),
  )
  expect(foreignWordOffences(new Map(texts))).toEqual([])
})

const planted = (path: string, text: string): Tree => new Map([[path, text]])

describe('a planted offence is found', () => {
  test('a long file, a long function', () => {
    const lines = (count: number): string => 'f()\n'.repeat(count)
    const suite = `describe('x', () => {\n${"test('y', f)\n".repeat(60)}})`
    expect(lengthOffences(planted('src/a.ts', lines(400)))).toEqual([])
    expect(lengthOffences(planted('src/a.ts', lines(401)))).toHaveLength(1)
    expect(lengthOffences(planted('src/a.ts', `function g() {\n${lines(58)}}`))).toEqual([])
    expect(lengthOffences(planted('src/a.ts', `function g() {\n${lines(59)}}`))).toHaveLength(1)
    expect(lengthOffences(planted('src/a.ts', `const g = () => {\n${lines(59)}}`))).toHaveLength(1)
    expect(lengthOffences(planted('src/a.ts', `class G { h() {\n${lines(59)}} }`))).toHaveLength(1)
    expect(lengthOffences(planted('a.ts', `test('x', () => {\n${lines(59)}})`))).toHaveLength(1)
    expect(lengthOffences(planted('a.ts', suite))).toEqual([])
  })

  test.each([
    'src/utils/hex.ts',
    'src/base/helpers.ts',
    'src/base/byte-utils.ts',
    'src/host/net/index.ts',
    'src/node/dial-manager.ts',
    'src/node/common.ts',
    'src/node/camelCase.ts',
    'src/node/snake_case.ts',
  ])('the name %s', path => {
    expect(nameOffences([path])).toHaveLength(1)
  })

  test.each([
    'const a = b as any',
    'let a: Record<string, any>',
    'export default 3',
    'enum A { B }',
    'namespace A { export const b = 1 }',
    'class A { constructor(private b: number) {} }',
    'const a = b!.c',
    'console.log(1)',
    '// TODO later',
  ])('the source %s', text => {
    expect(languageOffences(planted('src/node/a.ts', text))).toHaveLength(1)
  })

  test('a file that nobody imports, also if a dead file imports it', () => {
    const tree = new Map([
      [
        'src/index.ts',
        `export * from './a.ts'; import('./d.ts'); new URL('./e.ts', import.meta.url)`,
      ],
      ['src/a.ts', `import '#crypto/aead'`],
      ['src/crypto/aead.node.ts', ''],
      ['src/crypto/aead.web.ts', ''],
      ['src/d.ts', ''],
      ['src/e.ts', ''],
      ['src/b.ts', `import './c.ts'`],
      ['src/c.ts', ''],
    ])
    expect(unreachableFiles(tree, [/^src\/index\.ts$/])).toEqual(['src/b.ts', 'src/c.ts'])
  })

  test('a stranger at the top', () => {
    const paths = ['src/a.ts', '.ci/run', 'README.md', 'vitest.config.ts', 'scripts/x.sh']
    expect(topLevelOffences(paths)).toEqual(['vitest.config.ts', 'scripts'])
  })

  test.each([
    'see issue 3',
    'as issue #12 says',
    'fixes #7',
    'in /work/main',
    'in the next session',
    'DESIGN section 9',
    'see reference/libp2p.md',
    'Intel (reference §4.4)',
    'from registry.example.org',
  ])('the words %s', text => {
    expect(foreignWordOffences(planted('docs/a.md', text))).toHaveLength(1)
  })
})

test('an offence on a later line is told with its line', () => {
  expect(languageOffences(planted('src/a.ts', 'const a = 1\n\nexport default a'))).toEqual([
    'src/a.ts:3: default export',
  ])
})
