/** Nodes that lie to a light client, and bundles: no lie is ever believed, and what was believed can be shown again. */
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { registersOf } from '../../../src/host/tee/machine.ts'
import { LightClient, reportBytes, verifyBundle } from '../../../src/light/client.ts'
import {
  checkpointCodec,
  checkpointDigest,
  checkpointMessage,
} from '../../../src/wire/checkpoint.ts'
import { attestationAnswerCodec, checkpointReportData } from '../../../src/wire/light-answers.ts'
import { possessionMessage } from '../../../src/wire/member-record.ts'
import { opened } from '../../fixtures/light-client.ts'
import { testNode } from '../../fixtures/network.ts'

describe('a lie', () => {
  test('an answer to another nonce is refused', async () => {
    const { client, nodes } = await opened({ asks: 1 })
    nodes.a.bends.attestation = answer => ({ ...answer, nonce: new Uint8Array(32).fill(0xee) })
    expect(await client.check()).toMatchObject({ verdict: 'refused', code: 'NONCE_MISMATCH' })
  })

  test('an answer that the key of the node did not sign, or that its key never wanted, is refused', async () => {
    const { client, nodes } = await opened({ asks: 1 })
    nodes.a.bends.bytes = (path, bytes) => {
      if (!path.startsWith('/attestation')) return bytes
      const answer = attestationAnswerCodec.decode(bytes)
      return attestationAnswerCodec.encode({ ...answer, signature: new Uint8Array(64).fill(1) })
    }
    expect(await client.check()).toMatchObject({ verdict: 'refused', code: 'ECHO_INVALID' })
    nodes.a.bends = {
      attestation: answer => {
        return { ...answer, record: { ...answer.record, possession: new Uint8Array(64).fill(1) } }
      },
    }
    expect(await client.check()).toMatchObject({ verdict: 'refused', code: 'POSSESSION_INVALID' })
  })

  test('evidence of software that the manifest does not name is refused', async () => {
    const { client, network, nodes } = await opened({ asks: 1 })
    const other = await testNode(network.network, 'light-0', {
      registers: registersOf('something-else'),
    })
    const evidence = other.evidence
    nodes.a.bends.attestation = answer => {
      const message = possessionMessage(network.network.network, answer.record.keys, evidence)
      const possession = nodes.a.node.signing.sign(message)
      return { ...answer, record: { ...answer.record, evidence, possession } }
    }
    const report = await client.check()
    expect(report).toMatchObject({ verdict: 'refused', code: 'MEASUREMENT_MISMATCH', head: null })
    expect(
      report.nodes[0]?.inspection?.checks.find(({ id }) => id === 'measurement'),
    ).toMatchObject({
      outcome: 'fail',
    })
  })

  test('a quote of another machine over the checkpoint is refused', async () => {
    const { client, nodes } = await opened({ asks: 1 })
    const { quoted } = nodes.a
    const reportData = checkpointReportData(
      'simulated',
      checkpointDigest(checkpointCodec.decode(quoted?.checkpoint ?? new Uint8Array())),
    )
    const evidence = await nodes.b.node.attester.quote(reportData, new AbortController().signal)
    if (quoted !== null) nodes.a.quoted = { ...quoted, evidence }
    expect(await client.check()).toMatchObject({ verdict: 'refused', code: 'QUOTE_INVALID' })
  })

  test('a checkpoint of another node is not believed as its own', async () => {
    const { client, nodes } = await opened({ asks: 1 })
    const foreign = checkpointCodec.encode(nodes.b.latest ?? ({} as never))
    nodes.a.bends.served = answer => ({ ...answer, checkpoint: foreign })
    expect(await client.check()).toMatchObject({ verdict: 'refused', code: 'CHECKPOINT_INVALID' })
  })

  test('a checkpoint of another network is not believed', async () => {
    const { client, network, nodes } = await opened({ asks: 1 })
    nodes.a.bends.claim = claim => ({ ...claim, network: new Uint8Array(32) })
    await network.advance()
    expect(await client.check()).toMatchObject({ code: 'QUOTE_INVALID' })
    nodes.a.quoted = null
    expect(await client.check()).toMatchObject({ code: 'CHECKPOINT_INVALID' })
  })

  test('co-signatures of nodes without evidence, with false ones, or twice, count nothing', async () => {
    const { client, nodes } = await opened({ asks: 1 })
    nodes.a.bends.served = answer => ({
      ...answer,
      cosignatures: answer.cosignatures.flatMap(each => [
        { ...each, evidence: new Uint8Array(32).fill(1) },
        { ...each, signature: new Uint8Array(64).fill(1) },
        { ...each, node: new Uint8Array(32).fill(1) },
        { ...each, sequence: each.sequence + 1 },
      ]),
    })
    expect((await client.check()).nodes[0]?.fields?.machines).toBe(1)
    const own = nodes.a.latest
    if (own === undefined) throw new Error('a checkpoint')
    const { claim: _, ...self } = own
    const evidence = bytesOfDigest(nodes.a.node.evidenceDigest)
    nodes.a.bends.served = answer => ({
      ...answer,
      cosignatures: [
        { ...self, evidence },
        { ...self, evidence },
      ],
    })
    expect((await client.check()).nodes[0]?.fields?.machines).toBe(1)
  })

  test('a key that no TEE holds counts nothing beside the evidence of a node that is one', async () => {
    const { client, nodes } = await opened({ asks: 1 })
    const stranger = new SigningKey(new Secret(new Uint8Array(32).fill(5)))
    nodes.a.bends.served = answer => {
      const { claim } = checkpointCodec.decode(answer.checkpoint)
      const place = { node: stranger.publicKey, sequence: 1, previous: new Uint8Array(32) }
      const placed = { ...place, groupClock: 1, claim }
      const signature = stranger.sign(checkpointMessage(placed))
      const evidence = bytesOfDigest(nodes.b.node.evidenceDigest)
      return { ...answer, cosignatures: [{ ...place, groupClock: 1, signature, evidence }] }
    }
    expect((await client.check()).nodes[0]?.fields?.machines).toBe(1)
    nodes.a.bends = {
      evidence: answer => {
        return { ...answer, record: { ...answer.record, possession: new Uint8Array(64).fill(1) } }
      },
    }
    expect((await client.check()).nodes[0]?.fields?.machines).toBe(1)
  })

  test('a node that hands out false evidence of the others takes no voice from what honest nodes serve', async () => {
    const { client, nodes } = await opened()
    nodes.a.bends.bytes = (path, bytes) => (path.startsWith('/light/evidence') ? utf8('x') : bytes)
    expect(await client.check()).toMatchObject({ verdict: 'trusted', state: 'fresh' })
    nodes.a.bends = {
      served: answer => {
        const [first] = answer.cosignatures
        if (first === undefined) throw new Error('a co-signature')
        const made = (i: number) => ({ ...first, evidence: new Uint8Array(32).fill(i) })
        return { ...answer, cosignatures: Array.from({ length: 32 }, (_, i) => made(i)) }
      },
    }
    const { nodes: views } = await client.check()
    expect(views.map(({ state }) => state)).toEqual(['fresh', 'fresh', 'fresh'])
  })

  test('the proof of another key, of another root, or of an older head shows nothing', async () => {
    const { client, network, nodes } = await opened({
      asks: 1,
      values: { 'public/motd': 'hello', 'public/b': 'x' },
    })
    nodes.a.bends.bytes = (path, bytes) =>
      path.includes('public%2Fmotd')
        ? (network.answer(network.origins[1] ?? '', path.replace('motd', 'b'))?.bytes ?? null)
        : bytes
    const other = await client.get('public/motd')
    expect(other.content).toBeUndefined()
    nodes.a.bends = { proof: answer => ({ ...answer, sequence: answer.sequence - 1 }) }
    const older = await client.get('public/motd')
    expect(older).toMatchObject({ content: undefined, report: { code: 'VALUE_NOT_PROVEN' } })
    nodes.a.bends = {}
    network.set('public/motd', 'later')
    const early = await client.get('public/motd')
    expect(early).toMatchObject({
      content: undefined,
      report: { verdict: 'refused', code: 'PROOF_INVALID' },
    })
  })

  test('a manifest that is not pinned is refused, and no node is looked at under it', async () => {
    const { network } = await opened()
    const pin = { ...network.pin, manifest: 'ab'.repeat(32) as never }
    const client = await LightClient.open(network.ports(), { pin, sources: network.origins })
    expect(await client.check()).toMatchObject({
      verdict: 'refused',
      code: 'MANIFEST_NOT_PINNED',
      nodes: [],
    })
    const other = { ...network.pin, network: 'ab'.repeat(32) as never }
    const lost = await LightClient.open(network.ports(), { pin: other, sources: network.origins })
    expect(await lost.check()).toMatchObject({ verdict: 'refused', code: 'NETWORK_NOT_PINNED' })
  })

  test('bytes that are no answer are refused, silence is undetermined', async () => {
    const { client, nodes } = await opened()
    nodes.a.bends.bytes = (path, bytes) => (path.startsWith('/attestation') ? utf8('hello') : bytes)
    nodes.b.bends.bytes = () => null
    const report = await client.check()
    expect(report.nodes.map(({ verdict, code }) => `${verdict} ${code}`)).toEqual([
      'refused ANSWER_MALFORMED',
      'undetermined SOURCE_HAS_NONE',
      'trusted TRUSTED',
    ])
    expect(report).toMatchObject({ verdict: 'refused', code: 'ANSWER_MALFORMED' })
  })
})

describe('a bundle', () => {
  test('gives the same report bytes and the same value again, without the network', async () => {
    const { client, network, memory } = await opened()
    await client.check()
    await network.advance()
    expect(memory.bytes).toBeDefined()
    const { report, content } = await client.get('public/motd')
    const again = await verifyBundle(client.bundle(), { pin: network.pin })
    expect(reportBytes(again.report)).toEqual(reportBytes(report))
    expect(again).toMatchObject({ content, key: 'public/motd' })
  })

  test('under another pin shows nothing', async () => {
    const { client, network } = await opened()
    await client.get('public/motd')
    const pin = { ...network.pin, network: 'ab'.repeat(32) as never }
    expect(await verifyBundle(client.bundle(), { pin })).toMatchObject({
      content: undefined,
      report: { verdict: 'refused', code: 'NETWORK_NOT_PINNED' },
    })
  })

  test('that is none is said to be none, and there is none before the first look', async () => {
    const { client, network } = await opened()
    expect(() => client.bundle()).toThrow(expect.objectContaining({ code: 'NOTHING_TO_BUNDLE' }))
    await expect(verifyBundle(utf8('{}'), { pin: network.pin })).rejects.toMatchObject({
      code: 'BUNDLE_BROKEN',
    })
  })
})
