/**
 * How long the quorum key takes to come to a node: from the request with enough shares until callers are served, and from the word that it
 * may ask another node until it has the key from there. Real processes of a testnet, a fresh one each round; the holders' part is made before.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { encodeCustodyEnvelope } from '../../src/attestation/custody/approvals.ts'
import { parseGenesis } from '../../src/cli/genesis-file.ts'
import { folderOf, removeFile } from '../../testnet/folder.ts'
import { prepareLayout } from '../../testnet/layout.ts'
import { type NodeSlot, Testnet } from '../../testnet/network.ts'
import { findFreeBase } from '../../testnet/ports.ts'
import { absenceOf, untilConverged } from '../../testnet/snapshot.ts'
import { entryOf, manifestApprovals, openedShare } from '../fakes/custody-people.ts'
import { type Answered, ask, phaseOf } from '../fixtures/circle.ts'
import { genesisRequest, testHolders } from '../fixtures/holders.ts'
import type { RatioLine } from './ratio-line.ts'
import { quantile } from './workers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 20)
const nodes = 3
const patience = 120_000
/** Milliseconds between two looks at a phase: the resolution of what is forwarded. */
const poll = 2
const holders = testHolders(3)
const namespace = { namespace_name: 'bench', namespace_nonce: 12345 }

export async function run(): Promise<readonly RatioLine[]> {
  const folder = folderOf(await mkdtemp(join(tmpdir(), 'coterie-bench-')))
  const testnet = new Testnet({ folder, basePort: await findFreeBase(nodes), nodes })
  try {
    await prepareLayout(folder, { nodes, fresh: true })
    await testnet.start()
    await untilConverged(testnet, AbortSignal.timeout(patience), () => true, absenceOf)
    const key = await QuorumKeyOfHolders.make(testnet.slot(0))
    const [injected, forwarded]: [number[], number[]] = [[], []]
    for (let round = 0; round <= rounds; round++) {
      const [one, two] = [testnet.slot(1), testnet.slot(2)]
      await Promise.all([one, two].map(slot => reborn(testnet, slot)))
      const times = [await key.injectInto(one), await key.forwardTo(two)] as const
      // The first round compiles.
      if (round === 0) continue
      injected.push(times[0])
      forwarded.push(times[1])
    }
    return [
      ...lines('milliseconds from 2 of 3 shares to a provisioned node', injected),
      ...lines('milliseconds to have the key forwarded to a new node', forwarded),
    ]
  } finally {
    await testnet.stop()
    await removeFile(folder.path)
  }
}

/** A key that a node made for three holders, and what they bring. */
class QuorumKeyOfHolders {
  readonly #genesis: ReturnType<typeof parseGenesis>['output']
  readonly #envelope: unknown

  private constructor(genesis: ReturnType<typeof parseGenesis>['output']) {
    const { manifest } = genesis
    const approvals = manifestApprovals(holders.slice(0, 2), manifest)
    this.#genesis = genesis
    this.#envelope = JSON.parse(
      Buffer.from(encodeCustodyEnvelope({ manifest, approvals })).toString(),
    )
  }

  /** Makes the key in this node, which then holds it. */
  static async make(slot: NodeSlot): Promise<QuorumKeyOfHolders> {
    const request = genesisRequest(holders, namespace)
    const { json } = held(await ask(slot, '/enclave/genesis-boot', request))
    const { output } = parseGenesis('genesis', Buffer.from(JSON.stringify(json)))
    const made = new QuorumKeyOfHolders(output)
    const shares = made.#sharesFor(json.attestation_doc)
    held(await ask(slot, '/enclave/inject-shares', { ...namespace, shares }))
    await untilReady(slot)
    return made
  }

  async injectInto(slot: NodeSlot): Promise<number> {
    const booted = { manifest_envelope: this.#envelope }
    held(await ask(slot, '/enclave/boot-standard', booted))
    const { json } = held(await ask(slot, '/enclave/generate-attestation', {}))
    const shares = this.#sharesFor(json.result.GenerateAttestationResponse.attestation_doc)
    const begun = performance.now()
    const done = held(await ask(slot, '/enclave/inject-shares', { ...namespace, shares }))
    const took = performance.now() - begun
    if (done.json.reconstructed_quorum_key === null) throw new Error('two shares are enough')
    return took
  }

  async forwardTo(slot: NodeSlot): Promise<number> {
    const begun = performance.now()
    held(await ask(slot, '/enclave/share-manifest', { manifest_envelope: this.#envelope }))
    await untilReady(slot)
    return performance.now() - begun
  }

  #sharesFor(attestationDoc: readonly number[]) {
    const { manifest, shares } = this.#genesis
    const attestation = Uint8Array.from(attestationDoc)
    return holders.slice(0, 2).map((holder, i) => {
      const sealed = shares[i]?.sealed ?? new Uint8Array()
      using share = openedShare(holder, {
        envelope: { manifest },
        shares: [{ alias: holder.alias, sealed }],
      })
      const entry = entryOf({ holder, share, manifest, attestation })
      return { member_alias: entry.alias, decrypted_share: [...entry.share] }
    })
  }
}

async function reborn(testnet: Testnet, slot: NodeSlot): Promise<void> {
  await testnet.killNode(slot)
  await testnet.startNode(slot)
  const isActive = async () => (await slot.api.status()).phase === 'active'
  await until(() => isActive().catch(() => false))
}

const untilReady = (slot: NodeSlot): Promise<void> =>
  until(async () => (await phaseOf(slot)) === 'ApplicationReady')

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patience
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it never came to hold')
    await wait(poll)
  }
}

function held(answered: Answered): Answered {
  if (answered.status === 200) return answered
  throw new Error(`refused: ${JSON.stringify(answered.json)}`)
}

function lines(name: string, times: readonly number[]): readonly RatioLine[] {
  return [0.5, 0.99].map(part => ({
    ...{ goal: 'custody', name: `${name}, p${part * 100}`, nodes },
    ...{ ours: quantile(times, part), plain: Number.NaN, ratio: Number.NaN, met: null },
    bound: `of ${times.length} rounds`,
  }))
}
