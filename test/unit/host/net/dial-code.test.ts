/** What a dial says of whoever did not answer as a node: a real socket at the other end, one way to fail each. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { CoterieError } from '../../../../src/base/errors.ts'
import { Stranger } from '../../../../src/host/net/stranger.ts'
import { systemRandom } from '../../../../src/host/random.ts'
import { systemTimers } from '../../../../src/host/timers.ts'
import { FakeAdmission } from '../../../fixtures/fake-admission.ts'

/** A length-prefixed line of multistream-select. */
const line = (text: string): Buffer =>
  Buffer.concat([Buffer.of(text.length + 1), Buffer.from(`${text}\n`)])

async function codeWhere(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    answer(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const appraiser = new FakeAdmission({ name: 'verifier' })
  const client = await Stranger.open({
    ...{ network: appraiser.network, appraiser, random: systemRandom, timers: systemTimers },
    refused: () => {},
  })
  onTestFinished(() => client.stop())
  const { port } = server.address() as AddressInfo
  const dialled = client.dial(`/ip4/127.0.0.1/tcp/${port}`, AbortSignal.timeout(120_000))
  return await dialled.then(
    () => 'CONNECTED',
    (error: CoterieError) => error.code,
  )
}

test.each<readonly [string, (socket: Socket) => void]>([
  ['ends the connection', socket => socket.end()],
  ['destroys the connection', socket => socket.destroy()],
  ['ends it when it hears a byte', socket => socket.once('data', () => socket.end())],
  ['resets it when it hears a byte', socket => socket.once('data', () => socket.resetAndDestroy())],
])('a machine that takes a dial and %s says that nobody is there', async (_, answer) => {
  expect(await codeWhere(answer)).toBe('DIAL_REFUSED')
})

test.each<readonly [string, (socket: Socket) => void]>([
  [
    'speaks libp2p and another protocol',
    socket => {
      socket.write(line('/multistream/1.0.0'))
      socket.on('data', () => socket.write(line('na')))
    },
  ],
  ['speaks something else and ends', socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
])('whoever %s is there, and no member is told gone for it', async (_, answer) => {
  expect(await codeWhere(answer)).toBe('UNREACHABLE')
})
