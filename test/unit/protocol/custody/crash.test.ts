import { describe, expect, test } from 'vitest'
import type { CustodyEffect } from '../../../../src/protocol/custody/types.ts'
import { Operators } from '../../../fakes/custody-operators.ts'
import { entryOf, openedShare, termsOf } from '../../../fakes/custody-people.ts'
import { attestationOf } from '../../../fakes/custody-stages.ts'
import { CustodyWorld, type WorldNode } from '../../../fakes/custody-world.ts'
import { testHolders } from '../../../fixtures/holders.ts'

const names = ['one', 'two', 'three'] as const
const holders = testHolders(3)
/** Rounds of people: far more than any one death costs. */
const roundsMax = 12

const operators = (isByHand = false): Operators =>
  new Operators(new CustodyWorld(), { names, holders, threshold: 2, isByHand })

/** What is written or sent; the rest is told to nobody but this node's own log. */
const isDeed = ({ kind }: CustodyEffect): boolean => kind !== 'event' && kind !== 'phaseChanged'

/** Nothing comes by itself. */
const askNobody = (_: WorldNode, { kind }: CustodyEffect) => (kind === 'ask' ? 'fail' : 'pass')

async function rounds(people: Operators): Promise<void> {
  for (let i = 0; i < roundsMax && !people.isDone; i++) await people.round()
}

/** How many deeds a whole life takes: genesis, shares to the first node, the key to the others. */
async function deedsOf(isByHand = false): Promise<number> {
  const people = operators(isByHand)
  let deeds = 0
  if (isByHand) people.world.fate = askNobody
  people.world.settled = (_, effect) => void (isDeed(effect) && deeds++)
  await rounds(people)
  expect(people.isDone).toBe(true)
  return deeds
}

async function holdsAfter(people: Operators): Promise<void> {
  await rounds(people)
  expect(people.isDone).toBe(true)
  expect(people.provisioned.size).toBe(1)
  const keys = names.map(name => people.node(name).custody.view().quorumKey)
  expect(new Set(keys)).toEqual(people.provisioned)
  expect(people.world.unwiped()).toBe(0)
}

describe.each(names)('node %s dies', victim => {
  test.each(['before', 'after'] as const)(
    '%s each deed of genesis, injection and forwarding: all ends well, with one key',
    async when => {
      const deeds = await deedsOf()
      expect(deeds).toBeGreaterThan(20)
      for (let at = 0; at < deeds; at++) {
        const people = operators()
        const { world } = people
        let seen = 0
        const dies = (effect: CustodyEffect): void => {
          if (!isDeed(effect) || seen++ !== at) return
          people.watch()
          world.kill(people.node(victim))
        }
        if (when === 'before') {
          world.fate = (_, effect) => {
            dies(effect)
            return 'pass'
          }
        } else world.settled = (_, effect) => dies(effect)
        await holdsAfter(people)
      }
    },
  )
})

test('whoever carries the key or receives it dies before each deed of people: all ends well, with one key', async () => {
  const deeds = await deedsOf(true)
  for (const victim of names.slice(0, 2)) {
    for (let at = 0; at < deeds; at++) {
      const people = operators(true)
      let seen = 0
      people.world.fate = (node, effect) => {
        if (isDeed(effect) && seen++ === at) {
          people.watch()
          people.world.kill(people.node(victim))
        }
        return askNobody(node, effect)
      }
      await holdsAfter(people)
    }
  }
})

test('each deed is lost once, or fails once: all ends well, with one key', async () => {
  const deeds = await deedsOf()
  for (const fate of ['lose', 'fail'] as const) {
    for (let at = 0; at < deeds; at++) {
      const people = operators()
      let seen = 0
      people.world.fate = (_, effect) => (isDeed(effect) && seen++ === at ? fate : 'pass')
      await holdsAfter(people)
    }
  }
})

test('every node dies: a new one takes the key from the holders, and it is the same key', async () => {
  const people = operators()
  await rounds(people)
  for (const name of names) people.world.kill(people.node(name))
  await holdsAfter(people)
})

describe('two geneses of one name at the same time', () => {
  const first = { namespace: { name: 'qos-namespace', nonce: 12345 }, approvals: [] } as const

  /** Both keys made side by side; `choice[i]` says whose manifest the i-th holder saw first. */
  async function race(choice: readonly (0 | 1)[], threshold: number): Promise<ReadonlySet<string>> {
    const world = new CustodyWorld()
    const people = testHolders(choice.length)
    const careful = new Operators(world, { names: ['one', 'two'], holders: people, threshold })
    const nodes = [careful.node('one'), careful.node('two')] as const
    const terms = termsOf(people, threshold)
    const requests = nodes.map(node => world.begin(node, { kind: 'genesisBoot', terms }))
    await world.run()
    const outputs = requests.map(request => {
      const made = world.outcome(request)
      if (made?.kind !== 'genesis') throw new Error('both are made')
      return made
    })
    expect(outputs[0]?.quorumKey).not.toBe(outputs[1]?.quorumKey)
    const words = [...outputs.keys()].map(() => new Map<string, Uint8Array>())
    for (const turn of [0, 1]) {
      for (const [i, holder] of careful.holders.entries()) {
        const of = turn === 0 ? choice[i]! : 1 - choice[i]!
        const word = holder.approve(outputs[of]!.envelope.manifest)
        if (word !== undefined) words[of]?.set(word.alias, word.signature)
      }
    }
    for (const [of, output] of outputs.entries()) {
      await bringAll(world, nodes[of]!, { output, words: words[of]!, people })
      careful.watch()
    }
    return careful.provisioned
  }

  async function bringAll(
    world: CustodyWorld,
    node: WorldNode,
    given: {
      output: Parameters<typeof openedShare>[1]
      words: ReadonlyMap<string, Uint8Array>
      people: ReturnType<typeof testHolders>
    },
  ): Promise<void> {
    const { output, words, people } = given
    const attestation = await attestationOf(world, node)
    const { manifest } = output.envelope
    // Every share of both keys is brought, whoever approved: shares alone are no approval.
    const shares = people.map(holder =>
      entryOf({
        holder,
        share: openedShare(holder, output),
        manifest,
        attestation,
        approvesManifest: false,
      }),
    )
    const approvals = [...words].map(([alias, signature]) => ({ alias, signature }))
    await world.call(node, { kind: 'injectShares', ...first, shares, approvals })
  }

  test.each([
    [3, 2],
    [5, 3],
  ])(
    'of %i holders: whoever approves which first, at most one key is provisioned',
    async (count, threshold) => {
      for (let bits = 0; bits < 2 ** count; bits++) {
        const choice = Array.from({ length: count }, (_, i) => ((bits >> i) & 1) as 0 | 1)
        const keys = await race(choice, threshold)
        expect(keys.size).toBe(1)
      }
    },
  )
})
