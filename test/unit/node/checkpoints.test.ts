/** What a node claims of a state that came back from a disk, when a newcomer claims anything at all, and what it says until then. */
import { expect, test } from 'vitest'
import { digestOf } from '../../../src/base/ids.ts'
import { instant, milliseconds } from '../../../src/base/time.ts'
import { Checkpoints } from '../../../src/node/checkpoints.ts'
import {
  checkpointCodec,
  claimCodec,
  recoveredIn,
  type ToldRecovery,
} from '../../../src/wire/checkpoint.ts'
import { type TestNode, testNetwork, testNode } from '../../fixtures/network.ts'

const network = testNetwork({ seed: 'checkpoints' })
const start = 1_790_000_000_000
const root = new Uint8Array(32)

function checkpointsOf(
  { id, keys, signing, kem }: TestNode,
  manifests: object = { network: network.network, current: network },
  own: { phase: 'active' | 'alone'; interval: number } = { phase: 'active', interval: 1000 },
): Checkpoints {
  return new Checkpoints({
    identity: { node: id, keys, signing, kem } as never,
    manifests: manifests as never,
    membership: {
      get phase() {
        return own.phase
      },
      removalDigest: digestOf(new Uint8Array(32)),
      sealingKey: () => undefined,
      member: () => undefined,
      record: () => undefined,
    },
    replica: {
      groupClock: now => start + now,
      cuts: {
        commit: () => ({ root, publicRoot: root, privateRoot: root }),
        prove: () => 'NOT_READY',
      },
    },
    instance: () => 'machine',
    pace: { interval: milliseconds(own.interval) },
    faulted: () => {},
    contradicted: () => {},
  })
}

/** What the next checkpoint says of a recovery; `undefined` if none is made. */
function told(checkpoints: Checkpoints, ms: number): ToldRecovery | null | undefined {
  const made = checkpoints.make(instant(ms))
  return made === null
    ? undefined
    : recoveredIn(claimCodec.decode(checkpointCodec.decode(made).claim))
}

const recovery = { cut: start - 5000, root: 'ab'.repeat(32) }
const { nonce } = network.mark

test('a newcomer claims nothing until it has heard what others claim, or a newer manifest is in force', async () => {
  const own = await testNode(network, 'own')
  const manifests = { network: network.network, current: network }
  const alone = checkpointsOf(own, manifests)
  expect([told(alone, 0), told(alone, 3_600_000)]).toEqual([undefined, undefined])
  manifests.current = { ...network, mark: { ...network.mark, nonce: nonce + 1 } }
  expect(told(alone, 3_601_000)).toBeNull()
  const other = await testNode(network, 'other')
  const theirs = checkpointsOf(other)
  theirs.founded()
  const newcomer = checkpointsOf(own)
  expect(told(newcomer, 0)).toBeUndefined()
  newcomer.heard(other.id, theirs.make(instant(0)) ?? new Uint8Array(0))
  expect(told(newcomer, 1000)).toBeNull()
})

test.each([
  [1000, 60_000],
  [60_000, 300_000],
])(
  'a newcomer that beats every %i ms and was told nothing says so after %i ms without checkpoints, until it is told',
  async (interval, after) => {
    const [own, other] = [await testNode(network, 'own'), await testNode(network, 'other')]
    const theirs = checkpointsOf(other)
    theirs.founded()
    const manifests = { network: network.network, current: network }
    const state = { phase: 'active' as 'active' | 'alone', interval }
    const node = checkpointsOf(own, manifests, state)
    const warned = (ms: number) => node.trouble(instant(ms))?.code
    // Nothing is withheld before the first beat that could have carried one.
    expect(warned(after)).toBeUndefined()
    node.make(instant(5000))
    node.make(instant(6000))
    expect([warned(4999 + after), warned(5000 + after)]).toEqual([
      undefined,
      'CHECKPOINTS_WITHHELD',
    ])
    // Whoever is not active owes none, and is given as much time when it is active again.
    state.phase = 'alone'
    expect(warned(5000 + after)).toBeUndefined()
    node.make(instant(5000 + after))
    state.phase = 'active'
    node.make(instant(6000 + after))
    expect([warned(5999 + 2 * after), warned(6000 + 2 * after)]).toEqual([
      undefined,
      'CHECKPOINTS_WITHHELD',
    ])
    const claim = theirs.make(instant(0)) ?? new Uint8Array(0)
    node.heard(other.id, claim)
    expect(warned(6000 + 2 * after)).toBeUndefined()
    expect(told(node, 6000 + 2 * after)).toBeNull()
  },
)

