import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { ConnectionOwners, type Endpoint } from '../../../testnet/socket-owner.ts'

const host = '127.0.0.1'
const count = 40

test('forty connections at once cost two readings of the table, and each owner is found', async () => {
  const server = createServer(socket => socket.on('error', () => undefined)).listen(0, host)
  await once(server, 'listening')
  const remote: Endpoint = { host, port: (server.address() as AddressInfo).port }
  const sockets = Array.from({ length: count }, () => connect(remote))
  await Promise.all(sockets.map(socket => once(socket, 'connect')))
  let readings = 0
  const owners = new ConnectionOwners(
    () => [process.pid],
    async () => {
      readings++
      return await readFile('/proc/net/tcp', 'latin1')
    },
  )
  const found = await Promise.all(
    sockets.map(({ localPort }) => owners.find({ host, port: localPort ?? 0 }, remote)),
  )
  expect(found).toEqual(Array.from({ length: count }, () => process.pid))
  // The first has a reading of its own, the others share the next. A row that one pass missed costs two more.
  expect(readings).toBeLessThanOrEqual(6)
  expect(await owners.find({ host, port: 1 }, remote)).toBeUndefined()
  for (const socket of sockets) socket.destroy()
  server.close()
})
