import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { statusOfCode } from '../src/api/errors.ts'
import { readTree, top } from './law/tree.ts'
import { saidCodes } from './tools/reference/errors.ts'
import { faces, publicNames } from './tools/reference/library.ts'
import { referencePages } from './tools/reference/pages.ts'

const pages = [...(await referencePages())]

test.each(pages)('%s says what the code says: npm run reference writes it', (path, text) => {
  expect(readFileSync(top + path, 'utf8')).toBe(text)
})

test.each(Object.values(faces))('every public name of %s has a docstring', face => {
  const names = publicNames(readTree(/^src\/.*\.ts$/), face)
  expect(names.length).toBeGreaterThan(5)
  expect(names.filter(({ about }) => about === '').map(({ name }) => name)).toEqual([])
})

test('a public name without a docstring would be found, a comment of the line before is none', () => {
  const tree = new Map([
    ['src/index.ts', "export { bare, type Told } from './a.ts'\n"],
    [
      'src/a.ts',
      '/** Of another. */\nconst other = 1\nexport const bare = other\n/**\n * Told of\n * this.\n */\nexport interface Told {}\n',
    ],
  ])
  expect(publicNames(tree, 'src/index.ts')).toEqual([
    { name: 'Told', kind: 'interface', path: 'src/a.ts', about: 'Told of this.' },
    { name: 'bare', kind: 'value', path: 'src/a.ts', about: '' },
  ])
})

test('every code with a status of its own is said somewhere with its sentence', () => {
  const said = saidCodes(readTree(/^(src|testnet)\/.*\.ts$/))
  expect(said.length).toBeGreaterThan(100)
  const spoken = new Set(said.filter(({ sentence }) => sentence !== '').map(({ code }) => code))
  const unsaid = Object.keys(statusOfCode).filter(code => !spoken.has(code))
  expect(unsaid).toEqual([])
})

test('a code that is thrown with its sentence and next step is found, a computed one is not', () => {
  const source = `
    throw new UsageError('BAD_X', \`\${x} is bad.\`, { next: 'Use ' + 'another.', cause })
    throw new HostError(code, 'computed')
    const no = { code: 'BUSY', facts: {} }
    const table = { LATE: { message: 'Too late.', next: 'Hurry.' } }`
  expect(saidCodes(new Map([['src/a.ts', source]]))).toEqual([
    { code: 'BAD_X', kind: 'the caller', sentence: '… is bad.', next: 'Use another.' },
    { code: 'BUSY', kind: 'refusal', sentence: '', next: '' },
    { code: 'LATE', kind: 'the node', sentence: 'Too late.', next: 'Hurry.' },
  ])
})
