/** What the chain validator remembers, and that remembering changes no answer. */
import { expect, test } from 'vitest'
import { isRefusal } from '../../../src/attestation/verdict.ts'
import { parseCertificate, verifyChain } from '../../../src/attestation/x509.ts'
import { parseEcKey } from '../../../src/attestation/x509-keys.ts'
import { after, days, type Timestamp } from '../../../src/base/time.ts'
import { epoch } from '../../fixtures/network.ts'
import { keyOf, type Link, link } from '../../fixtures/simulated.ts'

const root = link('root', null, { curve: 'P-256', pathLength: 3 })
const stranger = link('root', null, { curve: 'P-256', pathLength: 3 })

function authorityUnder(issuer: Link, validDays = 10): Link {
  const notAfter = after(epoch, days(validDays))
  return link('authority', issuer, { curve: 'P-256', notAfter })
}

function leafUnder(authority: Link): Link {
  return link('leaf', authority, { curve: 'P-256', pathLength: null })
}

function verify(
  chain: readonly Link[],
  change: { readonly anchors?: readonly Uint8Array[]; readonly now?: Timestamp } = {},
) {
  const parsed = chain.map(({ der }) => parseCertificate(der))
  return verifyChain({ chain: parsed, anchors: [keyOf(root)], now: epoch, ...change })
}

/** Whether one reading serves everybody: only what is kept is the same object twice. */
function isKept({ der }: Link): boolean {
  const first = parseCertificate(der)
  return parseCertificate(der) === first
}

test('a certificate under a pinned key is read once', () => {
  const authority = authorityUnder(root)
  const leaf = leafUnder(authority)
  expect([authority, leaf].map(isKept)).toEqual([false, false])
  expect(isRefusal(verify([leaf, authority]))).toBe(false)
  expect([authority, leaf].map(isKept)).toEqual([true, true])
  expect(isRefusal(verify([leafUnder(authority), authority]))).toBe(false)
})

test('a certificate that no pinned key vouches for is not kept', () => {
  const authority = authorityUnder(stranger)
  const leaf = leafUnder(authority)
  expect(verify([leaf, authority])).toMatchObject({ code: 'UNKNOWN_ANCHOR' })
  expect([authority, leaf].map(isKept)).toEqual([false, false])
})

test('a kept leaf is worth nothing under another authority of the same name', () => {
  const [authority, other] = [authorityUnder(root), authorityUnder(root)]
  const leaf = leafUnder(authority)
  expect(isRefusal(verify([leaf, authority]))).toBe(false)
  expect(verify([leaf, other])).toMatchObject({ code: 'CHAIN_INVALID', facts: { certificate: 0 } })
  expect(isRefusal(verify([leaf, authority]))).toBe(false)
})

test('leaves push out no authority', () => {
  const authority = authorityUnder(root)
  const leaves = Array.from({ length: 513 }, () => leafUnder(authority))
  for (const leaf of leaves) expect(isRefusal(verify([leaf, authority]))).toBe(false)
  expect(isKept(authority)).toBe(true)
  expect(leaves.map(isKept)).toEqual(leaves.map((_, i) => i > 0))
})

test('a kept authority ends when its certificate ends', () => {
  const authority = authorityUnder(root, 1)
  const chain = [leafUnder(authority), authority]
  expect(isRefusal(verify(chain))).toBe(false)
  expect(isKept(authority)).toBe(true)
  expect(verify(chain, { now: after(epoch, days(2)) })).toMatchObject({
    code: 'EVIDENCE_EXPIRED',
    facts: { certificate: 1 },
  })
  expect(verify(chain, { now: after(epoch, days(-2)) })).toMatchObject({
    code: 'EVIDENCE_NOT_YET_VALID',
  })
})

test('a kept authority is worth nothing under other anchors', () => {
  const authority = authorityUnder(root)
  const chain = [leafUnder(authority), authority]
  expect(isRefusal(verify(chain))).toBe(false)
  expect(isKept(authority)).toBe(true)
  for (const anchors of [[], [keyOf(stranger)]]) {
    expect(verify(chain, { anchors })).toMatchObject({ code: 'UNKNOWN_ANCHOR' })
  }
})

test('a kept authority vouches for nothing that its key did not sign', () => {
  const authority = authorityUnder(root)
  expect(isRefusal(verify([leafUnder(authority), authority]))).toBe(false)
  expect(verify([leafUnder(authorityUnder(root)), authority])).toMatchObject({
    code: 'CHAIN_INVALID',
    facts: { certificate: 0 },
  })
})

test('whoever changes the bytes or a reading afterwards changes nothing that is kept', () => {
  const authority = authorityUnder(root)
  const leaf = leafUnder(authority)
  const shown = authority.der.slice()
  const bent = { ...parseCertificate(shown), publicKey: keyOf(stranger) }
  const request = { anchors: [keyOf(root)], now: epoch }
  const end = parseCertificate(leaf.der)
  expect(verifyChain({ ...request, chain: [end, bent] })).toMatchObject({ code: 'CHAIN_INVALID' })
  expect(isKept(authority)).toBe(false)
  expect(isRefusal(verifyChain({ ...request, chain: [end, parseCertificate(shown)] }))).toBe(false)
  shown.fill(0)
  expect(isRefusal(verify([leaf, authority]))).toBe(false)
  expect(parseEcKey(parseCertificate(authority.der).publicKey)).toEqual(
    parseEcKey(keyOf(authority)),
  )
})

test('of the authorities, the 256 used last are kept', () => {
  const leaf = leafUnder(authorityUnder(root))
  const authorities = Array.from({ length: 257 }, () => authorityUnder(root))
  // Each is under the pinned key; that it did not sign the leaf shows only after that.
  for (const each of authorities) verify([leaf, each])
  expect(authorities.map(isKept)).toEqual(authorities.map((_, i) => i > 0))
})
