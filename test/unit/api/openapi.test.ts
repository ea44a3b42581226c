import { base64 } from '@scure/base'
import { expect, test } from 'vitest'
import type { z } from 'zod'
import { type Answer, type Route, type RouteName, routes } from '../../../src/api/contract.ts'
import { custodyRoutes } from '../../../src/api/custody-contract.ts'
import { statusOfCode } from '../../../src/api/errors.ts'
import { routeExamples } from '../../../src/api/examples.ts'
import { errorsOf, openApi } from '../../../src/api/openapi.ts'
import { fromHex, utf8 } from '../../../src/base/bytes.ts'
import { provenContent } from '../../../src/wire/proven-content.ts'
import { decodeKeyProof } from '../../../src/wire/state-proof.ts'
import { raw, served } from './served.ts'

interface Operation {
  readonly operationId: string
  readonly requestBody?: unknown
  readonly security?: unknown
  readonly responses: Readonly<Record<string, { readonly 'x-codes'?: readonly string[] }>>
}

const rows = Object.entries(routes) as [RouteName, Route][]

test('every example has the shapes that its route takes and gives', () => {
  const wrong = rows.flatMap(([name, route]) => {
    const { key, query = {}, body, answer } = routeExamples[name]
    const fits = (shape: z.ZodType | null, value: unknown): boolean =>
      shape === null ? value === undefined : shape.safeParse(value).success
    const isBodyGood = route.takes === undefined ? fits(route.body, body) : typeof body === 'string'
    const isWhole = fits(route.query, query) && isBodyGood && fits(route.answer, answer)
    return isWhole && (key !== undefined) === route.path.includes(':key') ? [] : [name]
  })
  expect(wrong).toEqual([])
})

test('an example of a fake node is what a served one answers', async () => {
  const { url, client } = await served()
  await client.set('team/motd', { text: 'hello' })
  for (const name of ['get', 'list', 'status', 'members', 'peers', 'refusals'] as const) {
    const path = routes[name].path.replace(':key', 'team%2Fmotd')
    const { json } = await raw(url, 'GET', path)
    expect(Object.keys(json).sort(), name).toEqual(
      Object.keys(routeExamples[name].answer as object).sort(),
    )
  }
})

test('the example of a proof is one: it verifies without any node', () => {
  const { key, root, proof } = routeExamples.prove.answer as Answer<'prove'>
  const claim = { key, isPublic: true, root: fromHex(root) ?? new Uint8Array(0) }
  const content = provenContent(decodeKeyProof(base64.decode(proof)), claim)
  expect(content).toEqual({ kind: 'register', value: utf8('hello') })
})

test('every route, who may call it and every code stand in the document', () => {
  const { paths } = openApi()
  for (const [name, route] of rows) {
    const path = paths[route.path.replace(':key', '{key}')]
    const operation = path?.[route.method.toLowerCase()] as Operation
    expect(operation).toMatchObject({ operationId: name, 'x-access': route.access })
    expect(operation.security !== undefined).toBe(route.access === 'operator')
    const told = Object.values(operation.responses).flatMap(answer => answer['x-codes'] ?? [])
    expect(told.sort(), name).toEqual([...errorsOf(route)].sort())
  }
  const anywhere = new Set(rows.flatMap(([, route]) => errorsOf(route)))
  expect(Object.keys(statusOfCode).filter(code => !anywhere.has(code as never))).toEqual([])
})

test('each route of custody is in the document, marked as the older tools speak, and each route there is in one of the tables', () => {
  const { paths, tags } = openApi()
  const documented = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map(method => `${method.toUpperCase()} ${path}`),
  )
  const older = Object.values<Route>(custodyRoutes)
  const tabled = [...rows.map(([, route]) => route), ...older].map(
    ({ method, path }) => `${method} ${path.replace(':key', '{key}')}`,
  )
  expect(documented.toSorted()).toEqual(tabled.toSorted())
  const operations = Object.values(paths).flatMap(path => Object.values(path)) as Operation[]
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(tabled.length)
  expect(tags.map(({ name }) => name)).toEqual(['coterie', 'older-tools'])
  for (const [name, route] of Object.entries<Route>(custodyRoutes)) {
    const operation = paths[route.path]?.[route.method.toLowerCase()] as Operation
    expect(operation).toMatchObject({ operationId: name, tags: ['older-tools'] })
    expect(operation.requestBody === undefined, name).toBe(route.body === null)
    expect(operation.responses[403]?.['x-codes'], name).toContain('NOT_FOR_THE_HOST')
    const told = Object.values(operation.responses).flatMap(answer => answer['x-codes'] ?? [])
    expect(told.toSorted(), name).toEqual([...errorsOf(route)].sort())
    expect(JSON.stringify(operation)).not.toContain('schemas/Error')
  }
})

test('no shape is documented as anything at all but what another reader reads', () => {
  const anything: string[] = []
  const look = (value: unknown, place: string): void => {
    if (typeof value !== 'object' || value === null) return
    const isSchema = /\.(schema|items|x-event|anyOf\.\d+|properties\.\w+)$/.test(place)
    const { description: _, ...rest } = value as Record<string, unknown>
    if (isSchema && Object.keys(rest).length === 0) anything.push(place.split('.').at(-1) ?? '')
    for (const [name, part] of Object.entries(value)) look(part, `${place}.${name}`)
  }
  look(openApi().paths, '')
  expect([...new Set(anything)].sort()).toEqual(['approvals', 'manifest', 'manifest_envelope'])
})

test('the document is served to anybody, is JSON to the last reference, and names no node', async () => {
  const { url, node } = await served({ opensToHost: false })
  const { status, json, text } = await raw(url, 'GET', '/openapi.json')
  expect(status).toBe(200)
  expect(json).toEqual(JSON.parse(JSON.stringify(openApi())))
  expect(text).not.toContain(node.id)
  for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
    expect(json.components.schemas).toHaveProperty(name)
  }
})
