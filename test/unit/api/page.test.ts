import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Route, routes } from '../../../src/api/contract.ts'
import { statusOfCode } from '../../../src/api/errors.ts'

const page = readFileSync(new URL('../../../docs/spec/api.md', import.meta.url), 'utf8')
const rows = page.split('\n').filter(line => line.startsWith('| '))

test('the page of the API names every route with who may call it, and no other', () => {
  const table: readonly Route[] = Object.values(routes)
  const said = rows.flatMap(row => {
    const [, method, path, access] = /^\| `(\w+) ([^?`]+)[^`]*` \| (\w+) \|/.exec(row) ?? []
    return method === undefined ? [] : [`${method} ${path} ${access}`]
  })
  expect(said.sort()).toEqual(
    table.map(({ method, path, access }) => `${method} ${path} ${access}`).sort(),
  )
})

test('the page of the API gives every code its status', () => {
  const said = new Map(
    rows.flatMap(row => {
      const status = /^\| (\d{3}) \|/.exec(row)?.[1]
      return [...row.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => [code, Number(status)] as const)
    }),
  )
  expect(Object.fromEntries([...said].sort())).toEqual(
    Object.fromEntries(Object.entries(statusOfCode).sort()),
  )
})
