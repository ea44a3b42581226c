/** Light clients without number at a real node: members go on. */
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, onTestFinished, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { lightQuestionsId } from '../../../../src/host/net/libp2p-node.ts'
import { lightLimits } from '../../../../src/host/net/options.ts'
import { lightAnswerBytesMax } from '../../../../src/wire/light-answers.ts'
import { testNetwork } from '../../../fixtures/fake-admission.ts'
import { rawLightClient, streamNode } from '../../../fixtures/light-streams.ts'
import { patience, until } from '../../../fixtures/patience.ts'

const protocol = lightQuestionsId(testNetwork)

/** Opens streams as fast as the node lets it, asks, reads nothing, and dials again whenever it is cut off. */
async function flood(address: string, isOver: () => boolean): Promise<number> {
  const client = await rawLightClient(testNetwork)
  const streams = new Set<Stream>()
  let asked = 0
  let connection: Connection | undefined
  while (!isOver()) {
    try {
      if (connection?.status !== 'open') {
        connection = await client.dial(multiaddr(address), { force: true, signal: patience() })
      }
      const stream = await connection.newStream(protocol, { signal: patience() })
      streams.add(stream)
      stream.pause()
      stream.send(Uint8Array.of(0, 0, 1, 7))
      asked++
      // libp2p lets nobody hold more of one protocol: the oldest goes unread.
      for (const oldest of [...streams].slice(0, -24)) {
        streams.delete(oldest)
        oldest.abort(new Error('unread'))
      }
    } catch {
      // Cut off, or refused a stream: on with the next.
      streams.clear()
      connection = undefined
    }
  }
  return asked
}

test('a flood of questions whose answers nobody reads leaves gossip and member streams at work', async () => {
  const victim = await streamNode('victim')
  const address = victim.address.replace(/\/p2p\/.*$/, '')
  const member = await streamNode('member', testNetwork, { bootstrap: [address] })
  await until(() => victim.net.connections().length === 1)
  let answers = 0
  let most = 0
  victim.handlers.lightAnswer = async () => {
    answers++
    most = Math.max(most, victim.net.lightCounts().answers)
    return new Uint8Array(lightAnswerBytesMax / 16)
  }
  let isOver = false
  onTestFinished(() => {
    isOver = true
  })
  const floods = Array.from({ length: 6 }, () => flood(victim.address, () => isOver))
  await until(() => answers > 200)
  for (let turn = 0; turn < 20; turn++) {
    const text = `turn ${turn}`
    const { node } = victim.admission
    const answer = await member.net.ask(node, 'hello', utf8(text), patience())
    expect(Buffer.from(answer).toString()).toBe(text)
    await until(async () => {
      await member.net.publish('delta', utf8(`${text} ${Math.random()}`))
      return victim.handlers.heard.some(heard => heard.text.startsWith(text))
    })
  }
  const before = answers
  await until(() => answers > before)
  isOver = true
  expect((await Promise.all(floods)).reduce((sum, asked) => sum + asked)).toBeGreaterThan(answers)
  expect(most).toBeLessThanOrEqual(lightLimits.answersMax)
  expect(victim.handlers.disconnected).toEqual([])
  await until(() => victim.net.lightCounts().answers === 0)
})
