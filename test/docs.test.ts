import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commandPaths } from '../src/cli/command-paths.ts'
import { programWith } from '../src/cli/program.ts'
import { custodyDomains } from '../src/wire/custody-domains.ts'
import { domains } from '../src/wire/domains.ts'
import { citedTests, commandOffences, deadLinks, stringsOf, testNames } from './law/docs.ts'
import { readTree, top } from './law/tree.ts'

const docs = readTree(/^(docs\/.*|README)\.md$/)
const tests = readTree(/^test\/.*\.ts$/)
const checks = readTree(/^testnet\/.*\.ts$/)
const pathOf = (name: string): string => docs.get(name) ?? ''

test('every attack of the threat model names a test, and every test that it names exists', () => {
  const cited = citedTests(pathOf('docs/THREAT_MODEL.md'))
  expect(cited.length).toBeGreaterThan(40)
  const names = testNames(tests)
  const checkNames = stringsOf(checks)
  const missing = cited.filter(({ test: name }) =>
    name.startsWith('check:') ? !checkNames.has(name.slice('check:'.length)) : !names.has(name),
  )
  expect(missing).toEqual([])
})

test('every link between documents leads somewhere', () => {
  expect(deadLinks(docs, path => existsSync(top + path))).toEqual([])
})

test('every command that a document tells people to type exists, with all its flags', async () => {
  const paths = commandPaths(await programWith(() => true))
  expect(commandOffences(docs, paths)).toEqual([])
  const planted = [
    '# Page',
    '```sh',
    'coterie policy diff a.json --url "$NODE"   # a remark',
    'coterie policy dif a.json',
    'coterie status --loud',
    'npm run x',
    '```',
    'coterie nowhere',
    'Run `coterie log audit verify` or `coterie log audit check`, `coterie doctor --peer` or `coterie members --att`.',
  ].join('\n')
  expect(commandOffences(new Map([['docs/a.md', planted]]), paths)).toEqual([
    'docs/a.md: coterie policy dif a.json',
    'docs/a.md: coterie status --loud',
    'docs/a.md: coterie log audit check',
    'docs/a.md: coterie members --att',
  ])
})

test('every document that the code refers to exists', () => {
  const sources = [...readTree(/^(src|testnet)\/.*\.ts$/)]
  const missing = sources.flatMap(([path, text]) =>
    [...text.matchAll(/docs\/[\w/.-]+\.md/g)]
      .filter(([document]) => !docs.has(document))
      .map(([document]) => `${path}: ${document}`),
  )
  expect(missing).toEqual([])
})

test('every decision is in the index', () => {
  const index = pathOf('docs/decisions/README.md')
  const decisions = [...docs.keys()].filter(path => /^docs\/decisions\/\d/.test(path))
  expect(decisions.length).toBeGreaterThan(0)
  for (const path of decisions) expect(index).toContain(path.replace('docs/decisions/', ''))
})

test('every domain-separation tag is specified', () => {
  const spec = [...docs].filter(([path]) => path.startsWith('docs/spec/')).map(([, text]) => text)
  const tags = [...Object.values(domains), ...Object.values(custodyDomains)]
  expect(new Set(tags).size).toBe(tags.length)
  const unspecified = tags.filter(tag => !spec.join('\n').includes(tag))
  expect(unspecified).toEqual([])
})

test('the changelog has an unreleased section and known headings', () => {
  const changelog = pathOf('docs/CHANGELOG.md')
  expect(changelog).toContain('## [Unreleased]')
  const headings = [...changelog.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading)
  const known = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']
  expect(headings.filter(heading => !known.includes(heading ?? ''))).toEqual([])
})

test('a cited test that does not exist, and an attack without a test, would be found', () => {
  const markdown = [
    '| boundary | attack | what stops it | test |',
    '|---|---|---|---|',
    '| link | replay | window | `a real one`, `an invented one` |',
    '| link | relay | binder | none yet |',
  ].join('\n')
  const source = `test('a real one', () => {}); test.each([1])('each %i', () => {}); test.runIf(x)(\`t \${y}\`, f)`
  const names = testNames(new Map([['test/a.test.ts', source]]))
  expect([...names]).toEqual(['a real one', 'each %i', 't …'])
  const missing = citedTests(markdown).filter(({ test: name }) => !names.has(name))
  expect(missing).toEqual([
    { attack: 'replay', test: 'an invented one' },
    { attack: 'relay', test: '' },
  ])
})

test('a dead link would be found', () => {
  const planted = new Map([['docs/a/b.md', '[x](../c.md) [y](d.md#e) [z](https://example.org)']])
  expect(deadLinks(planted, path => path === 'docs/c.md')).toEqual(['docs/a/b.md: d.md'])
})
