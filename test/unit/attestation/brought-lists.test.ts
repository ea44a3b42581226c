import { expect, test } from 'vitest'
import { inspect } from '../../../src/attestation/inspect.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { after, days } from '../../../src/base/time.ts'
import { epoch } from '../../fixtures/network.ts'
import { snpPolicy } from '../../fixtures/sev-snp.ts'
import { makeSnpAuthority, snpCrl, snpEvidence, snpSerials } from '../../forge/sev-snp.ts'

const authority = makeSnpAuthority(epoch)
const other = makeSnpAuthority(epoch, { isOther: true })
const { body } = snpEvidence(authority)
const policy = snpPolicy(authority)

function look(revocation: 'required' | 'if-present', ...lists: readonly Uint8Array[]) {
  const items = lists.map(bytes => ({ kind: 'crl', bytes }) as const)
  const evidence = { platform: 'sev-snp', body }
  return inspect({ evidence, endorsements: { items }, now: epoch, policy, revocation })
}

const good = snpCrl(authority)
const altered = good.with(-1, (good.at(-1) ?? 0) ^ 1)
const expired = snpCrl(authority, {
  thisUpdate: after(epoch, days(-9)),
  nextUpdate: after(epoch, days(-1)),
})
const later = { thisUpdate: after(epoch, days(1)), nextUpdate: after(epoch, days(9)) }

test('without a list evidence is trusted only where lists may be absent', () => {
  expect(look('if-present').verdict).toBe('trusted')
  expect(look('required')).toMatchObject({ verdict: 'undetermined', code: 'ENDORSEMENTS_MISSING' })
})

test.each([
  ['garbage', utf8('no list')],
  ['empty', new Uint8Array(0)],
  ['altered', altered],
  ['expired', expired],
  ["another root's", snpCrl(other)],
])('a list that is %s is never the same as none', (_, bytes) => {
  for (const revocation of ['required', 'if-present'] as const) {
    const { verdict, missing } = look(revocation, bytes)
    expect(verdict).toBe('undetermined')
    expect(missing).toEqual([expect.stringMatching(/^crl vcek Milan: CRL_[A-Z_]+$/)])
    expect(look(revocation, bytes, good).verdict).toBe('trusted')
  }
})

test('a list of a later day excuses its absence, and is believed in what it revokes', () => {
  const revoking = snpCrl(authority, { ...later, revoked: [snpSerials.ask] })
  expect(look('if-present', snpCrl(authority, later)).verdict).toBe('trusted')
  expect(look('required', snpCrl(authority, later)).verdict).toBe('undetermined')
  expect(look('if-present', revoking).code).toBe('CERTIFICATE_REVOKED')
  expect(look('if-present', snpCrl(other, later)).verdict).toBe('undetermined')
})

test('a revoked authority is refused, whatever other lists say', () => {
  const revoking = snpCrl(authority, { revoked: [snpSerials.ask] })
  expect(look('if-present', good, revoking).code).toBe('CERTIFICATE_REVOKED')
  expect(look('required', snpCrl(authority, { revoked: [snpSerials.asvk] })).verdict).toBe(
    'trusted',
  )
})
