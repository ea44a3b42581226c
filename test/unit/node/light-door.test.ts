/** The quotes that a node shows light clients: new enough whenever they ask, and not made for each of them. */
import { expect, test } from 'vitest'
import { noEndorsements } from '../../../src/attestation/endorsements.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { milliseconds } from '../../../src/base/time.ts'
import { LightDoor, type LightDoorPorts } from '../../../src/node/light-door.ts'
import { checkpointCodec } from '../../../src/wire/checkpoint.ts'
import { attestationAnswerCodec } from '../../../src/wire/light-answers.ts'
import { FakeLightNetwork } from '../../fakes/light-nodes.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const evidenceAge = milliseconds(60_000)

async function door() {
  const network = await FakeLightNetwork.make()
  const [fake] = network.nodes
  if (fake === undefined) throw new Error('a node')
  const time = new VirtualTime()
  let quotes = 0
  const { attester } = fake.node
  const ports = {
    host: {
      attester: {
        platform: attester.platform,
        quote: (data: Uint8Array, signal: AbortSignal) => {
          quotes++
          return attester.quote(data, signal)
        },
      },
      clock: time.clock,
      timers: time.timers,
      log: silentLogger,
    },
    identity: { node: fake.node.id, signing: fake.node.signing },
    manifests: { network: network.network.network },
    membership: { record: () => fake.record },
    checkpoints: {
      get newest() {
        const { latest } = fake
        return latest && { bytes: checkpointCodec.encode(latest), digest: '00'.repeat(32) }
      },
    },
    evidenceAge: () => evidenceAge,
    endorsements: () => noEndorsements,
  } as unknown as LightDoorPorts
  const made = new LightDoor(ports)
  const quotedNow = async (): Promise<number | undefined> => {
    const answer = attestationAnswerCodec.decode(await made.attestation(new Uint8Array(32)))
    const { quoted } = answer
    return quoted === null ? undefined : checkpointCodec.decode(quoted.checkpoint).sequence
  }
  return { network, time, quotedNow, quotes: () => quotes }
}

test('many clients cost one quote, and half an evidence age later another, for which nobody waits', async () => {
  const { network, time, quotedNow, quotes } = await door()
  expect(await Promise.all([quotedNow(), quotedNow(), quotedNow()])).toEqual([1, 1, 1])
  expect(quotes()).toBe(1)
  await network.advance()
  await time.advance(milliseconds(evidenceAge / 2))
  expect(await quotedNow()).toBe(1)
  expect(await quotedNow()).toBe(2)
  expect(quotes()).toBe(2)
})

test('who asks after a long silence waits for a newer quote, and is shown no old one', async () => {
  const { network, time, quotedNow, quotes } = await door()
  expect(await quotedNow()).toBe(1)
  await network.advance()
  await time.advance(evidenceAge)
  expect(await quotedNow()).toBe(2)
  expect(quotes()).toBe(2)
})
