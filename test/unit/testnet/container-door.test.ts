/** The door of a container: the host passes, whoever else is on the network of the containers does not. */

import type { AddressInfo } from 'node:net'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { hostAddresses, openDoor } from '../../../testnet/container/door.ts'

const table = (...rows: readonly string[]): string =>
  [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    ...rows,
  ].join('\n')

test('the host is loopback and the gateway of the default route, whatever else the table has', () => {
  const rest = '0003\t0\t0\t0'
  const byGateway = `eth0\t00000000\t01071CAC\t${rest}\t00000000\t0\t0\t0`
  const onLink = `eth0\t00071CAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0`
  const beside = `eth0\t00000A0A\t0C071CAC\t${rest}\t0000FFFF\t0\t0\t0`
  expect([...hostAddresses(table(byGateway, onLink, beside))]).toEqual(['127.0.0.1', '172.28.7.1'])
  for (const nothing of [
    '',
    table(),
    table(onLink),
    table('eth0\t00000000\tzz\t\t\t\t\t00000000'),
  ]) {
    expect([...hostAddresses(nothing)]).toEqual(['127.0.0.1'])
  }
})

const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function api(
  answer: (socket: Socket) => void,
): Promise<{ port: number; calls: () => number }> {
  let calls = 0
  const server = createServer({ allowHalfOpen: true }, socket => {
    calls++
    answer(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { port: portOf(server), calls: () => calls }
}

async function door(apiPort: number, welcome: readonly string[]): Promise<number> {
  const listen = { host: '127.0.0.1', port: 0 }
  const server = await openDoor({ welcome: new Set(welcome), listen, apiPort })
  onTestFinished(() => void server.close())
  return portOf(server)
}

/** All that comes back for `text`, until the other side ends. */
function said(port: number, text: string): Promise<string> {
  return new Promise(resolve => {
    const socket = createConnection({ host: '127.0.0.1', port })
    let heard = ''
    socket.on('data', data => {
      heard += data
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(heard))
    socket.end(text)
  })
}

test('who is welcome is passed on both ways, to the last byte', async () => {
  const long = 'x'.repeat(300_000)
  const { port } = await api(socket => {
    let asked = 0
    socket.on('data', data => {
      asked += data.length
    })
    socket.on('end', () => socket.end(`${asked} ${long}`))
  })
  const answer = await said(await door(port, ['127.0.0.1']), 'y'.repeat(200_000))
  expect(answer).toBe(`200000 ${long}`)
})

test('who is not welcome hears nothing, and the API never hears of it', async () => {
  const { port, calls } = await api(socket => socket.end('the API'))
  expect(await said(await door(port, ['172.28.7.1']), 'GET /')).toBe('')
  expect(calls()).toBe(0)
})

test('without an API behind it, and when the API breaks off, the caller is let go', async () => {
  const { port } = await api(socket => socket.destroy())
  expect(await said(await door(port, ['127.0.0.1']), 'GET /')).toBe('')
  const nobody = createServer()
  await new Promise<void>(resolve => nobody.listen(0, '127.0.0.1', resolve))
  const free = portOf(nobody)
  await new Promise(resolve => nobody.close(resolve))
  expect(await said(await door(free, ['127.0.0.1']), 'GET /')).toBe('')
})

test('a caller that reads slowly gets the whole answer of an API that has long hung up', async () => {
  const length = 12 * 1024 * 1024
  const { port } = await api(socket => void socket.end(Buffer.alloc(length)))
  const socket = createConnection({ host: '127.0.0.1', port: await door(port, ['127.0.0.1']) })
  onTestFinished(() => void socket.destroy())
  let heard = 0
  for await (const chunk of socket) {
    heard += chunk.length
    await new Promise(resolve => setImmediate(resolve))
  }
  expect(heard).toBe(length)
})
