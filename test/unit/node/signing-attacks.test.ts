/** Members that misuse signing, against whole nodes: what they say is bounded, bound to them, and names them. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../src/base/ids.ts'
import { seconds } from '../../../src/base/time.ts'
import type { GroupRequest } from '../../../src/node/signing-api.ts'
import { dealingCodec } from '../../../src/wire/key-ceremony.ts'
import { groupCodec, proposalCodec, proposalId } from '../../../src/wire/signing-group.ts'
import { groupAnswerCodec } from '../../../src/wire/signing-record.ts'
import { bodyOf, statementCodec } from '../../../src/wire/signing-statement.ts'
import { nonceRequestCodec, signatureShareCodec } from '../../../src/wire/threshold-signing.ts'
import { HostileMember } from '../../fakes/hostile-member.ts'
import { SigningTap } from '../../fakes/signing-tap.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const terms: GroupRequest = { suite: 'ed25519', threshold: 2, locks: false, purpose: '' }
const message = utf8('pay nobody')
const code = (error: { code: string }): string => error.code

/** Honest members a, b and c, and one whose words are in the test's hands. */
async function siege(seed: number) {
  simulation = new Simulation(seed)
  const tap = new SigningTap()
  const [a, b, c] = [
    await simulation.start('a', { found: true }),
    await simulation.start('b'),
    await simulation.start('c'),
  ]
  const broken = await simulation.start('broken', { host: tap.on })
  const all = [a, b, c, broken]
  await simulation.until(() => all.every(({ node }) => isWhole(node, 4)))
  const ids = (...nodes: readonly SimulatedNode[]): string[] => nodes.map(({ node }) => node.id)
  const group = (...nodes: readonly SimulatedNode[]) =>
    simulation.settle(a.node.signing.makeGroup({ ...terms, signers: ids(...nodes) }))
  return { a, b, c, broken, tap, group }
}

/** Why statements were not taken, and how many. */
function drops({ node }: SimulatedNode): Readonly<Record<string, number>> {
  const family = node.metrics().find(({ name }) => name === 'coterie_signing_drops_total')
  const rows = family?.samples.map(({ labels, value }) => [labels['why'], value]) ?? []
  return Object.fromEntries(rows)
}

async function noted({ node }: SimulatedNode, kind: string) {
  const ended = new AbortController()
  const found: Readonly<Record<string, unknown>>[] = []
  const events = node.events(ended.signal)
  setImmediate(() => ended.abort())
  for await (const event of events) if (event.kind === kind) found.push(event.facts)
  return found
}

test('a signer that gives false shares is named with its code, and others sign in its place', async () => {
  const { a, b, c, broken, tap, group } = await siege(1)
  const made = await group(broken, a, b)
  tap.bend = said => {
    const body = bodyOf(said, 'signature-share', signatureShareCodec)
    return body && { body: signatureShareCodec.encode({ ...body, share: new Uint8Array(32) }) }
  }
  const asked = c.node.sign({ group: made.group, message })
  expect(await simulation.settle(asked)).toMatchObject({ publicKey: made.publicKey })
  const facts = { group: made.group, suite: 'ed25519', epoch: 1 }
  expect(await noted(c, 'signing-cheat')).toEqual([
    { ...facts, accused: broken.node.id, code: 'SHARE_FALSE' },
  ])
})

test('a dealer that deals what does not hold is named to everybody, and no group comes of it', async () => {
  const { a, b, broken, tap, group } = await siege(2)
  tap.bend = said => {
    const body = bodyOf(said, 'dealing', dealingCodec)
    return body && { body: dealingCodec.encode({ ...body, proof: new Uint8Array(64) }) }
  }
  await expect(group(a, b, broken)).rejects.toMatchObject({
    code: 'DEALING_INVALID',
    message: expect.stringContaining(broken.node.id),
  })
  await simulation.time.advance(seconds(2))
  for (const honest of [a, b]) {
    expect(honest.node.signing.groups()).toEqual([])
    expect(await noted(honest, 'signing-cheat')).toMatchObject([
      { accused: broken.node.id, code: 'DEALING_INVALID' },
    ])
  }
})

test('what another said, an epoch that is not, and a statement said again get no answer', async () => {
  const { a, b, c, broken, tap, group } = await siege(3)
  const made = await group(a, b, c)
  const asked = broken.node.sign({ group: made.group, message })
  await simulation.settle(asked)
  const { frame, to } = tap.last('sign-request')
  const victim = [a, b, c].find(({ node }) => node.id === to) ?? a
  const shares = async (): Promise<number> => (await noted(victim, 'signing-made')).length
  const before = await shares()
  const net = broken.net()
  // Its nonces are spent: a refusal is all that there is.
  await net.tell(to, 'signing', frame)
  await net.tell(to, 'signing', tap.changed(frame, { epoch: 2 }))
  await simulation.time.advance(seconds(1))
  expect(await shares()).toBe(before)
  // The same by somebody who did not say it.
  const other = [a, b, c].find(({ node }) => node.id !== to) ?? b
  await other.net().tell(to, 'signing', frame)
  await simulation.time.advance(seconds(1))
  expect([await shares(), drops(victim)]).toEqual([before, { 'not-its-own': 1 }])
})

