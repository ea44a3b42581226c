/** The tools of holders and the machine of a node, over the bytes that go between them. */
import { expect, test } from 'vitest'
import { encodeCustodyEnvelope } from '../../src/attestation/custody/approvals.ts'
import { fromHex } from '../../src/base/bytes.ts'
import { instant } from '../../src/base/time.ts'
import { combineShares, shareSecret } from '../../src/crypto/secret-shares.ts'
import { systemRandom } from '../../src/host/random.ts'
import { Custody } from '../../src/protocol/custody/custody.ts'
import type {
  CustodyAnswer,
  CustodyInput,
  GenesisAnswer,
} from '../../src/protocol/custody/types.ts'
import { possessionMessage } from '../../src/wire/member-record.ts'
import { coterie } from '../fixtures/command-line.ts'
import { presentNode } from '../fixtures/genesis.ts'
import { approve, type Desk, decryptShare, holderDesk } from '../fixtures/holder-desk.ts'
import type { TestNode } from '../fixtures/network.ts'

async function machine(desk: Desk, node: TestNode) {
  const message = possessionMessage(desk.network.network, node.keys, node.evidence)
  const record = {
    keys: node.keys,
    evidence: node.evidence,
    possession: node.signing.sign(message),
  }
  const custody = new Custody(
    {
      random: systemRandom,
      decapsulate: ciphertext => node.kem.decapsulate(ciphertext),
      record: () => record,
      owner: () => null,
      member: () => undefined,
      peers: () => [],
      isActive: () => true,
      charter: () => ({
        genesisFlaw: () => undefined,
        manifestFlaw: () => undefined,
        namesHolders: false,
      }),
      rival: () => null,
      lease: () => ({ kind: 'held', instances: 1, citing: 1 }),
    },
    { network: desk.network.network, self: node.id },
  )
  const answers: unknown[] = []
  const feed = async (input: CustodyInput): Promise<void> => {
    for (const effect of custody.step(input, instant(0))) {
      const { kind } = effect
      if (kind === 'split')
        await feed({
          kind: 'divided',
          job: effect.job,
          shares: await shareSecret(effect.secret, effect),
        })
      else if (kind === 'combine')
        await feed({
          kind: 'combined',
          job: effect.job,
          secret: (await combineShares(effect.shares)) ?? null,
        })
      else if (kind === 'quote') {
        const evidence = await node.attester.quote(effect.reportData, new AbortController().signal)
        await feed({ kind: 'quoted', job: effect.job, evidence })
      } else if (kind === 'reply') answers.push(effect.answer)
      else if (kind === 'refuse') answers.push(effect.refusal)
    }
  }
  return {
    custody,
    ask: async (input: CustodyInput) => {
      await feed(input)
      return answers.at(-1) as CustodyAnswer
    },
  }
}

const bytes = (hex: string) => [...(fromHex(hex) ?? [])]
const jsonOf = (genesis: GenesisAnswer) => ({
  quorum_public_key: bytes(genesis.quorumKey),
  ephemeral_key: [...genesis.kemKey],
  manifest_envelope: genesis.envelope,
  waiting_state: 'WaitingForQuorumShards',
  encrypted_shares: genesis.shares.map(({ alias, key, sealed, commitment }) => ({
    share_set_member: { alias, pub_key: bytes(key) },
    encrypted_quorum_key_share: [...sealed],
    share_hash: bytes(commitment),
  })),
  attestation_doc: [...genesis.attestation],
})

/** The envelope of a genesis, approved by two holders. */
async function approved(desk: Desk, file: string): Promise<Uint8Array> {
  const approvals: string[] = []
  for (const holder of [0, 1]) {
    approvals.push(desk.save(`a${holder}.json`, (await approve(desk, file, holder)).out))
  }
  const { out } = await coterie(['keys', 'combine', file, ...approvals])
  return new TextEncoder().encode(out)
}

test('a key that a machine makes comes back to it, and to a fresh node after a disaster, by the tools of two holders', async () => {
  const desk = await holderDesk()
  const { custody, ask } = await machine(desk, desk.node)
  const members = desk.holders
  const terms = {
    namespace: { name: 'qos-namespace', nonce: 12345 },
    pivot: null,
    manifestSet: { members, threshold: 2 },
    shareSet: { members, threshold: 2 },
  }
  const genesis = await ask({ kind: 'genesisBoot', request: 1, terms })
  if (genesis.kind !== 'genesis') throw new Error(JSON.stringify(genesis))
  const file = desk.save('genesis.json', jsonOf(genesis))
  const carry = async (more: readonly string[] = []) => {
    const shares = []
    for (const holder of [0, 2]) {
      const { code, out, err } = await decryptShare(desk, file, more, holder)
      expect([code, err]).toEqual([0, expect.any(String)])
      shares.push({ alias: members[holder]?.alias ?? '', share: Uint8Array.from(JSON.parse(out)) })
    }
    return shares
  }
  const namespace = terms.namespace
  const done = await ask({
    kind: 'injectShares',
    request: 2,
    namespace,
    approvals: [],
    shares: await carry(),
  })
  expect(done).toMatchObject({ kind: 'shares', isProvisioned: true, refused: [] })
  expect(custody.view().phase).toBe('ApplicationReady')
  // A fresh node, with the envelope of two approvals.
  const envelope = await approved(desk, file)
  const fresh = await machine(desk, await presentNode(desk.network, 'fresh'))
  await fresh.ask({ kind: 'bootStandard', request: 1, envelope })
  const attested = await fresh.ask({ kind: 'attestBoot', request: 2 })
  if (attested.kind !== 'attestation') throw new Error(JSON.stringify(attested))
  const target = desk.save('target.json', { attestation_doc: [...attested.attestation] })
  const back = await fresh.ask({
    kind: 'injectShares',
    request: 3,
    namespace,
    approvals: [],
    shares: await carry(['--target', target]),
  })
  expect(back).toMatchObject({
    kind: 'shares',
    isProvisioned: true,
    quorumKey: genesis.quorumKey,
    refused: [],
  })
  expect(encodeCustodyEnvelope(genesis.envelope).length).toBeGreaterThan(0)
})
