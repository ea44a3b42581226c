import type { CreateStreamOptions, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { afterEach, expect, test } from 'vitest'
import { concatBytes, fromUtf8, utf8 } from '../../../../src/base/bytes.ts'
import { eager } from '../../../../src/host/net/eager-streams.ts'
import { codeOf } from '../../../conformance/net-world.ts'
import { rawMember, startedNode } from '../../../fixtures/net-node.ts'
import { patience, until } from '../../../fixtures/patience.ts'

const running: { stop(): unknown }[] = []
afterEach(async () => {
  for (const node of running.splice(0)) await node.stop()
})

/** What a stream of this protocol has sent when it is handed out, and the protocol that it says it has. */
async function opened(protocol: string): Promise<{ sent: string; protocol: string }> {
  const sent: Uint8Array[] = []
  const stream = { protocol: '', send: (bytes: Uint8Array) => sent.push(bytes) }
  const bare = { createStream: async (_: CreateStreamOptions) => stream }
  const factory = { protocol: '/bare', createStreamMuxer: () => bare }
  const make = eager(() => factory as unknown as StreamMuxerFactory)
  const muxer: StreamMuxer = make({}).createStreamMuxer({} as never)
  await muxer.createStream({ protocol })
  return { sent: fromUtf8(concatBytes(...sent)) ?? '', protocol: stream.protocol }
}

test('a member stream names its protocol at once, in the bytes of multistream-select; any other is negotiated', async () => {
  for (const protocol of ['/coterie/ask/hello/1', '/coterie/tell/ack/1', '/coterie/step-up/1']) {
    const line = String.fromCharCode(protocol.length + 1)
    const sent = `\x13/multistream/1.0.0\n${line}${protocol}\n`
    expect(await opened(protocol)).toEqual({ protocol, sent })
  }
  for (const protocol of ['/ipfs/id/1.0.0', '/coterie/0123456789abcdef/kad/1', '/meshsub/1.2.0']) {
    expect(await opened(protocol)).toEqual({ protocol: '', sent: '' })
  }
})

test('a request to a member that does not speak the protocol fails at its answer', async () => {
  const node = await startedNode('a')
  const mute = await rawMember('mute')
  running.push(node.net, mute.libp2p)
  const address = mute.libp2p.getMultiaddrs()[0]?.toString() ?? ''
  node.net.addAddresses([address.replace(/\/p2p\/.*$/, '')])
  await until(() => node.net.connections().length === 1)
  const to = mute.admission.node
  expect(await codeOf(node.net.ask(to, 'hello', utf8('hi'), patience()))).toBe('ASK_FAILED')
})
