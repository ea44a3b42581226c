import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ApiClient } from '../../../src/api/client.ts'

let server: Server
let client: ApiClient
const sockets = new Set<Socket>()

afterEach(() => {
  client.close()
  for (const socket of sockets) socket.destroy()
  server.close()
})

/** Answers the first request of each connection and closes it when the next one comes, as an idle server may. */
async function startForgetful(): Promise<() => number> {
  let requests = 0
  server = createServer(socket => {
    sockets.add(socket)
    let count = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      requests++
      if (count++ > 0) socket.destroy()
      else {
        const body = JSON.stringify({ peers: [], key: 'k', acknowledgedBy: 1 })
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a port was listened on')
  client = new ApiClient({ url: `http://127.0.0.1:${address.port}` })
  return () => requests
}

test('a question into a kept connection that the server just closed is asked again', async () => {
  const requests = await startForgetful()
  for (let each = 0; each < 3; each++) expect(await client.peers()).toEqual([])
  expect(requests()).toBeGreaterThan(3)
})

test('a write is never sent twice: nobody knows whether the first one was read', async () => {
  const requests = await startForgetful()
  await client.peers()
  await expect(client.set('k', { text: 'v' })).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  expect(requests()).toBe(2)
})
