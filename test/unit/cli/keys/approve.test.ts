/** Holders of the manifest set: approvals, envelopes, later manifests, shares for another node. */
import { chmodSync, readFileSync, renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isApproved, parseCustodyEnvelope } from '../../../../src/attestation/custody/approvals.ts'
import {
  type CustodyManifest,
  custodyManifestHash,
} from '../../../../src/attestation/custody/custody-manifest.ts'
import { genesisOutputHash } from '../../../../src/attestation/custody/genesis-output.ts'
import { isRefusal } from '../../../../src/attestation/verdict.ts'
import { days, timestamp } from '../../../../src/base/time.ts'
import { shareCommitment } from '../../../../src/crypto/secret-shares.ts'
import { ApprovalRecord } from '../../../../src/host/approval-record.ts'
import { coterie } from '../../../fixtures/command-line.ts'
import { bootAnswer, presentNode } from '../../../fixtures/genesis.ts'
import {
  approve,
  codeIn,
  decryptShare,
  hexOf,
  holderDesk,
  openedBy,
} from '../../../fixtures/holder-desk.ts'
import { testNode } from '../../../fixtures/network.ts'

const later = (
  manifest: CustodyManifest,
  change: Partial<CustodyManifest> = {},
): CustodyManifest => ({
  ...manifest,
  namespace: { ...manifest.namespace, nonce: manifest.namespace.nonce + 1 },
  pivot: { hash: '77'.repeat(32), restart: 'always', args: [] },
  ...change,
})

test('approvals of holders make an envelope that holds; one of another manifest is not taken', async () => {
  const desk = await holderDesk()
  const genesis = await desk.genesis()
  const files: string[] = []
  for (const holder of [0, 1]) {
    const { code, out } = await approve(desk, genesis.file, holder)
    expect(code).toBe(0)
    files.push(desk.save(`approval-${holder}.json`, out))
  }
  const { code, out } = await coterie(['keys', 'combine', genesis.file, ...files])
  expect(code).toBe(0)
  const envelope = parseCustodyEnvelope(new TextEncoder().encode(out))
  expect(!isRefusal(envelope) && isApproved(envelope)).toBe(true)
  const other = await desk.genesis(
    { namespace: { name: 'qos-namespace', nonce: 12346 } },
    'other.json',
  )
  const foreign = await coterie(['keys', 'combine', other.file, ...files, '--json'])
  expect([foreign.code, codeIn(foreign.err), foreign.out]).toEqual([1, 'APPROVAL_INVALID', ''])
})

test('a later manifest is approved for what was approved before, and no other key or set slips in with it', async () => {
  const desk = await holderDesk()
  const { output, file } = await desk.genesis()
  const next = desk.save('next.json', later(output.manifest))
  expect(codeIn((await approve(desk, next, 0)).err)).toBe('QUORUM_KEY_UNKNOWN')
  expect((await approve(desk, file, 0)).code).toBe(0)
  const told = await approve(desk, next, 0)
  expect(told.code).toBe(0)
  expect(told.err).toContain('- It is for no application in particular.')
  expect(told.err).toContain(`+ It is for the application ${'77'.repeat(32)}`)
  const { namespace, manifestSet } = later(output.manifest)
  const other = { ...namespace, nonce: namespace.nonce + 1 }
  const bends: readonly (readonly [Partial<CustodyManifest>, string])[] = [
    [{ namespace: { ...other, quorumKey: `04${'ee'.repeat(129)}` } }, 'DIFFERENT_QUORUM_KEY'],
    [{ namespace: other, manifestSet: { ...manifestSet, threshold: 3 } }, 'DIFFERENT_MANIFEST_SET'],
    [{ pivot: null }, 'SECOND_MANIFEST'],
    [{ namespace: { ...other, nonce: 1 } }, 'LOW_NONCE'],
  ]
  for (const [change, expected] of bends) {
    const bent = desk.save('bent.json', later(output.manifest, change))
    const { code, err, out } = await approve(desk, bent, 0)
    expect([code, codeIn(err), out]).toEqual([1, expected, ''])
  }
})

