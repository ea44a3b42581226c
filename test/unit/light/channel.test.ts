/** Sealed calls over whole nodes: what listed clients get, and what nobody else learns. */
import { expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { ChannelWorld } from '../../fixtures/channel-world.ts'

const set = (key: string, text: string) => ({
  method: 'PUT' as const,
  path: `/v1/state/${encodeURIComponent(key)}?ack=local`,
  body: utf8(JSON.stringify({ text })),
})
const get = (key: string) => ({
  method: 'GET' as const,
  path: `/v1/state/${encodeURIComponent(key)}`,
})

test('a listed client writes and reads a private value, and the host sees neither name nor value', async () => {
  const world = await ChannelWorld.make()
  expect(JSON.parse(await world.outcome(set('team/plan', 'attack at dawn')))).toMatchObject({
    key: 'team/plan',
  })
  const { status, type, body, node, source } = await world.call(get('team/plan'))
  expect([status, type, source]).toEqual([200, 'application/json; charset=utf-8', world.origin(0)])
  expect(JSON.parse(fromUtf8(body) ?? '')).toEqual({
    kind: 'register',
    key: 'team/plan',
    value: { text: 'attack at dawn' },
  })
  expect(node).toBe(world.nodes[0]?.node.id)
  for (const { request, answer } of world.sealed) {
    for (const bytes of [request, answer]) {
      expect(Buffer.from(bytes).toString('latin1')).not.toMatch(/plan|attack|dawn|state/)
    }
  }
  await world.simulation.stop()
})
