import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { equalBytes, toHex } from '../../../../src/base/bytes.ts'
import { systemDeviceFiles } from '../../../../src/host/tee/device-files.ts'
import { DstackAttester, dstackSocket } from '../../../../src/host/tee/dstack.ts'
import type { Evidence } from '../../../../src/wire/evidence.ts'
import { attesterConforms } from '../../../conformance/attester.ts'
import { bareQuote, reportDataAt } from '../../../fakes/bare-quote.ts'
import { type DstackAgent, type DstackReply, startDstack } from '../../../fakes/dstack.ts'

const { signal } = new AbortController()
const data = new Uint8Array(64).fill(7)
const agents: DstackAgent[] = []
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop()
})

const carriesAt =
  (at: number) =>
  ({ body }: Evidence, expected: Uint8Array): boolean =>
    equalBytes(body.subarray(at, at + 64), expected)

async function open(
  reply?: DstackReply,
): Promise<{ readonly agent: DstackAgent; readonly attester: DstackAttester }> {
  const agent = await startDstack(reply)
  agents.push(agent)
  return { agent, attester: new DstackAttester(agent.socket) }
}

/** An answer of GetQuote with whatever it makes of the request. */
const saying =
  (answer: (reportData: Uint8Array) => object, status = 200): DstackReply =>
  ({ reportData }, response) =>
    void response.writeHead(status).end(JSON.stringify(answer(reportData)))

/** An agent that knows `/Attest` alone. */
const attesting =
  (envelope: (quote: Uint8Array) => Uint8Array): DstackReply =>
  ({ path, reportData }, response) => {
    if (path !== '/Attest') return void response.writeHead(404).end()
    const attestation = toHex(envelope(bareQuote('tdx-v5-1.5', reportData)))
    response.writeHead(200).end(JSON.stringify({ attestation }))
  }

/** V0 of an envelope, its quote of a length in SCALE's mode of two bytes, an event log behind it. */
const enveloped = (quote: Uint8Array): Uint8Array => {
  const length = 4 * quote.length + 1
  return Buffer.concat([Buffer.of(0, 0, length & 0xff, length >> 8), quote, Buffer.alloc(99, 1)])
}

attesterConforms('dstack', async () => ({
  ...(await open()),
  carries: carriesAt(reportDataAt['tdx-v4']),
}))
attesterConforms('dstack by its newer answer', async () => ({
  ...(await open(attesting(enveloped))),
  carries: carriesAt(reportDataAt['tdx-v5-1.5']),
}))

test('the newer answer is asked for only where the older question is not known', async () => {
  const { agent, attester } = await open()
  await attester.quote(data, signal)
  expect(agent.paths).toEqual(['/GetQuote'])
  agent.reply = attesting(enveloped)
  await attester.quote(data, signal)
  expect(agent.paths).toEqual(['/GetQuote', '/GetQuote', '/Attest'])
})

const quoteOf = (reportData: Uint8Array): string => toHex(bareQuote('tdx-v4', reportData))

