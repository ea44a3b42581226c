/** The rest of the holes of Renclave v2, over HTTP: what a use of the key gives away, what a log tells, what opens a node again. */
import { base64 } from '@scure/base'
import { afterEach, describe, expect, test } from 'vitest'
import { approvalMessage, isApproval } from '../../../src/attestation/custody/approvals.ts'
import { custodyManifestHash } from '../../../src/attestation/custody/custody-manifest.ts'
import { exportMessage, isSignedExport } from '../../../src/attestation/custody/transfers.ts'
import { concatBytes, fromHex, toHex, utf8 } from '../../../src/base/bytes.ts'
import { keyOfNodeId } from '../../../src/base/ids.ts'
import type { Secret } from '../../../src/base/secret.ts'
import { nonceBytes, seal } from '../../../src/crypto/aead.ts'
import { verifyEcdsa } from '../../../src/crypto/ecdsa.ts'
import { framed } from '../../../src/crypto/hash.ts'
import { QuorumKeys, quorumPurposes, signingPoint } from '../../../src/crypto/quorum-keys.ts'
import { combineShares } from '../../../src/crypto/secret-shares.ts'
import { verifySignature } from '../../../src/crypto/sign.ts'
import { hostOptions } from '../../../src/node/options.ts'
import { custodyDomains } from '../../../src/wire/custody-domains.ts'
import { domains } from '../../../src/wire/domains.ts'
import { openedShare } from '../../fakes/custody-people.ts'
import { CustodySite, type SiteNode } from '../../fakes/custody-site.ts'

let site: CustodySite
afterEach(() => site.simulation.stop())

function alone(seed: number): Promise<SiteNode> {
  site = new CustodySite(seed)
  return site.startAlone()
}

type Made = Awaited<ReturnType<CustodySite['genesis']>>

/** What two holders together could know, and nobody else ever may. */
async function secretsOf(made: Made): Promise<{ readonly seed: Secret; readonly all: Secret[] }> {
  const shares = site.holders.map(holder => openedShare(holder, made))
  const seed = await combineShares(shares.slice(0, 2))
  if (seed === undefined) throw new Error('two shares are enough')
  return { seed, all: [seed, ...shares] }
}

