import { expect, test } from 'vitest'
import type { Claims } from '../../../src/attestation/claims.ts'
import type { TcbRule, TcbStatus } from '../../../src/attestation/manifest-document.ts'
import { tcbRuleOf } from '../../../src/attestation/manifest-draft.ts'
import { sentenceOf } from '../../../src/attestation/refusal-words.ts'
import { judgePrivilege, judgeTcb } from '../../../src/attestation/tcb-judgement.ts'
import { after, days, timestamp } from '../../../src/base/time.ts'
import { epoch } from '../../fixtures/network.ts'

const grace = days(30)
const at = (status: TcbStatus, change: Partial<Claims['tcb']> = {}): Pick<Claims, 'tcb'> => ({
  tcb: { status, levels: [], ...change },
})
const rule = (change: Partial<TcbRule>): TcbRule => tcbRuleOf('tdx', change)

test('without a rule no firmware is good enough', () => {
  expect(judgeTcb(at('UpToDate'), undefined, epoch).refusal).toMatchObject({
    code: 'TCB_NOT_ALLOWED',
  })
})

test('below a minimum of the rule firmware is out of date, whatever the vendor says, at every level it tells', () => {
  const levels = [{ snp: 22 }, { snp: 21 }]
  expect(judgeTcb(at('UpToDate', { levels }), rule({ minimum: { snp: 22 } }), epoch)).toMatchObject(
    {
      status: 'OutOfDate',
      refusal: { code: 'TCB_NOT_ALLOWED', facts: { component: 'snp', found: 21, minimum: 22 } },
    },
  )
})

test('firmware without a component that the rule names is below every minimum, and told to be without it', () => {
  const levels = [{ snp: 24 }]
  for (const minimum of [0, 1]) {
    const { status, refusal } = judgeTcb(
      at('UpToDate', { levels }),
      rule({ minimum: { snp: 24, fmc: minimum } }),
      epoch,
    )
    expect(status).toBe('OutOfDate')
    expect(refusal?.facts).toMatchObject({ component: 'fmc', found: 'absent', minimum })
    expect(refusal && sentenceOf(refusal)).toContain('fmc is absent')
  }
})

test('an advisory that the rule does not name is refused, and none is asked about where the rule names none', () => {
  const claims = at('SWHardeningNeeded', { advisories: ['INTEL-SA-00289', 'INTEL-SA-00615'] })
  expect(judgeTcb(claims, rule({}), epoch).refusal).toBeUndefined()
  const both = ['INTEL-SA-00289', 'INTEL-SA-00615']
  expect(judgeTcb(claims, rule({ advisories: both }), epoch).refusal).toBeUndefined()
  expect(judgeTcb(claims, rule({ advisories: ['INTEL-SA-00289'] }), epoch).refusal).toMatchObject({
    code: 'ADVISORY_NOT_ALLOWED',
    facts: { advisory: 'INTEL-SA-00615' },
  })
  expect(judgeTcb(claims, rule({ advisories: [] }), epoch).refusal).toMatchObject({
    facts: { advisory: 'INTEL-SA-00289' },
  })
})

test('a grace counts from the date of the level, ends on the millisecond, and is told to who goes by it', () => {
  const claims = at('OutOfDate', { date: epoch })
  const end = after(epoch, grace)
  const patient = rule({ graceMs: grace })
  expect(judgeTcb(claims, patient, timestamp(end - 1))).toEqual({
    ...{ status: 'OutOfDate', refusal: undefined, graceEndsAt: end },
  })
  expect(judgeTcb(claims, patient, end).refusal).toMatchObject({ code: 'TCB_NOT_ALLOWED' })
  expect(judgeTcb(claims, rule({}), epoch).refusal).toMatchObject({ code: 'TCB_NOT_ALLOWED' })
})

test.each<[string, Pick<Claims, 'tcb'>]>([
  ['a level without a date', at('OutOfDate')],
  ['a setting that is wrong and not old', at('ConfigurationNeeded', { date: epoch })],
  [
    'a minimum of the rule itself',
    { tcb: { status: 'UpToDate', date: epoch, levels: [{ snp: 1 }] } },
  ],
])('no grace is given to %s', (_, claims) => {
  const strict = rule({ graceMs: grace, minimum: { snp: 2 } })
  expect(judgeTcb(claims, strict, epoch).refusal).toMatchObject({ code: 'TCB_NOT_ALLOWED' })
})

test('an open advisory is refused in the grace too', () => {
  const claims = at('OutOfDate', { date: epoch, advisories: ['INTEL-SA-00615'] })
  expect(judgeTcb(claims, rule({ graceMs: grace, advisories: [] }), epoch).refusal).toMatchObject({
    code: 'ADVISORY_NOT_ALLOWED',
  })
})

test('only who is as privileged as the rule says may ask for evidence; where there are no levels none is asked', () => {
  const snp = tcbRuleOf('sev-snp')
  expect(judgePrivilege('sev-snp', { privilegeLevel: 0 }, snp)).toBeUndefined()
  expect(judgePrivilege('sev-snp', {}, snp)).toBeUndefined()
  expect(judgePrivilege('sev-snp', { privilegeLevel: 1 }, snp)).toMatchObject({
    code: 'PRIVILEGE_LEVEL_NOT_ALLOWED',
    facts: { found: 1, allowed: '0' },
  })
  const wide = tcbRuleOf('sev-snp', { privilegeLevels: [0, 1] })
  expect(judgePrivilege('sev-snp', { privilegeLevel: 1 }, wide)).toBeUndefined()
})
