/** Sealed calls of a client whose signatures are checked as in a browser, to whole nodes as they are. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { ChannelWorld } from '../../fixtures/channel-world.ts'
import { cryptoOn } from '../crypto/twins.ts'

const world = await ChannelWorld.make()

await cryptoOn('web')
// After the twins were chosen: it uses whatever is chosen when it is loaded.
const web = await import('../../../src/light/client.ts')
const { callNode } = await import('../../../src/light/call.ts')

test('a listed client calls, and a forged answer or offer is refused', async () => {
  // To the compiler, one class loaded twice is two.
  const client = await world.client(0, web.LightClient.open as never)
  const how = { client, through: callNode as never }
  const path = '/v1/state/team%2Fplan'
  const body = utf8('{"text":"attack at dawn"}')
  const put = { method: 'PUT', path: `${path}?ack=local`, body } as const
  expect(JSON.parse(await world.outcome(put, how))).toMatchObject({ key: 'team/plan' })
  const get = { method: 'GET', path } as const
  expect(await world.outcome(get, how)).toContain('attack at dawn')
  const spoilt = (bent: string) => (asked: string, bytes: Uint8Array) =>
    asked === bent ? bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1) : bytes
  world.bends.answer = spoilt('/light/sealed')
  expect(await world.outcome(get, how)).toBe('ANSWER_FORGED')
  world.bends.answer = spoilt('/light/channel')
  expect(await world.outcome(get, how)).toBe('OFFER_FORGED')
  await world.simulation.stop()
})
