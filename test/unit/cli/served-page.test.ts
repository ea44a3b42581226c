import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { pagesServed } from '../../../src/cli/served-page.ts'

const page = '<!doctype html><title>verify</title>'
const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

const ports = {
  deadline: () => new AbortController().signal,
  fetch: async (url: string) => {
    const answers: Readonly<Record<string, [text: string, type: string]>> = {
      'http://a/verify': [page, 'text/html; charset=utf-8'],
      'http://b/verify': [`${page}<script>`, 'text/html'],
      'http://c/verify': [page, 'application/json'],
    }
    const [text, type] = answers[url] ?? [undefined, 'text/html']
    const status = text === undefined ? 404 : 200
    return new Response(text ?? null, { status, headers: { 'content-type': type } })
  },
}

test('a page is the own one byte for byte, another one, or none', async () => {
  const origins = ['http://a', 'http://b', 'http://c', 'http://d']
  expect(await pagesServed(ports, origins, hash(page))).toEqual([
    { address: 'http://a/verify', is: 'same', sha256: hash(page) },
    { address: 'http://b/verify', is: 'other', sha256: hash(`${page}<script>`) },
    { address: 'http://c/verify', is: 'none', sha256: null },
    { address: 'http://d/verify', is: 'none', sha256: null },
  ])
})
