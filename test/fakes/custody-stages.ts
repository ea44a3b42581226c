/** Nodes brought to each phase, as ceremonies bring them there. */
import { encodeCustodyEnvelope } from '../../src/attestation/custody/approvals.ts'
import type {
  CustodyManifest,
  GenesisTerms,
} from '../../src/attestation/custody/custody-manifest.ts'
import { Secret } from '../../src/base/secret.ts'
import type { CustodyPhase } from '../../src/protocol/custody/phase.ts'
import type { GenesisAnswer } from '../../src/protocol/custody/types.ts'
import { type TestHolder, testHolders } from '../fixtures/holders.ts'
import { entryOf, manifestApprovals, openedShare, termsOf } from './custody-people.ts'
import type { CustodyWorld, Outcome, WorldNode } from './custody-world.ts'

export const pivotHash = 'ef'.repeat(32)

/** A key that was made, and who holds it. */
export interface Ceremony {
  readonly holders: readonly TestHolder[]
  readonly threshold: number
  readonly genesis: GenesisAnswer
}

export const inJson = (manifest: CustodyManifest, by: readonly TestHolder[] = []): Uint8Array =>
  encodeCustodyEnvelope({ manifest, approvals: manifestApprovals(by, manifest) })

/** Has `node` make a key for `count` holders, `threshold` of whom it takes. */
export async function genesisAt(
  world: CustodyWorld,
  node: WorldNode,
  {
    threshold = 2,
    count = 3,
    change = {},
  }: { threshold?: number; count?: number; change?: Partial<GenesisTerms> } = {},
): Promise<Ceremony> {
  const holders = testHolders(count)
  const terms = termsOf(holders, threshold, change)
  const genesis = await world.call(node, { kind: 'genesisBoot', terms })
  if (genesis?.kind !== 'genesis') throw new Error(`genesis: ${JSON.stringify(genesis)}`)
  return { holders, threshold, genesis }
}

/** The evidence that `node` gives to people. */
export async function attestationOf(world: CustodyWorld, node: WorldNode): Promise<Uint8Array> {
  const answer = await world.call(node, { kind: 'attestBoot' })
  if (answer?.kind !== 'attestation') throw new Error(`no attestation: ${JSON.stringify(answer)}`)
  return answer.attestation
}

/** What these holders hand over for `node`. */
export async function entriesFor(
  world: CustodyWorld,
  node: WorldNode,
  { genesis, holders }: { genesis: GenesisAnswer; holders: readonly TestHolder[] },
) {
  const attestation = await attestationOf(world, node)
  const { manifest } = genesis.envelope
  return holders.map(holder =>
    entryOf({ holder, share: openedShare(holder, genesis), manifest, attestation }),
  )
}

export const namespaceOf = ({ genesis }: Pick<Ceremony, 'genesis'>) => {
  const { name, nonce } = genesis.envelope.manifest.namespace
  return { name, nonce }
}

/** The first holders inject their shares, as many as it takes. */
export async function injectAt(
  world: CustodyWorld,
  node: WorldNode,
  ceremony: Ceremony,
  by: readonly TestHolder[] = ceremony.holders.slice(0, ceremony.threshold),
): Promise<Outcome | undefined> {
  const { genesis } = ceremony
  const shares = await entriesFor(world, node, { genesis, holders: by })
  const namespace = namespaceOf(ceremony)
  return world.call(node, { kind: 'injectShares', namespace, shares, approvals: [] })
}

/** A node with the whole key, and the ceremony that brought it there. */
export async function provisioned(
  world: CustodyWorld,
  name: string,
  terms: Parameters<typeof genesisAt>[2] = {},
): Promise<{ readonly node: WorldNode; readonly ceremony: Ceremony }> {
  const node = world.boot(name)
  const ceremony = await genesisAt(world, node, terms)
  await injectAt(world, node, ceremony)
  return { node, ceremony }
}

/** The key by hand, from one node to another that runs under `manifest`. */
export async function exportTo(
  world: CustodyWorld,
  from: WorldNode,
  { to, envelope }: { readonly to: WorldNode; readonly envelope: Uint8Array },
): Promise<Outcome | undefined> {
  const attestation = await attestationOf(world, to)
  return world.call(from, { kind: 'exportKey', envelope, attestation })
}

const withPivot = { pivot: { hash: pivotHash, restart: 'never', args: [] } } as const

/** A node in `phase`, made in a world of its own. */
export async function nodeIn(
  world: CustodyWorld,
  phase: CustodyPhase,
): Promise<{ readonly node: WorldNode; readonly ceremony: Ceremony }> {
  const maker = await provisioned(world, 'maker', { change: withPivot })
  if (phase === 'QuorumKeyProvisioned') return maker
  const { ceremony } = maker
  const { manifest } = ceremony.genesis.envelope
  const node = world.boot('node')
  switch (phase) {
    case 'WaitingForBootInstruction':
      break
    case 'GenesisBooted':
      world.fate = (of, { kind }) => (of === node && kind === 'quote' ? 'lose' : 'pass')
      await world.call(node, { kind: 'genesisBoot', terms: termsOf(ceremony.holders, 2) })
      break
    case 'WaitingForQuorumShards': {
      const envelope = inJson(manifest, ceremony.holders)
      await world.call(node, { kind: 'bootStandard', envelope })
      break
    }
    case 'WaitingForForwardedKey':
      // Nobody brings it the key by itself.
      world.fate = (of, { kind }) => (of === node && kind === 'ask' ? 'lose' : 'pass')
      await world.call(node, { kind: 'shareManifest', envelope: inJson(manifest) })
      break
    case 'ApplicationReady':
      world.handler = pivotHash
      await world.pass(5000)
      return maker
    case 'UnrecoverableError': {
      const broken = world.begin(node, { kind: 'genesisBoot', terms: termsOf(ceremony.holders, 2) })
      const split = node.log.find(effect => effect.kind === 'split')
      if (split?.kind !== 'split') throw new Error(`nothing to split for ${broken}`)
      world.feed(node, {
        kind: 'divided',
        job: split.job,
        shares: [new Secret(new Uint8Array(33))],
      })
      await world.run()
    }
  }
  return { node, ceremony }
}