test.each<[string, string, DstackReply]>([
  [
    'hashes what it is given',
    'TEE_WRONG_REPORT_DATA',
    saying(() => ({ quote: quoteOf(data.map(byte => byte ^ 1)) })),
  ],
  [
    'says that it quoted what it did not',
    'TEE_WRONG_REPORT_DATA',
    saying(asked => ({ quote: quoteOf(new Uint8Array(64)), report_data: toHex(asked) })),
  ],
  ['names an error', 'TEE_BROKEN', saying(() => ({ error: 'no TDX here' }))],
  [
    'names an error beside a quote',
    'TEE_BROKEN',
    saying(asked => ({ error: 'x', quote: quoteOf(asked) })),
  ],
  ['fails', 'TEE_BROKEN', saying(() => ({}), 500)],
  [
    'sends elsewhere',
    'TEE_BROKEN',
    (_, response) => void response.writeHead(307, { location: '/GetQuote' }).end(),
  ],
  ['says nothing', 'TEE_BAD_ANSWER', saying(() => ({}))],
  ['gives a number', 'TEE_BAD_ANSWER', saying(() => ({ quote: 7 }))],
  ['gives no hexadecimal', 'TEE_BAD_ANSWER', saying(() => ({ quote: 'zz' }))],
  ['gives an empty quote', 'TEE_BAD_ANSWER', saying(() => ({ quote: '' }))],
  ['gives no JSON', 'TEE_BAD_ANSWER', (_, response) => void response.writeHead(200).end('<html>')],
  [
    'gives without an end',
    'TEE_BAD_ANSWER',
    (_, response) => void response.writeHead(200).end(Buffer.alloc(1_100_000, 'a')),
  ],
  ['hangs up', 'TEE_UNREACHABLE', (_, response) => void response.destroy()],
  [
    'hangs up in its answer',
    'TEE_UNREACHABLE',
    (_, response) => {
      response.writeHead(200, { 'content-length': 9_999 })
      response.write('{"quote":"')
      setImmediate(() => response.destroy())
    },
  ],
  [
    'has an envelope of another version',
    'TEE_BAD_ANSWER',
    attesting(quote => Buffer.from(enveloped(quote)).fill(1, 0, 1)),
  ],
  [
    'has an envelope of another platform',
    'TEE_BAD_ANSWER',
    attesting(quote => Buffer.from(enveloped(quote)).fill(1, 1, 2)),
  ],
  [
    'has an envelope that is cut',
    'TEE_BAD_ANSWER',
    attesting(quote => enveloped(quote).subarray(0, 800)),
  ],
  ['has an envelope without a length', 'TEE_BAD_ANSWER', attesting(() => Uint8Array.of(0, 0))],
  [
    'has an envelope with a huge length',
    'TEE_BAD_ANSWER',
    attesting(() => Uint8Array.of(0, 0, 254, 255, 255, 255)),
  ],
  [
    'has an envelope with a length of another kind',
    'TEE_BAD_ANSWER',
    attesting(() => Uint8Array.of(0, 0, 3, 255, 255, 255)),
  ],
  [
    'hides a quote in a log without an end',
    'TEE_BAD_ANSWER',
    saying(asked => ({ quote: quoteOf(asked), event_log: 'a'.repeat(1_100_000) })),
  ],
])('an agent that %s gives no evidence', async (_, code, reply) => {
  const { attester } = await open(reply)
  await expect(attester.quote(data, signal)).rejects.toMatchObject({ code })
})

test('a socket where nobody listens says so', async () => {
  const attester = new DstackAttester('/nowhere/dstack.sock')
  await expect(attester.quote(data, signal)).rejects.toMatchObject({ code: 'TEE_UNREACHABLE' })
})

test('the first socket that is there is the one, in the order of the places', async () => {
  const { agent } = await open()
  const other = (await open()).agent
  const sockets = ['/nowhere/dstack.sock', agent.socket, other.socket]
  expect(await dstackSocket(systemDeviceFiles, sockets, '/nowhere/tappd.sock')).toBe(agent.socket)
})

test('an agent of the kind that hashes is refused by its place and never asked', async () => {
  const { agent } = await open()
  const found = dstackSocket(systemDeviceFiles, ['/nowhere/dstack.sock'], agent.socket)
  await expect(found).rejects.toMatchObject({ code: 'TEE_LEGACY_TAPPD' })
  expect(agent.paths).toEqual([])
  const both = await dstackSocket(systemDeviceFiles, [agent.socket], agent.socket)
  expect(both).toBe(agent.socket)
})

test('no socket at all, and one that is not for this process, are told apart', async () => {
  const none = dstackSocket(systemDeviceFiles, [join('/nowhere', 'a')], '/nowhere/b')
  await expect(none).rejects.toMatchObject({ code: 'TEE_NOT_OFFERED' })
  const probe = async () => 'forbidden' as const
  const closed = dstackSocket({ ...systemDeviceFiles, probe }, ['/run/dstack.sock'], '/b')
  await expect(closed).rejects.toMatchObject({ code: 'TEE_FORBIDDEN' })
})
