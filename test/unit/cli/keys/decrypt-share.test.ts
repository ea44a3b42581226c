/** `coterie keys decrypt-share`, as real processes over real files. */
import { expect, test } from 'vitest'
import { approvalMessage } from '../../../../src/attestation/custody/approvals.ts'
import { keyOfHolder } from '../../../../src/attestation/custody/custody-manifest.ts'
import { signedByHolder } from '../../../../src/attestation/custody/holder-key.ts'
import { keyOfNodeId } from '../../../../src/base/ids.ts'
import { combineShares } from '../../../../src/crypto/secret-shares.ts'
import {
  carriedIn,
  decryptShare,
  hashOf,
  holderDesk,
  openedBy,
} from '../../../fixtures/holder-desk.ts'

test('two of three holders open their shares for the node that made the key, which rebuilds it from them', async () => {
  const desk = await holderDesk()
  const genesis = await desk.genesis()
  const opened = []
  for (const holder of [0, 2]) {
    const { code, out } = await decryptShare(desk, genesis.file, [], holder)
    expect(code).toBe(0)
    // Bytes and nothing else: it is pasted into a request.
    expect(out).toMatch(/^\[\d+(,\d+)*\]\n$/)
    const carried = carriedIn(out)
    const me = desk.holders[holder]
    if (me === undefined) throw new Error('there are three')
    const message = approvalMessage('share', hashOf(genesis), keyOfNodeId(desk.node.id))
    expect(signedByHolder(keyOfHolder(me), message, carried.approval)).toBe(true)
    const word = approvalMessage('manifest', hashOf(genesis))
    expect(
      signedByHolder(keyOfHolder(me), word, carried.manifestApproval ?? new Uint8Array()),
    ).toBe(true)
    opened.push(openedBy(desk.node, out))
  }
  const combined = await combineShares(opened.filter(share => share !== undefined))
  expect(combined?.use(bytes => [...bytes])).toEqual(genesis.quorumSeed.use(bytes => [...bytes]))
})
