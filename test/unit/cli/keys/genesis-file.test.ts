/** What a genesis answered, as a holder's tool reads it. */
import { expect, test } from 'vitest'
import { genesisAnswerBytesMax } from '../../../../src/api/custody-shapes.ts'
import { utf8 } from '../../../../src/base/bytes.ts'
import { parseGenesis } from '../../../../src/cli/genesis-file.ts'
import { testGenesis } from '../../../fixtures/genesis.ts'
import { testHolder, testHolders } from '../../../fixtures/holders.ts'
import { testNetwork, testNode } from '../../../fixtures/network.ts'

const network = testNetwork({ seed: 'genesis file' })
const node = await testNode(network, 'a')
const { answer, output } = await testGenesis({ network, node, holders: testHolders(3) })
const parse = (value: object) => parseGenesis('genesis.json', utf8(JSON.stringify(value)))

test('an answer is read whole, on one line or spread out', () => {
  expect(parse(answer).output).toEqual(output)
  const spread = parseGenesis('genesis.json', utf8(JSON.stringify(answer, null, 2)))
  expect(spread.output).toEqual(output)
})

const [first, second, third] = answer.encrypted_shares
const withFirst = (change: object) => ({
  ...answer,
  encrypted_shares: [{ ...first, ...change }, second, third],
})
const member = first?.share_set_member

test.each<readonly [string, object]>([
  ['quorum_public_key', { ...answer, quorum_public_key: answer.quorum_public_key.toReversed() }],
  ['ephemeral_key', { ...answer, ephemeral_key: answer.ephemeral_key.map(byte => byte ^ 1) }],
  ['share_set_member', withFirst({ share_set_member: { ...member, alias: 'mallory' } })],
  ['share_set_member', withFirst({ share_set_member: second?.share_set_member })],
  ['share_set_member', { ...answer, encrypted_shares: [second, first, third] }],
  ['share_set_member', { ...answer, encrypted_shares: [first, second] }],
  ['share_hash', withFirst({ share_hash: second?.share_hash })],
])('%s that contradicts the manifest beside it is found: %#', (part, bent) => {
  expect(() => parse(bent)).toThrow(
    expect.objectContaining({
      code: 'GENESIS_INCONSISTENT',
      message: expect.stringContaining(part),
    }),
  )
})

test('the largest genesis there is fits: 255 holders with the longest keys', async () => {
  const holders = Array.from({ length: 255 }, (_, i) => testHolder(i + 1))
  const largest = await testGenesis({ network, node, holders, threshold: 200 })
  const text = JSON.stringify(largest.answer)
  expect(text.length).toBeLessThan(genesisAnswerBytesMax)
  expect(parse(largest.answer).output.shares).toHaveLength(255)
})