describe('whatever a caller may choose was signed with the key of the quorum', () => {
  test('no signature for a caller passes as an approval, an export, a checkpoint, a rollup or an act of a node', async () => {
    const node = await alone(21)
    const made = await site.provision(node)
    const quorum = fromHex(made.quorumKey) ?? new Uint8Array(0)
    const hash = custodyManifestHash(made.envelope.manifest)
    const exported = new Uint8Array(300).fill(3)
    const wanted = [
      approvalMessage('manifest', hash),
      approvalMessage('share', hash, keyOfNodeId(node.node.id)),
      exportMessage(exported),
      framed(domains.checkpoint, exported),
      framed('coterie/rollup/1', exported),
      framed(domains.heartbeatDigest, exported),
      exported,
    ]
    const holders = made.envelope.manifest.manifestSet
    const asHolder = { ...holders, members: [{ alias: 'quorum', key: made.quorumKey }] }
    for (const message of wanted) {
      for (const suite of ['p256', 'ed25519']) {
        const { json } = await node.post('/enclave/sign-message', { message: [...message], suite })
        const { signature: bytes, public_key } = json.result.SignMessageResponse
        const signature = Uint8Array.from(bytes)
        const publicKey = Uint8Array.from(public_key)
        expect(isSignedExport(quorum, exported, signature)).toBe(false)
        const given = { role: 'manifest', alias: 'quorum', signature: toHex(signature) } as const
        expect(isApproval(given, asHolder, approvalMessage('manifest', hash))).toBe(false)
        const keys = [publicKey, signingPoint(quorum), quorum.subarray(0, 65)]
        for (const key of keys.filter(({ length }) => length === 65)) {
          const act = { curve: 'P-256', format: 'raw', publicKey: key, message, signature } as const
          expect(verifyEcdsa(act)).toBe(false)
        }
        for (const key of [publicKey, keyOfNodeId(node.node.id)]) {
          if (key.length === 32) {
            expect(verifySignature({ publicKey: key, message, signature })).toBe(false)
          }
        }
      }
    }
  })

  test('the door of callers opens no share, no export and nothing that the node sealed for itself', async () => {
    site = new CustodySite(22)
    const [from, to] = await site.start(2)
    if (from === undefined || to === undefined) throw new Error('two nodes were started')
    const made = await site.provision(from)
    const manifest_envelope = made.envelope
    await to.post('/enclave/share-manifest', { manifest_envelope })
    const attestation_doc = [...(await to.attestation())]
    const body = { manifest_envelope, attestation_doc }
    const sent = await from.post('/enclave/export-key', body)
    const carried = site.carried(made, { attestation: made.attestation })
    using other = from.node.custody.derive({ caller: 'door/http', context: utf8('m') })
    const ofAnother = from.node.custody.encrypt({ caller: 'client', plaintext: Uint8Array.of(1) })
    const closed: readonly (readonly number[])[] = [
      ...made.shares.map(({ sealed }) => [...sealed]),
      ...carried.map(({ decrypted_share }) => decrypted_share),
      sent.json.result.ExportKeyResponse.encrypted_quorum_key,
      attestation_doc,
      other.use(bytes => [...bytes]),
      [...ofAnother],
      [],
    ]
    for (const encrypted_data of closed) {
      const answer = await from.post('/enclave/decrypt-data', { encrypted_data })
      expect([answer.status, answer.json.code]).toEqual([422, 'NOT_OPENED'])
    }
  })

  test('what is sealed in the very form of callers opens with the key of callers alone, whatever else the quorum derives', async () => {
    const node = await alone(29)
    const { seed } = await secretsOf(await site.provision(node))
    const own = QuorumKeys.of(seed)
    if (own === undefined) throw new Error('the seed has keys')
    const salt = new Uint8Array(32).fill(5)
    for (const purpose of quorumPurposes) {
      using key = own.derive(purpose, framed(custodyDomains.appSeal, salt))
      const aad = framed(custodyDomains.appSeal, utf8('door/http'))
      const closed = seal({ key, nonce: new Uint8Array(nonceBytes), aad }, Uint8Array.of(1, 2))
      const encrypted_data = [...concatBytes(salt, closed)]
      const { status, json } = await node.post('/enclave/decrypt-data', { encrypted_data })
      const isOfCallers = purpose === 'app-encrypt'
      expect([purpose, status]).toEqual([purpose, isOfCallers ? 200 : 422])
      expect(isOfCallers ? json.result.DecryptDataResponse.data : json.code).toEqual(
        isOfCallers ? [1, 2] : 'NOT_OPENED',
      )
    }
  })

  test('what a caller derives is none of the keys that the quorum itself uses', async () => {
    const node = await alone(23)
    const made = await site.provision(node)
    const { seed } = await secretsOf(made)
    const own = QuorumKeys.of(seed)
    if (own === undefined) throw new Error('the seed has keys')
    const kept = ['qos_p256_sign', 'qos_p256_encrypt', 'app-sign', 'checkpoint', 'rollup']
    const secret = new Set(
      (['checkpoint', 'rollup', 'app-sign', 'app-encrypt', 'mnemonic'] as const).flatMap(purpose =>
        kept.map(path => own.derive(purpose, utf8(path)).use(toHex)),
      ),
    )
    for (const path of kept) {
      const { json } = await node.post('/derive-key', { path })
      expect(json.key).toHaveLength(32)
      expect(secret).not.toContain(toHex(Uint8Array.from(json.key)))
    }
  })
})

test('logs had the beginnings of private keys in them: here neither a log, an event nor an answer has a byte of one', async () => {
  const node = await alone(24)
  const made = await site.provision(node)
  await node.post('/generate-seed', { seed_type: 'a', seed_data: 'b' })
  await node.post('/enclave/inject-shares', site.injection([]))
  await node.get('/v1/events?follow=false')
  await node.get('/metrics')
  expect(site.said.join('')).toContain('custody-')
  const { all } = await secretsOf(made)
  const everything = [...site.said, ...site.logged].join('\n')
  for (const secret of all) {
    for (const form of secret.use(formsOf)) expect(everything).not.toContain(form)
  }
  // So it would be seen if there were any: what is public is there, in the same forms.
  expect(everything).toContain(formsOf(fromHex(made.quorumKey) ?? new Uint8Array(0))[0])
})

/** Eight bytes of it and more, as anybody would write them. */
function formsOf(bytes: Uint8Array): readonly string[] {
  const head = bytes.slice(1, 10)
  return [[...head].join(','), [...head].join(', '), toHex(head), base64.encode(head)]
}

