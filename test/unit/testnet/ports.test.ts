import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { assertPortsFree, findFreeBase, httpPort, p2pPort } from '../../../testnet/ports.ts'

test('node i has HTTP 9000 + i and p2p 9600 + i', () => {
  expect(httpPort(9000, 3)).toBe(9003)
  expect(p2pPort(9000, 3)).toBe(9603)
})

test('a busy port is named with its use, its holder and a way out', async () => {
  const base = await findFreeBase(3)
  await assertPortsFree(base, 3)
  const server = createServer().listen(p2pPort(base, 2), '127.0.0.1')
  await once(server, 'listening')
  const failure = await assertPortsFree(base, 3).catch((error: unknown) => error)
  server.close()
  expect(failure).toMatchObject({ code: 'PORT_IN_USE' })
  expect(String(failure)).toContain(`port ${p2pPort(base, 2)} (p2p of node 2)`)
  expect(String(failure)).toContain(`process ${process.pid}`)
  expect(failure).toHaveProperty('next', expect.stringContaining('--base-port'))
})

test('somebody who listens on every address is found too', async () => {
  const base = await findFreeBase(1)
  const server = createServer().listen(httpPort(base, 0), '0.0.0.0')
  await once(server, 'listening')
  await expect(assertPortsFree(base, 1)).rejects.toMatchObject({ code: 'PORT_IN_USE' })
  server.close()
})