test('a flood of statements is dropped above its rate, answers none of the rest, and delays nobody else', async () => {
  const { a, b, c, broken, tap, group } = await siege(4)
  const made = await group(a, b, c)
  await simulation.settle(broken.node.sign({ group: made.group, message }))
  const { frame } = tap.last('nonce-request')
  const flood = nonceRequestCodec.encode({ count: 16 })
  const answered: string[] = []
  const { told } = broken.net().handlers
  broken.net().handlers.told = (...given) => {
    if (given[0] === 'signing') answered.push(statementCodec.decode(given[1]).kind)
    told(...given)
  }
  for (let i = 0; i < 1_000; i++) {
    const session = Uint8Array.from({ length: 16 }, (_, at) => (i >> at) & 1)
    void broken.net().tell(b.node.id, 'signing', tap.changed(frame, { body: flood, session }))
  }
  await simulation.time.advance(seconds(1))
  expect(drops(b)['rate']).toBeGreaterThan(800)
  expect(answered.length).toBeLessThan(200)
  expect(b.node.bans()).toEqual([])
  const honest = c.node.sign({ group: made.group, message: utf8('pay somebody') })
  expect(await simulation.settle(honest)).toMatchObject({ publicKey: made.publicKey })
})

test('a flood of proposals begins few ceremonies, and one that is not its bearer’s begins none', async () => {
  const { a, b, c, broken, tap, group } = await siege(5)
  await group(a, broken, b)
  const { frame } = tap.last('dealing')
  const everybody = [a, b, c, broken]
  const participants = everybody.map(({ node, net }) => {
    const { instance } = node.members().find(({ self }) => self) ?? { instance: '' }
    const { identity, kem } = net().admission.self().keys
    return { identity, instance: Uint8Array.from(Buffer.from(instance, 'hex')), kemKey: kem }
  })
  const { network, epoch } = statementCodec.decode(frame)
  const propose = async (i: number, by: SimulatedNode): Promise<string> => {
    const session = new Uint8Array(16).fill(i)
    const proposal = {
      ...{ network, epoch, session, participants, suite: 'ed25519' as const, threshold: 2 },
      ...{ clonesMax: 0, locks: false, predecessor: null, purpose: 'flood' },
    }
    const body = proposalCodec.encode(proposal)
    const subject = proposalId(proposal)
    const bytes = tap.changed(frame, { kind: 'proposal', subject, session, body })
    const { signal } = new AbortController()
    const asked = by.net().ask(c.node.id, 'signing-proposal', bytes, signal)
    return await simulation.settle(asked.then(() => 'taken', code))
  }
  expect(await propose(99, a)).toBe('REQUEST_MALFORMED')
  const answers: string[] = []
  for (let i = 0; i < 30; i++) answers.push(await propose(i, broken))
  const taken = answers.filter(answer => answer === 'taken').length
  expect([taken, new Set(answers)]).toEqual([5, new Set(['taken', 'TOO_MANY_REQUESTS'])])
  expect((await noted(c, 'signing-ceremony')).length).toBe(5)
})

test('of two who hand one key on at once one at most succeeds, and the other is told to wait', async () => {
  const { a, b, c, broken, group } = await siege(6)
  const made = await group(a, b, c)
  const signers = [a, b, broken].map(({ node }) => node.id)
  const handed = [a, b].map(({ node }) =>
    node.signing.reshare(made.group, { signers, threshold: 2 }).then(() => 'handed', code),
  )
  const ends = await simulation.settle(Promise.all(handed))
  expect(ends).toContain('RESHARING_UNDER_WAY')
  const signed = await simulation.settle(c.node.sign({ group: made.group, message }))
  expect(signed.publicKey).toEqual(made.publicKey)
})