describe('a node was opened again by whoever asked', () => {
  test('no route resets it, stores for it or signs transactions, and no option of its host opens a ceremony', async () => {
    const node = await alone(25)
    await site.provision(node)
    for (const name of [
      ...['reset', 'boot-key-forward', 'store-data', 'sign-transaction', 'application-status'],
      ...['get-data', 'set-phase', 'restart', 'provision'],
    ]) {
      for (const path of [`/enclave/${name}`, `/${name}`]) {
        const answer = await node.post(path, {})
        expect([path, answer.status]).toEqual([path, 404])
      }
    }
    expect(node.phase).toBe('ApplicationReady')
    const words = /custody|quorum|standard|genesis|shares?$|holder|pivot/i
    expect(Object.keys(hostOptions).filter(name => words.test(name))).toEqual([])
  })

  test('no message of a ceremony leads back, and none is taken twice with another meaning', async () => {
    const node = await alone(26)
    const made = await site.provision(node)
    const before = (await node.get('/enclave/info')).json
    const { manifest } = made.envelope
    const later = { ...manifest, namespace: { ...manifest.namespace, nonce: 99_999 } }
    const asked = [
      ['/enclave/genesis-boot', site.request(), 'WRONG_PHASE'],
      ['/enclave/genesis-boot', site.request({ namespace_nonce: 12346 }), 'WRONG_PHASE'],
      ['/enclave/boot-standard', { manifest_envelope: made.envelope }, 'WRONG_PHASE'],
      ['/enclave/inject-shares', site.injection([]), 'WRONG_PHASE'],
      [
        '/enclave/share-manifest',
        { manifest_envelope: { manifest: later, approvals: [] } },
        'DIFFERENT_MANIFEST',
      ],
    ] as const
    for (const [path, body, code] of asked) {
      const answer = await node.post(path, body)
      expect([path, answer.status, answer.json.code]).toEqual([path, 409, code])
    }
    const late = await node.get('/enclave/genesis-output')
    expect([late.status, late.json.code]).toEqual([409, 'WRONG_PHASE'])
    expect((await node.get('/enclave/info')).json).toEqual(before)
  })

  test('what genesis answered comes once more until the key is whole, the same to the byte', async () => {
    const node = await alone(27)
    expect((await node.get('/enclave/genesis-output')).json.code).toBe('WRONG_PHASE')
    const first = await node.post('/enclave/genesis-boot', site.request())
    const again = await node.get('/enclave/genesis-output')
    expect([again.status, again.json]).toEqual([200, first.json])
    const { json } = await node.get('/health')
    expect(json.custody).toBe('WaitingForQuorumShards')
  })
})

describe('counts and names of a request were taken as they came', () => {
  test('no key is made for holders who stand twice, for counts that cannot be met, or that one person meets', async () => {
    const node = await alone(28)
    const { manifest_members: members } = site.request() as {
      manifest_members: { alias: string; pub_key: number[] }[]
    }
    const [one, two] = members
    const sets = (list: readonly unknown[]) => ({ manifest_members: list, share_members: list })
    const wrong: readonly object[] = [
      sets([one, two, { ...two, alias: 'member1' }]),
      sets([one, two, { ...one, alias: 'member3' }]),
      sets([]),
      { share_members: [] },
      { share_threshold: 0 },
      { share_threshold: 1 },
      { share_threshold: 4 },
      { manifest_threshold: 0 },
      { manifest_threshold: 1 },
      { manifest_threshold: 4 },
      sets([one, two, { alias: 'member3', pub_key: [4] }]),
      sets([one, two, { alias: 'member3', pub_key: new Array(130).fill(4) }]),
      { namespace_name: '' },
      { namespace_nonce: -1 },
      { namespace_nonce: 2 ** 60 },
      { pivot_hash: [1] },
      { dr_key: [4] },
      { unknown: 1 },
    ]
    for (const change of wrong) {
      const answer = await node.post('/enclave/genesis-boot', site.request(change))
      expect([change, answer.status]).toEqual([change, 422])
      expect(answer.json.next).toMatch(/\w/)
    }
    expect(node.phase).toBe('WaitingForBootInstruction')
    expect((await node.post('/enclave/genesis-boot', site.request())).status).toBe(200)
  })
})
