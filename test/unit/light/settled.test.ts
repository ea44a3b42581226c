/**
 * The judgement of a light client in passes, where no browser is: by WebCrypto of Node and the portable twins. What a guess said of a
 * signature is nowhere kept: a certificate, list or document whose signature is wrong is as wrong in the next pass, and for ever after.
 */
import { expect, test, vi } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import { LightClient } from '../../../src/light/client.ts'
import { lightCases } from '../../browser/light-cases.ts'
import { answerLight } from '../../browser/page/light.ts'
import { FakeLightNetwork } from '../../fakes/light-nodes.ts'
import { cryptoOn } from '../crypto/twins.ts'

const questions = Object.entries(await lightCases())
const here = await Promise.all(questions.map(([, question]) => answerLight(question)))

/** A node that hands out every document of Intel thrice, twice with a byte of it changed, the good one last. */
async function crowdedBundle() {
  const network = await FakeLightNetwork.make({ platforms: ['tdx'], nodes: 1, quorum: 1 })
  const changed = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.with(at, (bytes[at] ?? 0) ^ 1)
  for (const node of network.nodes) {
    node.bends.evidence = answer => {
      const { endorsements } = answer
      const spoilt = [9, 3].flatMap(part =>
        endorsements.map(({ kind, bytes }) => ({
          kind,
          bytes: changed(bytes, bytes.length - Math.floor(bytes.length / part)),
        })),
      )
      return { ...answer, endorsements: [...spoilt, ...endorsements] }
    }
  }
  const { pin, origins: sources } = network
  const client = await LightClient.open(network.ports(), { pin, sources })
  await client.check()
  return { pin, bundle: toHex(client.bundle()), changes: [] }
}

const crowded = await crowdedBundle()
const crowdedReport = await answerLight(crowded)

await cryptoOn('web')
// After the twins were chosen: it uses whatever is chosen when it is loaded.
const there = await import('../../browser/page/light.ts')

test.each(questions.map(([name, question], i) => ({ name, question, due: here[i] })))(
  '$name: whole and changed, the same reports as at once',
  async ({ question, due }) => {
    expect(there.answerLight).not.toBe(answerLight)
    expect(await there.answerLight(question)).toEqual(due)
  },
)

test('a node that buries good documents among bad ones costs a check for each, and changes nothing', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify')
  expect(await there.answerLight(crowded)).toEqual(crowdedReport)
  expect(JSON.parse(crowdedReport[0] ?? '')).toMatchObject({ code: 'TRUSTED' })
  expect(verify.mock.calls.length).toBeGreaterThan(10)
  expect(verify.mock.calls.length).toBeLessThan(40)
})
