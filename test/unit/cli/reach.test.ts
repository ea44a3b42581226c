import { expect, test } from 'vitest'
import { reachNode } from '../../../src/cli/reach.ts'

test('a token never leaves for another machine', async () => {
  const foreign = [
    'http://evil.example:9000',
    'https://127.0.0.1',
    'http://x@127.0.0.1',
    'http://127.0.0.1.evil.example',
    'http://0.0.0.0:9000',
    'http://192.168.0.1',
    'unix:',
    'unix:relative',
    'file:///x',
    'x',
    '',
  ]
  for (const url of foreign) {
    await expect(reachNode({ url }), url).rejects.toMatchObject({ code: 'BAD_URL' })
  }
  for (const url of [
    'http://localhost:1',
    'http://127.0.0.1',
    'http://[::1]:9000',
    'unix:/run/x',
  ]) {
    ;(await reachNode({ url })).close()
  }
})
