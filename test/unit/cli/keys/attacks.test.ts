/** What whoever hands over a genesis may try, as real processes: each try is named and nothing is printed that could be injected. */
import { expect, test } from 'vitest'
import type { GenesisOutput } from '../../../../src/attestation/custody/genesis-output.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { type GenesisRequest, presentNetwork, presentNode } from '../../../fixtures/genesis.ts'
import {
  codeIn,
  type Desk,
  decryptShare,
  fingerprintOf,
  holderDesk,
  journalOf,
} from '../../../fixtures/holder-desk.ts'
import { testHolders } from '../../../fixtures/holders.ts'

/** What a holder is told about a genesis that somebody bent. */
async function told(desk: Desk, change: Partial<GenesisRequest>, more: readonly string[] = []) {
  const { file } = await desk.genesis(change, `bent-${crypto.randomUUID()}.json`)
  return await toldOf(desk, file, more)
}

async function toldOf(desk: Desk, file: string, more: readonly string[] = [], holder = 0) {
  const { code, out, err } = await decryptShare(desk, file, more, holder)
  expect(out).toBe('')
  return [code, codeIn(err)]
}

const changed =
  (change: (output: GenesisOutput) => Partial<GenesisOutput>): GenesisRequest['tamper'] =>
  output => ({ ...output, ...change(output) })

test('a genesis of another network, or of a machine that it does not admit, is not believed', async () => {
  const desk = await holderDesk()
  const network = presentNetwork('of somebody else')
  const node = await presentNode(network, 'a')
  expect(await told(desk, { network, node })).toEqual([1, 'DIFFERENT_NETWORK'])
  // The same words about the network of the holder, from hardware that it knows no root of.
  const posing = { ...network, network: desk.network.network }
  const stranger = await presentNode(posing, 'a')
  expect(await told(desk, { network: posing, node: stranger })).toEqual([1, 'UNKNOWN_ANCHOR'])
})

test('evidence is for one output: other shares, another threshold or another key under it are refused', async () => {
  const desk = await holderDesk()
  const other = await desk.genesis({}, 'other.json')
  const bends: readonly GenesisRequest['tamper'][] = [
    // Two shares that went to each other's holders.
    changed(({ shares }) => ({
      shares: [shares[1], shares[0], shares[2]].filter(each => each !== undefined),
    })),
    changed(() => ({ shares: other.output.shares })),
  ]
  for (const tamper of bends) {
    expect(await told(desk, tamper === undefined ? {} : { tamper })).toEqual([
      1,
      'REPORT_DATA_MISMATCH',
    ])
  }
  const lowered = changed(({ manifest }) => ({
    manifest: { ...manifest, manifestSet: { ...manifest.manifestSet, threshold: 3 } },
  }))
  // The attestation names the manifest as well, and that is cheaper to compare.
  expect(await told(desk, lowered === undefined ? {} : { tamper: lowered })).toEqual([
    1,
    'MANIFEST_MISMATCH',
  ])
  const answer = {
    ...other.answer,
    quorum_public_key: [4, ...other.answer.quorum_public_key.slice(1, -1), 7],
  }
  expect(await toldOf(desk, desk.save('x.json', answer))).toEqual([1, 'GENESIS_INCONSISTENT'])
})

test('a holder whose key was swapped, added or left out is found by the list that holders keep', async () => {
  const desk = await holderDesk()
  const [stranger] = testHolders(1)
  const [first, second, third] = desk.holders
  if (!stranger || !first || !second || !third) throw new Error('there are three')
  const swapped = [first, second, { alias: third.alias, key: stranger.key }]
  expect(await told(desk, { holders: swapped })).toEqual([1, 'HOLDERS_DIFFER'])
  const added = [...desk.holders, { alias: 'member4', key: stranger.key }]
  expect(await told(desk, { holders: added })).toEqual([1, 'HOLDERS_DIFFER'])
  expect(await told(desk, { holders: [first, second] })).toEqual([1, 'HOLDERS_DIFFER'])
  const wrong = desk.save('wrong.txt', `member1 ${fingerprintOf(second.key)}\n`)
  const { file } = await desk.genesis()
  expect(await toldOf(desk, file, ['--members', wrong])).toEqual([1, 'HOLDERS_DIFFER'])
  expect(await toldOf(desk, file, ['--members', desk.save('l', 'member1 ab\n')])).toEqual([
    2,
    'BAD_MEMBERS_FILE',
  ])
})

test('who holds no share of it is told so, and who was sealed the share of another or a wrong one as well', async () => {
  const desk = await holderDesk()
  const { file } = await desk.genesis({ holders: testHolders(3) })
  const list = desk.save(
    'list.txt',
    testHolders(3)
      .map(({ alias, key }) => `${alias} ${fingerprintOf(key)}`)
      .join('\n'),
  )
  expect(await toldOf(desk, file, ['--members', list])).toEqual([2, 'NOT_A_HOLDER'])
  const turned: GenesisRequest['swap'] = shares =>
    [shares[1], shares[2], shares[0]].filter(share => share !== undefined)
  expect(await told(desk, { swap: turned })).toEqual([1, 'SHARE_WRONG'])
  const flipped: GenesisRequest['swap'] = shares =>
    shares.map(share => share.use(bytes => new Secret(bytes.map(byte => byte ^ 1))))
  expect(await told(desk, { swap: flipped })).toEqual([1, 'SHARE_WRONG'])
})

test('of two keys under one name and nonce a holder approves the first alone, and the journal keeps the try', async () => {
  const desk = await holderDesk()
  const [first, second] = [await desk.genesis(), await desk.genesis({}, 'second.json')]
  expect((await decryptShare(desk, first.file)).code).toBe(0)
  expect(await toldOf(desk, second.file)).toEqual([1, 'SECOND_QUORUM_KEY'])
  const lower = { namespace: { name: 'qos-namespace', nonce: 12344 } }
  expect(await told(desk, lower)).toEqual([1, 'LOW_NONCE'])
  // The first stays good, and a higher nonce is another key.
  expect((await decryptShare(desk, first.file)).code).toBe(0)
  const next = await desk.genesis(
    { namespace: { name: 'qos-namespace', nonce: 12346 } },
    'next.json',
  )
  expect((await decryptShare(desk, next.file)).code).toBe(0)
  const lines = journalOf(desk.keys[0] ?? '').map(({ what, code }) => code ?? what)
  expect(lines).toEqual(['approved', 'SECOND_QUORUM_KEY', 'approved', 'approved'])
})

test('files that burn memory, nest without end or are something else are refused before they are believed', async () => {
  const desk = await holderDesk(2)
  const long = desk.save('long.json', `[${'1,'.repeat(5 * 1024 * 1024)}1]`)
  expect(await toldOf(desk, long)).toEqual([2, 'FILE_TOO_LARGE'])
  expect(await toldOf(desk, desk.save('deep.json', '['.repeat(4_000_000)))).toEqual([
    2,
    'FILE_NOT_JSON',
  ])
  const { answer } = await desk.genesis()
  const [share] = answer.encrypted_shares
  const many = { ...answer, encrypted_shares: Array.from({ length: 300 }, () => share) }
  const bytes = { ...answer, attestation_doc: [256] }
  for (const bent of [many, bytes, { ...answer, more: 1 }, { ...answer, waiting_state: 'x' }]) {
    expect(await toldOf(desk, desk.save('b.json', bent))).toEqual([2, 'BAD_GENESIS_FILE'])
  }
})