test('who lies about where a key went wastes time, and nothing else', async () => {
  simulation = new Simulation(7)
  const hostile = await HostileMember.found(simulation)
  const honest: SimulatedNode[] = []
  for (const name of ['a', 'b', 'c', 'd']) honest.push(await simulation.start(name))
  await simulation.until(() => honest.every(({ node }) => isWhole(node, 5)))
  const [a, b, c, d] = honest
  if (!a || !b || !c || !d) throw new Error('four honest nodes were started')
  const ids = (...nodes: readonly SimulatedNode[]): string[] => nodes.map(({ node }) => node.id)
  const { signing } = a.node
  const old = await simulation.settle(signing.makeGroup({ ...terms, signers: ids(a, b) }))
  let lies = 0
  hostile.lie = protocol => {
    if (protocol !== 'signing-group') return undefined
    lies++
    const participants = [1, 2].map(byte => ({
      identity: new Uint8Array(32).fill(byte),
      instance: new Uint8Array(32).fill(byte),
    }))
    const { suite, publicKey, locks, clonesMax, threshold } = old
    const record = groupCodec.encode({
      ...{ suite, publicKey, locks, clonesMax, threshold, epoch: 99, participants },
      network: bytesOfDigest(d.node.network),
      verificationShares: [publicKey, publicKey],
    })
    return Promise.resolve(groupAnswerCodec.encode({ records: [record] }))
  }
  const first = await simulation.settle(d.node.sign({ group: old.group, message }))
  expect([first.epoch, lies]).toEqual([1, 1])
  await simulation.settle(signing.reshare(old.group, { signers: ids(b, c), threshold: 2 }))
  // The old signers, who know, cannot be asked at first: it goes by what anybody says.
  const net = d.net()
  const ask = net.ask.bind(net)
  const away = new Set<string>(ids(a, b))
  net.ask = (node, protocol, ...given) =>
    protocol === 'signing-group' && away.delete(node)
      ? Promise.reject(new Error('out of reach'))
      : ask(node, protocol, ...given)
  const next = d.node.sign({ group: old.group, message })
  expect(await simulation.settle(next, seconds(90))).toMatchObject({
    ...{ epoch: 2, publicKey: old.publicKey },
  })
  expect([d.node.signing.groups().map(({ epoch }) => epoch), lies]).toEqual([[2], 2])
})

test('a member that never says what it knows of a group keeps nobody from finding it, nor where its key went', async () => {
  const { a, b, c, broken, group } = await siege(8)
  const old = await group(a, b)
  const net = c.net()
  const ask = net.ask.bind(net)
  net.ask = (node, protocol, ...given) =>
    protocol === 'signing-group' && node === broken.node.id
      ? new Promise(() => undefined)
      : ask(node, protocol, ...given)
  const signed = () => simulation.settle(c.node.sign({ group: old.group, message }))
  expect(await signed()).toMatchObject({ epoch: 1 })
  const signers = [a, b].map(({ node }) => node.id)
  await simulation.settle(a.node.signing.reshare(old.group, { signers, threshold: 2 }))
  expect(await signed()).toMatchObject({ epoch: 2, publicKey: old.publicKey })
})

test('what most members say of where a key went is tried before what one makes up', async () => {
  const { a, b, c, broken, group } = await siege(9)
  const old = await group(a, b)
  expect(await simulation.settle(c.node.sign({ group: old.group, message }))).toBeDefined()
  const signers = [a, b].map(({ node }) => node.id)
  await simulation.settle(a.node.signing.reshare(old.group, { signers, threshold: 2 }))
  const { suite, publicKey, locks, clonesMax, threshold } = old
  const madeUp = [98, 99].map(epoch =>
    groupCodec.encode({
      ...{ suite, publicKey, locks, clonesMax, threshold, epoch },
      network: bytesOfDigest(c.node.network),
      participants: [1, 2].map(byte => ({
        identity: new Uint8Array(32).fill(byte),
        instance: new Uint8Array(32).fill(byte),
      })),
      verificationShares: [publicKey, publicKey],
    }),
  )
  const net = c.net()
  const ask = net.ask.bind(net)
  // The old signers, who know, cannot be asked at first.
  const away = new Set<string>(signers)
  net.ask = (node, protocol, ...given) => {
    if (protocol !== 'signing-group') return ask(node, protocol, ...given)
    if (away.delete(node)) return Promise.reject(new Error('out of reach'))
    const isLiar = node === broken.node.id
    return isLiar
      ? Promise.resolve(groupAnswerCodec.encode({ records: madeUp }))
      : ask(node, protocol, ...given)
  }
  const next = c.node.sign({ group: old.group, message })
  // One record that was made up costs twenty seconds.
  expect(await simulation.settle(next, seconds(10))).toMatchObject({ epoch: 2, publicKey })
})

test('a group that is made is answered, whatever became of the answers to who was asked to take part', async () => {
  const { a, b, c } = await siege(10)
  const net = a.net()
  const ask = net.ask.bind(net)
  net.ask = async (node, protocol, ...given) => {
    const answer = await ask(node, protocol, ...given)
    return protocol === 'signing-proposal' ? new Promise(() => undefined) : answer
  }
  const signers = [a, b, c].map(({ node }) => node.id)
  const made = await simulation.settle(a.node.signing.makeGroup({ ...terms, signers }))
  expect(made).toMatchObject({ epoch: 1, isSigner: true })
})
