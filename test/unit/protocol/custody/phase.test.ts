import { describe, expect, test } from 'vitest'
import {
  type CustodyMessage,
  type CustodyPhase,
  custodyMessages,
  custodyPhases,
  custodyTable,
  phasesThatWelcome,
} from '../../../../src/protocol/custody/phase.ts'
import { termsOf } from '../../../fakes/custody-people.ts'
import {
  attestationOf,
  type Ceremony,
  entriesFor,
  exportTo,
  inJson,
  namespaceOf,
  nodeIn,
} from '../../../fakes/custody-stages.ts'
import { type Call, CustodyWorld } from '../../../fakes/custody-world.ts'

/** The graph as it was given, letter for letter. */
const graph = `
    A[WaitingForBootInstruction] --> B[GenesisBooted]
    A --> C[WaitingForForwardedKey]
    B --> D[WaitingForQuorumShards]
    D --> E[QuorumKeyProvisioned]
    C --> E
    E --> F[ApplicationReady]
    A --> G[UnrecoverableError]
    B --> G
    D --> G
    C --> G
    E --> G
    F --> G
`
/** The one edge beside it: shares brought to a node that did not make the key. */
const standardBoot = 'WaitingForBootInstruction --> WaitingForQuorumShards'

function edgesOfGraph(): readonly string[] {
  const names = new Map<string, string>()
  const nameOf = (text: string): string => {
    const [, letter = '', name] = /^(\w)(?:\[(\w+)\])?$/.exec(text) ?? []
    if (name !== undefined) names.set(letter, name)
    return names.get(letter) ?? `? ${letter}`
  }
  return graph
    .trim()
    .split('\n')
    .map(line => line.trim().split(' --> ').map(nameOf).join(' --> '))
}

const edgesOfTable = (): readonly string[] =>
  custodyPhases.flatMap(from =>
    Object.values(custodyTable[from])
      .filter(to => to !== from)
      .map(to => `${from} --> ${to}`),
  )

test('the table has the edges of the graph, and standard boot, and no other', () => {
  expect(new Set(edgesOfTable())).toEqual(new Set([...edgesOfGraph(), standardBoot]))
  // No two messages of one phase lead to the same next one: what happened can be told from where it led.
  expect(edgesOfTable()).toHaveLength(edgesOfGraph().length + 1)
})

test('nothing leads out of an unrecoverable error, and a broken invariant leads there from everywhere else', () => {
  expect(custodyTable.UnrecoverableError).toEqual({})
  const others = custodyPhases.filter(phase => phase !== 'UnrecoverableError')
  expect(phasesThatWelcome('invariant-broken')).toEqual(others)
  const leads = custodyPhases.flatMap(phase =>
    Object.entries(custodyTable[phase]).filter(([, to]) => to === 'UnrecoverableError'),
  )
  expect(new Set(leads.map(([message]) => message))).toEqual(new Set(['invariant-broken']))
})

/** Requests as well made as they can be in any phase. */
async function callsOf(world: CustodyWorld, ceremony: Ceremony) {
  const { genesis, holders } = ceremony
  const { manifest } = genesis.envelope
  const [maker] = world.nodes
  const receiver = world.boot('receiver')
  const envelope = inJson(manifest, holders)
  const pass = world.fate
  world.fate = (of, effect) => (effect.kind === 'ask' ? 'lose' : pass(of, effect))
  await world.call(receiver, { kind: 'shareManifest', envelope })
  const exported = await exportTo(world, maker!, { to: receiver, envelope })
  if (exported?.kind !== 'exported') throw new Error(`not exported: ${JSON.stringify(exported)}`)
  const attestation = await attestationOf(world, receiver)
  const shares = await entriesFor(world, receiver, { genesis, holders: holders.slice(0, 1) })
  const calls: Partial<Record<CustodyMessage, Call>> = {
    'genesis-boot': { kind: 'genesisBoot', terms: termsOf(holders, 2) },
    'boot-standard': { kind: 'bootStandard', envelope },
    'share-manifest': { kind: 'shareManifest', envelope },
    'genesis-output': { kind: 'genesisOutput' },
    'attest-boot': { kind: 'attestBoot' },
    'inject-shares': {
      kind: 'injectShares',
      namespace: namespaceOf(ceremony),
      shares,
      approvals: [],
    },
    'inject-key': {
      kind: 'injectKey',
      exported: exported.exported,
      signature: exported.signature,
    },
    'export-key': { kind: 'exportKey', envelope, attestation },
  }
  return calls
}

const requests: readonly CustodyMessage[] = custodyMessages.slice(0, 8)
const uses = ['open-own', 'use-key'] as const

describe.each(custodyPhases)('in %s', (phase: CustodyPhase) => {
  test('every request is taken or refused as the table says, and a refusal changes nothing', async () => {
    // What is refused changes nothing, so the next one may come to the same node.
    let stage: Awaited<ReturnType<typeof nodeIn>> | undefined
    let world = new CustodyWorld()
    for (const message of requests) {
      if (stage === undefined) {
        world = new CustodyWorld()
        stage = await nodeIn(world, phase)
      }
      const { node, ceremony } = stage
      expect(node.custody.view().phase).toBe(phase)
      const call = (await callsOf(world, ceremony))[message]!
      const [before, seen] = [node.custody.view(), node.log.length]
      const outcome = await world.call(node, call)
      if (phasesThatWelcome(message).includes(phase)) {
        expect(outcome, message).not.toMatchObject({ code: 'WRONG_PHASE' })
        stage = undefined
        continue
      }
      const code = phase === 'UnrecoverableError' ? 'UNRECOVERABLE' : 'WRONG_PHASE'
      expect(outcome, message).toMatchObject({ code, facts: { phase }, next: expect.any(String) })
      if (code === 'WRONG_PHASE') {
        const welcome = phasesThatWelcome(message).join(' ')
        expect(outcome).toMatchObject({ facts: { message, welcome } })
      }
      expect(node.custody.view()).toEqual(before)
      expect(node.log.slice(seen).map(({ kind }) => kind)).toEqual(['refuse'])
    }
  })

  test('the key is lent as the table says', async () => {
    const { node } = await nodeIn(new CustodyWorld(), phase)
    for (const use of uses) {
      const isLent = !('code' in node.custody.lend(use))
      expect(isLent, use).toBe(phasesThatWelcome(use).includes(phase))
    }
  })

  test('an answer to nothing that was asked changes nothing', async () => {
    const world = new CustodyWorld()
    const { node } = await nodeIn(world, phase)
    const before = node.custody.view()
    const job = 9999
    const evidence = { platform: 'simulated', body: new Uint8Array(1) }
    world.feed(node, { kind: 'quoted', job, evidence })
    world.feed(node, { kind: 'steppedUp', job })
    world.feed(node, { kind: 'handlerAnswered', job, hash: 'ef'.repeat(32) })
    world.feed(node, { kind: 'answered', job, bytes: new Uint8Array(3) })
    world.feed(node, { kind: 'failed', job, code: 'LOST' })
    world.feed(node, { kind: 'tick' })
    expect(node.custody.view()).toEqual(before)
  })
})
