import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readTree, top } from './law/tree.ts'
import { publicNames } from './tools/reference/library.ts'
import { referencePages } from './tools/reference/pages.ts'

const pages = [...referencePages()]

test.each(pages)('%s says what the code says: npm run reference writes it', (path, text) => {
  expect(readFileSync(top + path, 'utf8')).toBe(text)
})

test('every public name of the library has a docstring', () => {
  const names = publicNames(readTree(/^src\/.*\.ts$/))
  expect(names.length).toBeGreaterThan(25)
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
  expect(publicNames(tree)).toEqual([
    { name: 'Told', kind: 'interface', path: 'src/a.ts', about: 'Told of this.' },
    { name: 'bare', kind: 'value', path: 'src/a.ts', about: '' },
  ])
})
