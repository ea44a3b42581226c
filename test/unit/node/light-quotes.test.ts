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
import { eventually } from '../../fixtures/patience.ts'

const evidenceAge = milliseconds(60_000)

async function door() {
  const network = await FakeLightNetwork.make()
  const [fake] = network.nodes
  if (fake === undefined) throw new Error('a node')
  const time = new VirtualTime()
  const { attester } = fake.node
  const asked: PromiseWithResolvers<void>[] = []
  const ports = {
    host: {
      attester: {
        platform: attester.platform,
        // As long as the test wants it to take.
        quote: async (data: Uint8Array, signal: AbortSignal) => {
          const release = Promise.withResolvers<void>()
          asked.push(release)
          await release.promise
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
  /** The place of the checkpoint that was quoted, as an answer shows it. */
  const ask = async (): Promise<number | undefined> => {
    const answer = attestationAnswerCodec.decode(
      await made.answer({ kind: 'attestation', nonce: new Uint8Array(32) }),
    )
    const { quoted } = answer
    return quoted === null ? undefined : checkpointCodec.decode(quoted.checkpoint).sequence
  }
  return { network, time, ask, asked }
}

test('many clients cost one quote, and half an evidence age later another, for which nobody waits', async () => {
  const { network, time, ask, asked } = await door()
  const first = Promise.all([ask(), ask(), ask()])
  asked[0]?.resolve()
  expect(await first).toEqual([1, 1, 1])
  await network.advance()
  await time.advance(evidenceAge / 2)
  expect(await Promise.all([ask(), ask()])).toEqual([1, 1])
  expect(asked).toHaveLength(2)
  asked[1]?.resolve()
  await eventually(async () => expect(await ask()).toBe(2))
  expect(asked).toHaveLength(2)
})

test('who asks after a long silence waits for a newer quote, and is shown no old one', async () => {
  const { network, time, ask, asked } = await door()
  const first = ask()
  asked[0]?.resolve()
  expect(await first).toBe(1)
  await network.advance()
  await time.advance(0.9 * evidenceAge)
  const later = ask()
  expect(asked).toHaveLength(2)
  // Whoever did not wait would have answered by now.
  await Promise.race([later, new Promise(setImmediate)])
  asked[1]?.resolve()
  expect(await later).toBe(2)
})
