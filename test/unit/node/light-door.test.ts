/** Whole nodes: what a stranger who holds the manifest alone can verify of what they say, and what they do not say. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../src/base/bytes.ts'
import { bytesOfDigest, digestOf, nodeIdOfKey } from '../../../src/base/ids.ts'
import {
  type Clock,
  type Duration,
  instant,
  milliseconds,
  seconds,
  timestamp,
} from '../../../src/base/time.ts'
import { LightDoor, type LightDoorPorts } from '../../../src/node/light-door.ts'
import {
  type Checkpoint,
  type CheckpointClaim,
  checkpointCodec,
  checkpointDigest,
  claimCodec,
  rootOfClaim,
  verifyCheckpoint,
} from '../../../src/wire/checkpoint.ts'
import { evidenceDigest, keyReportData } from '../../../src/wire/evidence.ts'
import {
  attestationAnswerCodec,
  checkpointReportData,
  type ServedCheckpoint,
  servedCheckpointCodec,
  servedEvidenceCodec,
  servedProofCodec,
  verifyEcho,
} from '../../../src/wire/light-answers.ts'
import type { LightQuestion } from '../../../src/wire/light-question.ts'
import { verifyPossession } from '../../../src/wire/member-record.ts'
import { decodePublicProof, verifyKeyProof } from '../../../src/wire/state-proof.ts'
import { type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { testNetwork } from '../../fixtures/network.ts'

interface World {
  readonly simulation: Simulation
  readonly nodes: readonly SimulatedNode[]
  readonly pass: (span: Duration) => Promise<void>
}

async function world(seed: number, count: number): Promise<World> {
  const fixture = testNetwork({
    seed: `light ${seed}`,
    change: manifest => ({ ...manifest, api: { ...manifest.api, publicPrefixes: ['public/'] } }),
  })
  const simulation = new Simulation(seed, fixture)
  const nodes = await simulation.startNetwork(count)
  const pass = async (span: Duration): Promise<void> => {
    const { clock } = simulation.time
    const end = clock.monotonic() + span
    await simulation.until(() => clock.monotonic() >= end, milliseconds(2 * span + 1000))
  }
  return { simulation, nodes, pass }
}

interface Said extends ServedCheckpoint {
  readonly own: Checkpoint
  readonly content: CheckpointClaim
}

async function said({ node }: SimulatedNode, cosigners: number): Promise<Said> {
  const answer = await node.light.answer({ kind: 'checkpoint', cosigners })
  const served = servedCheckpointCodec.decode(answer)
  const own = checkpointCodec.decode(served.checkpoint)
  return { ...served, own, content: claimCodec.decode(own.claim) }
}

const codeOf = ({ node }: SimulatedNode, question: LightQuestion): Promise<string> =>
  node.light.answer(question).then(
    () => 'answered',
    (error: { code: string }) => error.code,
  )

const proofOf = (key: string, sequence: number | null = null): LightQuestion => ({
  kind: 'proof',
  key,
  sequence,
})

test('nodes that write all the time co-sign each other, and every word of it verifies', async () => {
  const { simulation, nodes, pass } = await world(61, 4)
  const { network } = simulation.fixture
  let written = 0
  for (let turn = 0; turn < 60; turn++) {
    for (const { node } of nodes) {
      const value = utf8(`${written++}`)
      void node.state.set(`public/${turn % 5}`, value, { ack: 'local' })
      void node.state.set(`secret/${turn % 7}`, value, { ack: 'local' })
    }
    await pass(seconds(0.2))
  }
  for (const one of nodes) {
    const { own, content, evidence, cosignatures } = await said(one, 3)
    expect(nodeIdOfKey(own.node)).toBe(one.node.id)
    expect(verifyCheckpoint(own)).toBe(true)
    expect(toHex(content.network)).toBe(network)
    expect(toHex(content.manifest)).toBe(simulation.fixture.hash)
    expect(cosignatures).toHaveLength(3)
    for (const { evidence: _, ...short } of cosignatures) {
      expect(verifyCheckpoint({ ...short, claim: own.claim })).toBe(true)
    }
    const signers = [{ node: own.node, evidence }, ...cosignatures]
    expect(new Set(signers.map(({ node }) => toHex(node))).size).toBe(4)
    for (const signer of signers) {
      const { record } = servedEvidenceCodec.decode(
        await one.node.light.answer({ kind: 'evidence', digest: digestOf(signer.evidence) }),
      )
      expect(bytesOfDigest(evidenceDigest(record.evidence))).toEqual(signer.evidence)
      expect(record.keys.identity).toEqual(signer.node)
      expect(verifyPossession(network, record)).toBe(true)
      // What the TEE signed names these keys: an appraisal holds it against exactly this.
      expect(keyReportData(network, record.evidence.platform, record.keys)).toHaveLength(64)
    }
    const root = rootOfClaim(content)
    for (const key of ['public/0', 'public/4', 'public/none']) {
      const answer = servedProofCodec.decode(
        await one.node.light.answer(proofOf(key, own.sequence)),
      )
      expect(answer.sequence).toBe(own.sequence)
      const proof = decodePublicProof(answer.proof, content.privateRoot)
      const leaves = verifyKeyProof(proof, { key, isPublic: true, root })
      const values = leaves?.map(({ value }) => Number(fromUtf8(value)))
      expect(values?.length).toBe(key === 'public/none' ? 0 : 1)
    }
    expect(await codeOf(one, proofOf('secret/0'))).toBe('NOT_PUBLIC')
    expect(await codeOf(one, proofOf('publi'))).toBe('NOT_PUBLIC')
    expect(await codeOf(one, proofOf('public/0', own.sequence + 1000))).toBe('CHECKPOINT_GONE')
    const unknown = digestOf(new Uint8Array(32))
    expect(await codeOf(one, { kind: 'evidence', digest: unknown })).toBe('EVIDENCE_NOT_HELD')
  }
  await simulation.stop()
})

test('a chain goes on by one link a second at most, and an older proof ends with its checkpoint', async () => {
  const { simulation, nodes, pass } = await world(62, 2)
  const [one] = nodes as [SimulatedNode]
  await pass(seconds(10))
  let { own: before } = await said(one, 0)
  const first = before
  const startedAt = simulation.time.clock.monotonic()
  let links = 0
  while (links < 12) {
    await pass(seconds(0.1))
    const { own } = await said(one, 0)
    if (own.sequence === before.sequence) continue
    links++
    expect(own.sequence).toBe(before.sequence + 1)
    expect(toHex(own.previous)).toBe(checkpointDigest(before))
    const [cut, earlier] = [own, before].map(({ claim }) => claimCodec.decode(claim).cut)
    expect((cut ?? 0) - (earlier ?? 0)).toBeGreaterThanOrEqual(1000)
    expect(own.groupClock - (cut ?? 0)).toBeGreaterThanOrEqual(2000)
    before = own
  }
  const perSecond = (12 * 1000) / (simulation.time.clock.monotonic() - startedAt)
  expect(perSecond).toBeGreaterThan(0.5)
  expect(perSecond).toBeLessThan(1.2)
  expect(await codeOf(one, proofOf('public/0', first.sequence))).toBe('CHECKPOINT_GONE')
  expect(await codeOf(one, proofOf('public/0', before.sequence - 5))).toBe('answered')
  await simulation.stop()
})

test('a node alone says so: nobody co-signs its newest checkpoint', async () => {
  const { simulation, nodes, pass } = await world(63, 3)
  const [one, ...others] = nodes as [SimulatedNode, SimulatedNode, SimulatedNode]
  await pass(seconds(10))
  expect((await said(one, 3)).cosignatures).toHaveLength(2)
  for (const other of others) await other.crash()
  await pass(seconds(20))
  const { own, cosignatures } = await said(one, 3)
  expect(cosignatures).toEqual([])
  expect(own.sequence).toBeGreaterThan(15)
  await simulation.stop()
})

test('a nonce is answered by the identity, over a quote about a late checkpoint', async () => {
  const { simulation, nodes, pass } = await world(64, 2)
  const { network } = simulation.fixture
  const [one] = nodes as [SimulatedNode]
  await pass(seconds(10))
  const nonce = new Uint8Array(32).fill(7)
  const ask = async (): Promise<ReturnType<typeof attestationAnswerCodec.decode>> =>
    attestationAnswerCodec.decode(
      await simulation.settle(one.node.light.answer({ kind: 'attestation', nonce })),
    )
  const answer = await ask()
  expect(answer.nonce).toEqual(nonce)
  expect(nodeIdOfKey(answer.record.keys.identity)).toBe(one.node.id)
  expect(verifyEcho(network, answer)).toBe(true)
  expect(verifyEcho(network, { ...answer, nonce: new Uint8Array(32).fill(8) })).toBe(false)
  const quoted = checkpointCodec.decode(answer.quoted?.checkpoint ?? new Uint8Array())
  expect(verifyCheckpoint(quoted)).toBe(true)
  const data = checkpointReportData('simulated', checkpointDigest(quoted))
  expect(toHex(answer.quoted?.evidence.body ?? new Uint8Array())).toContain(toHex(data))
  // The quote is kept while it is young, and the chain goes on.
  await pass(seconds(30))
  const later = await ask()
  expect(later.quoted).toEqual(answer.quoted)
  const latest = checkpointCodec.decode(later.latest ?? new Uint8Array())
  expect(latest.sequence).toBeGreaterThan(quoted.sequence + 20)
  await pass(seconds(45 * 60))
  await ask()
  await pass(seconds(2))
  const renewed = checkpointCodec.decode((await ask()).quoted?.checkpoint ?? new Uint8Array())
  expect(renewed.sequence).toBeGreaterThan(quoted.sequence + 1000)
  await simulation.stop()
}, 120_000)

test('clients together are held to a rate, by what they ask', async () => {
  const { simulation, nodes, pass } = await world(65, 2)
  const [one] = nodes as [SimulatedNode]
  const { node } = one
  await pass(seconds(10))
  const coded = (question: LightQuestion): Promise<string> => codeOf(one, question)
  const many = async (count: number): Promise<readonly string[]> =>
    Promise.all(Array.from({ length: count }, () => coded({ kind: 'manifest' })))
  const first = await many(600)
  expect(first.filter(code => code === 'answered')).toHaveLength(500)
  expect(first.at(-1)).toBe('TOO_MANY_REQUESTS')
  // Nothing is made for whoever comes on top, not even a refusal of its own.
  expect(await coded(proofOf('secret/0'))).toBe('TOO_MANY_REQUESTS')
  await pass(seconds(1))
  expect(await coded(proofOf('secret/0'))).toBe('NOT_PUBLIC')
  expect(await coded({ kind: 'checkpoint', cosigners: 1 })).toBe('answered')
  const nonce = new Uint8Array(32).fill(9)
  const attested = attestationAnswerCodec.decode(
    await node.light.answer({ kind: 'attestation', nonce }),
  )
  expect(attested.nonce).toEqual(nonce)
  const digest = evidenceDigest(attested.record.evidence)
  const { record } = servedEvidenceCodec.decode(
    await node.light.answer({ kind: 'evidence', digest }),
  )
  expect(record).toEqual(attested.record)
  // The node's own application is no stranger.
  await many(600)
  expect(node.manifestFile().length).toBeGreaterThan(0)
  await simulation.stop()
})

test('clients together are held to a rate by the bytes that they get, too', async () => {
  const file = new Uint8Array(2 * 1024 * 1024)
  let now = 0
  const clock: Clock = { monotonic: () => instant(now), wall: () => timestamp(now) }
  const ports = { host: { clock }, manifests: { file: () => file } }
  const door = new LightDoor(ports as unknown as LightDoorPorts)
  for (let i = 0; i < 20; i++) expect(await door.answer({ kind: 'manifest' })).toBe(file)
  await expect(door.answer({ kind: 'manifest' })).rejects.toMatchObject({
    code: 'TOO_MANY_REQUESTS',
  })
  now += seconds(1)
  expect(await door.answer({ kind: 'manifest' })).toBe(file)
})
