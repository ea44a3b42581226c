import { expect, test } from 'vitest'
import { bytesOfDigest, type NodeId } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import {
  type GrantContext,
  grantKey,
  openGrant,
  signAnnouncement,
  verifyAnnouncement,
} from '../../../../src/protocol/membership/key-grant.ts'
import {
  announcementMessage,
  epochKeyId,
  epochKeyLife,
  type KeyAnnouncement,
  type KeyGrant,
  type SignedAnnouncement,
} from '../../../../src/wire/epoch-key.ts'
import { digestOfText, identity, network, otherNetwork, seeded } from './people.ts'

const creator = identity('creator')
const server = identity('server')
const asker = identity('asker')
const other = identity('other')
const random = seeded('grants')
const keyBytes = new Uint8Array(32).fill(7)
const removalDigest = bytesOfDigest(digestOfText('removals'))

function announce(changes: Partial<KeyAnnouncement> = {}, on = network): SignedAnnouncement {
  const announced = {
    kind: 'traffic',
    id: bytesOfDigest(epochKeyId('traffic', new Secret(keyBytes.slice()))),
    creator: creator.member.keys.identity,
    removalDigest,
    life: epochKeyLife.traffic,
    ...changes,
  } as const
  return signAnnouncement({ sign: message => creator.signing.sign(message) }, on, announced)
}

const contextOf = (from: NodeId, to: NodeId, nonce = 1): GrantContext => ({
  network,
  server: from,
  asker: to,
  request: { id: announce().id, nonce: new Uint8Array(16).fill(nonce), removalDigest },
})
const context = contextOf(server.member.node, asker.member.node)
const grantOf = (inContext: GrantContext, to = asker, announcement = announce()): KeyGrant => {
  const granted = { announcement, removalDigest, lifeLeft: 1000, key: new Secret(keyBytes.slice()) }
  const grant = grantKey(inContext, granted, { kemKey: to.member.keys.kem, random })
  if (grant === undefined) throw new Error('the KEM key is well-formed')
  return grant
}
const ports = (who: typeof asker): { decapsulate: (bytes: Uint8Array) => Secret | undefined } => ({
  decapsulate: bytes => who.kem.decapsulate(bytes),
})
const flawOf = (opened: ReturnType<typeof openGrant>): string =>
  opened.kind === 'flawed' ? opened.code : opened.kind

test('a grant opens for the node that asked and holds the key that was announced', () => {
  const opened = openGrant(context, grantOf(context), ports(asker))
  if (opened.kind !== 'opened') throw new Error(opened.code)
  expect(opened.key.use(bytes => [...bytes])).toEqual([...keyBytes])
})

test('a grant wrapped for another node does not open', () => {
  const stolen = grantOf(contextOf(server.member.node, other.member.node), other)
  expect(flawOf(openGrant(context, stolen, ports(asker)))).toBe('GRANT_FORGED')
  // Even if the thief could decapsulate, the wrapping key names the node it was for.
  expect(flawOf(openGrant(context, stolen, ports(other)))).toBe('GRANT_FORGED')
})

test('a grant of another server, another request or another network does not open', () => {
  const answers = [
    contextOf(other.member.node, asker.member.node),
    contextOf(server.member.node, asker.member.node, 2),
    { ...context, network: otherNetwork },
  ].map(elsewhere => openGrant(context, grantOf(elsewhere), ports(asker)))
  expect(answers.map(flawOf)).toEqual(['GRANT_FORGED', 'GRANT_FORGED', 'GRANT_FORGED'])
})

test('a grant with a longer life, another removal set or changed bytes does not open', () => {
  const grant = grantOf(context)
  const changed = grant.sealedKey.slice()
  changed[0] = (changed[0] ?? 0) ^ 1
  const forged = [
    { ...grant, lifeLeft: 1001 },
    { ...grant, removalDigest: new Uint8Array(32) },
    { ...grant, sealedKey: changed },
    { ...grant, encapsulation: grant.encapsulation.map(byte => byte ^ 1) },
  ].map(one => flawOf(openGrant(context, one, ports(asker))))
  expect(forged).toEqual(['GRANT_FORGED', 'GRANT_FORGED', 'GRANT_FORGED', 'GRANT_FORGED'])
  const tooLong = { ...grant, lifeLeft: (epochKeyLife.traffic ?? 0) + 1 }
  expect(flawOf(openGrant(context, tooLong, ports(asker)))).toBe('GRANT_TOO_LONG')
  const endless = { ...grant, lifeLeft: null }
  expect(flawOf(openGrant(context, endless, ports(asker)))).toBe('GRANT_TOO_LONG')
})

test('another key than the one asked for, or one that its announcement does not name, is refused', () => {
  const id = bytesOfDigest(digestOfText('another id'))
  const grant = grantOf(context)
  const elsewhere = { ...context, request: { ...context.request, id } }
  expect(flawOf(openGrant(elsewhere, grant, ports(asker)))).toBe('GRANT_FOR_ANOTHER_KEY')
  const mislabelled = grantOf(elsewhere, asker, announce({ id }))
  expect(flawOf(openGrant(elsewhere, mislabelled, ports(asker)))).toBe('GRANT_FORGED')
  const otherKind = announce({ kind: 'storage', life: epochKeyLife.storage })
  const crossed = grantOf(context, asker, otherKind)
  expect(flawOf(openGrant(context, crossed, ports(asker)))).toBe('GRANT_FORGED')
})

test('an announcement holds only as its creator signed it, for this network', () => {
  expect(verifyAnnouncement(network, announce())).toBe(true)
  expect(verifyAnnouncement(otherNetwork, announce())).toBe(false)
  for (const change of [
    { creator: other.member.keys.identity },
    { removalDigest: new Uint8Array(32) },
    { id: new Uint8Array(32) },
    { life: 1 },
    { kind: 'storage' as const },
  ]) {
    expect(verifyAnnouncement(network, { ...announce(), ...change })).toBe(false)
  }
})

test('no announcement gives a key a longer life than its kind has, nor an end to what has none', () => {
  const longest = epochKeyLife.traffic ?? 0
  expect(verifyAnnouncement(network, announce({ life: longest + 1 }))).toBe(false)
  expect(verifyAnnouncement(network, announce({ life: null }))).toBe(false)
  expect(verifyAnnouncement(network, announce({ life: 0 }))).toBe(false)
  expect(verifyAnnouncement(network, announce({ kind: 'commit', life: 1000 }))).toBe(false)
  expect(verifyAnnouncement(network, announce({ kind: 'commit', life: null }))).toBe(true)
  expect(announcementMessage(network, announce({ life: null }))).not.toEqual(
    announcementMessage(network, announce({ life: 0 })),
  )
})

test('one key under two kinds has two ids, so that no kind stands in for another', () => {
  const key = new Secret(keyBytes.slice())
  const ids = (['traffic', 'storage', 'commit'] as const).map(kind => epochKeyId(kind, key))
  expect(new Set(ids).size).toBe(3)
})

test('nothing is wrapped for bytes that are no KEM key', () => {
  const granted = {
    ...{ announcement: announce(), removalDigest, lifeLeft: 1000 },
    key: new Secret(keyBytes.slice()),
  }
  const kemKey = new Uint8Array(asker.member.keys.kem.length).fill(0xff)
  expect(grantKey(context, granted, { kemKey, random })).toBeUndefined()
})