test('a newer manifest ends what a node that was told nothing says of it', async () => {
  const manifests = { network: network.network, current: network }
  const node = checkpointsOf(await testNode(network, 'own'), manifests)
  node.make(instant(0))
  expect(node.trouble(instant(120_000))?.text).toContain('For 2 min')
  manifests.current = { ...network, mark: { ...network.mark, nonce: nonce + 1 } }
  expect(node.trouble(instant(120_000))).toBeUndefined()
})

test('whoever founded or brought the state back is never one that was told nothing', async () => {
  const node = checkpointsOf(await testNode(network, 'own'))
  node.founded()
  for (const ms of [0, 1000, 3_600_000]) node.make(instant(ms))
  expect(node.trouble(instant(3_600_000))).toBeUndefined()
})

test('whoever hears of a recovery says it too, of two the one that lost more, under this manifest alone', async () => {
  const [own, other] = [await testNode(network, 'own'), await testNode(network, 'other')]
  const theirs = checkpointsOf(other)
  theirs.founded()
  theirs.recover({ ...recovery, nonce })
  expect(told(theirs, 0)).toEqual(recovery)
  const node = checkpointsOf(own)
  node.heard(other.id, theirs.make(instant(1000)) ?? new Uint8Array(0))
  expect(told(node, 1000)).toEqual(recovery)
  theirs.recover({ ...recovery, cut: recovery.cut + 1, nonce })
  node.heard(other.id, theirs.make(instant(2000)) ?? new Uint8Array(0))
  expect(told(node, 2000)).toEqual(recovery)
  const less = { ...recovery, cut: recovery.cut - 1 }
  theirs.recover({ ...less, nonce })
  node.heard(other.id, theirs.make(instant(3000)) ?? new Uint8Array(0))
  expect(told(node, 3000)).toEqual(less)
  node.recover({ ...recovery, nonce: nonce + 1 })
  expect(told(node, 4000)).toBeNull()
})

test('a member that says another recovery with every beat is not followed without end', async () => {
  const [own, other] = [await testNode(network, 'own'), await testNode(network, 'other')]
  const [node, theirs] = [checkpointsOf(own), checkpointsOf(other)]
  theirs.founded()
  for (let i = 1; i <= 9; i++) {
    theirs.recover({ ...recovery, cut: recovery.cut - i, nonce })
    node.heard(other.id, theirs.make(instant(i * 1000)) ?? new Uint8Array(0))
  }
  expect(told(node, 10_000)).toEqual({ ...recovery, cut: recovery.cut - 4 })
})

test('what a claim says of a recovery in any other form is one from the beginning of time', () => {
  const said = (value: never) => recoveredIn({ extensions: new Map([[65, value]]) })
  expect([said(null as never), said(false as never), recoveredIn({})]).toEqual([null, null, null])
  const unknown = { cut: 0, root: '00'.repeat(32) }
  const beyond = Number.MAX_SAFE_INTEGER
  for (const odd of [
    true,
    'yes',
    7,
    [],
    [5],
    [5, new Uint8Array(31)],
    [-1, root],
    [beyond, root],
  ]) {
    expect(said(odd as never)).toEqual(unknown)
  }
})