test('a share goes to another attested node, and later to one under a manifest that enough approved', async () => {
  const desk = await holderDesk()
  const genesis = await desk.genesis()
  const { manifest } = genesis.output
  const second = await presentNode(desk.network, 'b')
  const target = desk.save('b.json', await bootAnswer(desk.network, second, manifest))
  const own = await decryptShare(desk, genesis.file, ['--target', target])
  expect(own.code).toBe(0)
  expect(openedBy(desk.node, own.out)).toBeUndefined()
  const share = openedBy(second, own.out)
  expect(share && hexOf(shareCommitment(share))).toBe(manifest.shares[0])
  // Shares of the others that were swapped under the manifest that is believed by now: only that very output is.
  const [mine, others, third] = genesis.answer.encrypted_shares
  const given = [
    mine,
    { ...others, encrypted_quorum_key_share: third?.encrypted_quorum_key_share },
    third,
  ]
  const swapped = desk.save('swapped.json', { ...genesis.answer, encrypted_shares: given })
  const bent = await decryptShare(desk, swapped, ['--target', target])
  expect([bent.code, codeIn(bent.err)]).toEqual([1, 'REPORT_DATA_MISMATCH'])
  const next = later(manifest)
  const [draft, under] = [
    desk.save('next.json', next),
    desk.save('u.json', await bootAnswer(desk.network, second, next)),
  ]
  const flags = ['--target', under, '--envelope', draft]
  expect(codeIn((await decryptShare(desk, genesis.file, flags)).err)).toBe('NOT_APPROVED')
  for (const holder of [0, 1]) {
    expect((await approve(desk, genesis.file, holder)).code).toBe(0)
    desk.save(`${holder}.json`, (await approve(desk, draft, holder)).out)
  }
  const paths = [0, 1].map(holder => `${desk.folder}/${holder}.json`)
  const { out } = await coterie(['keys', 'combine', draft, ...paths])
  const envelope = desk.save('envelope.json', out)
  const carried = await decryptShare(desk, genesis.file, [
    '--target',
    under,
    '--envelope',
    envelope,
  ])
  expect(carried.err).toContain('You believed this genesis on')
  expect(openedBy(second, carried.out)).toBeDefined()
  // Evidence about the first manifest says nothing about the second.
  const stale = await decryptShare(desk, genesis.file, ['--target', target, '--envelope', envelope])
  expect([stale.code, codeIn(stale.err)]).toEqual([1, 'MANIFEST_MISMATCH'])
})

test('a target on a stranger, or whose evidence is of another node, gets nothing', async () => {
  const desk = await holderDesk()
  const genesis = await desk.genesis()
  const { manifest } = genesis.output
  const [second, third] = [
    await presentNode(desk.network, 'b'),
    await presentNode(desk.network, 'c'),
  ]
  // The keys of one node with evidence of another machine.
  const mixed = { ...second, attester: third.attester }
  const file = desk.save('mixed.json', await bootAnswer(desk.network, mixed, manifest))
  const { code, err, out } = await decryptShare(desk, genesis.file, ['--target', file])
  expect([code, codeIn(err), out]).toEqual([1, 'ANOTHER_MACHINE', ''])
  // The identity of one node over the keys of another.
  const posing = { ...second, signing: third.signing }
  const posed = desk.save('posed.json', await bootAnswer(desk.network, posing, manifest))
  expect(codeIn((await decryptShare(desk, genesis.file, ['--target', posed])).err)).toBe(
    'POSSESSION_INVALID',
  )
  const junk = await decryptShare(desk, genesis.file, ['--target', desk.save('j.json', '[1,2]')])
  expect([junk.code, codeIn(junk.err)]).toEqual([2, 'BAD_TARGET_FILE'])
})

test('nothing is approved unasked, without the record of the key, or with a key that others can read', async () => {
  const desk = await holderDesk(2)
  const { file } = await desk.genesis()
  const [key = ''] = desk.keys
  const own = ['keys', 'decrypt-share', file, '--key', key, '--manifest', desk.manifest, '--json']
  const unasked = await coterie(own)
  expect([unasked.code, codeIn(unasked.err), unasked.out]).toEqual([2, 'NOT_CONFIRMED', ''])
  expect(unasked.err).toContain('Without --members')
  chmodSync(key, 0o644)
  expect(codeIn((await decryptShare(desk, file)).err)).toBe('KEY_FILE_EXPOSED')
  chmodSync(key, 0o600)
  renameSync(`${key}.approved`, `${key}.elsewhere`)
  expect(codeIn((await decryptShare(desk, file)).err)).toBe('RECORD_MISSING')
  expect(readFileSync(key, 'utf8')).toContain('coterie-holder-key/1')
})

test('evidence of a genesis that ended is no evidence, but for the very output that was believed while it held', async () => {
  const desk = await holderDesk(2)
  const ended = { notBefore: ago(days(3)), notAfter: ago(days(1)) }
  const old = await testNode(desk.network, 'old', ended)
  const genesis = await desk.genesis({ node: old })
  const { manifest } = genesis.output
  const target = desk.save('b.json', await bootAnswer(desk.network, desk.node, manifest))
  const late = await decryptShare(desk, genesis.file, ['--target', target])
  expect([late.code, codeIn(late.err)]).toEqual([1, 'EVIDENCE_EXPIRED'])
  const record = await ApprovalRecord.open(desk.keys[0] ?? '')
  const at = '2026-11-01T00:00:00Z'
  const { namespace } = manifest
  const names = { manifest: custodyManifestHash(manifest), quorumKey: namespace.quorumKey }
  await record.decide(
    { format: 'coterie-approved/1', manifest, output: genesisOutputHash(genesis.output), at },
    { at, what: 'approved', ...names, roles: ['share'] },
  )
  const again = await decryptShare(desk, genesis.file, ['--target', target])
  expect(again.err).toContain(`You believed this genesis on ${at}`)
  expect(openedBy(desk.node, again.out)).toBeDefined()
  // Where a share goes to is believed today or not at all.
  const back = await decryptShare(desk, genesis.file)
  expect([back.code, codeIn(back.err), back.out]).toEqual([1, 'EVIDENCE_EXPIRED', ''])
})

const ago = (span: ReturnType<typeof days>) => timestamp(Date.now() - span)
