/** What Intel's levels make of a machine. */
import { describe, expect, test } from 'vitest'
import type { IntelStatus, Level } from '../../../../src/attestation/dcap/tcb-info.ts'
import { converge } from '../../../../src/attestation/dcap/tcb-level.ts'
import { timestamp } from '../../../../src/base/time.ts'
import { answerOf, ask, claimsOf, type Tee } from '../../../fixtures/dcap.ts'
import { components, goodEnclaveSvn, goodTdxSvn, type QuoteRequest } from '../../../forge/dcap.ts'
import { platformLevel, svnLevel, type TcbInfoForm } from '../../../forge/dcap-collateral.ts'

const tees: readonly Tee[] = ['sgx', 'tdx']
const statuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const satisfies readonly IntelStatus[]

const machine = (first: number, pceSvn = 13): QuoteRequest => ({
  leaf: { pck: { components: components(first), pceSvn } },
})

describe.each(tees)('%s', tee => {
  test.each([
    [9, 'UpToDate', []],
    [5, 'UpToDate', []],
    [4, 'SWHardeningNeeded', ['INTEL-SA-00002']],
    [3, 'OutOfDate', ['INTEL-SA-00001', 'INTEL-SA-00002']],
  ] as const)('a machine of version %i is %s', (first, status, advisories) => {
    const { tcb } = claimsOf(ask(tee, { quote: machine(first) }))
    expect(tcb).toMatchObject({ status, advisories, levels: [] })
  })

  test('a machine below every level is refused, whichever part is behind', () => {
    expect(answerOf(ask(tee, { quote: machine(2) }))).toBe('TCB_LEVEL_UNKNOWN')
    expect(answerOf(ask(tee, { quote: machine(5, 12) }))).toBe('TCB_LEVEL_UNKNOWN')
    for (let part = 0; part < 16; part++) {
      const behind = components(5).with(part, part === 0 ? 2 : 1)
      const quote = { leaf: { pck: { components: behind } } }
      expect(answerOf(ask(tee, { quote }))).toBe('TCB_LEVEL_UNKNOWN')
    }
  })

  test.each(statuses)(
    'a level of status %s is told as it is, and a revoked one refused',
    status => {
      const tcbInfo = (info: TcbInfoForm): void => {
        info.tcbLevels = [platformLevel(tee, 5, status, ['INTEL-SA-00009'])]
      }
      const expected = status === 'Revoked' ? 'TCB_REVOKED' : status
      expect(answerOf(ask(tee, { collateral: { tcbInfo } }))).toBe(expected)
    },
  )

  test('the first level that is reached counts, in Intel’s order', () => {
    const tcbInfo = (info: TcbInfoForm): void => void info.tcbLevels.reverse()
    expect(answerOf(ask(tee, { collateral: { tcbInfo } }))).toBe('OutOfDate')
  })

  test.each([
    [goodEnclaveSvn, 'UpToDate'],
    [goodEnclaveSvn - 1, 'OutOfDate'],
    [goodEnclaveSvn - 3, 'TCB_LEVEL_UNKNOWN'],
  ])('a quoting enclave of version %i makes it %s', (svn, answer) => {
    const quote: QuoteRequest = { quotingEnclave: report => report.set([svn], 258) }
    expect(answerOf(ask(tee, { quote }))).toBe(answer)
  })

  test('a revoked quoting enclave is refused', () => {
    const collateral = {
      identity: (form: { tcbLevels: unknown[] }) => {
        form.tcbLevels = [svnLevel(1, 'Revoked')]
      },
    }
    expect(answerOf(ask(tee, { collateral }))).toBe('TCB_REVOKED')
  })

  test.each([
    ['of another signer', 128, 0, 'QE_IDENTITY_MISMATCH'],
    ['of another product', 256, 9, 'QE_IDENTITY_MISMATCH'],
    ['with another MISCSELECT', 16, 1, 'QE_IDENTITY_MISMATCH'],
    ['in debug mode', 48, 0x17, 'QE_IDENTITY_MISMATCH'],
    ['with attributes that Intel leaves open', 48, 0x11, 'UpToDate'],
    ['with features that Intel leaves open', 56, 0xff, 'UpToDate'],
  ] as const)('a quoting enclave %s is judged', (_name, place, value, answer) => {
    const quote: QuoteRequest = { quotingEnclave: report => report.set([value], place) }
    expect(answerOf(ask(tee, { quote }))).toBe(answer)
  })
})

describe('the TDX module', () => {
  const svn = (...values: number[]): QuoteRequest => ({ report: report => report.set(values) })

  test.each([
    ['up to date', svn(...goodTdxSvn), 'UpToDate'],
    ['newer', svn(9, 1, 3), 'UpToDate'],
    ['out of date', svn(4, 1, 3), 'OutOfDate'],
    ['below every level', svn(3, 1, 3), 'TCB_LEVEL_UNKNOWN'],
    ['of a generation that Intel does not name', svn(5, 2, 3), 'TDX_MODULE_MISMATCH'],
    ['over microcode below every level', svn(5, 1, 2), 'TCB_LEVEL_UNKNOWN'],
    ['of the first generation, below the platform’s level', svn(5, 0, 3), 'TCB_LEVEL_UNKNOWN'],
  ])('that is %s is judged', (_name, quote, answer) => {
    expect(answerOf(ask('tdx', { quote }))).toBe(answer)
  })

  test('of the first generation has its version among the platform’s, and no level of its own', () => {
    const tcbInfo = (info: TcbInfoForm): void => {
      const level = platformLevel('tdx', 5, 'UpToDate')
      level.tcb['tdxtcbcomponents'] = [5, 0, 3, ...Array<number>(13).fill(0)].map(each => ({
        svn: each,
      }))
      info.tcbLevels = [level]
      delete info.tdxModuleIdentities
    }
    const collateral = { tcbInfo }
    expect(answerOf(ask('tdx', { quote: svn(5, 0, 3), collateral }))).toBe('UpToDate')
    expect(answerOf(ask('tdx', { quote: svn(4, 0, 3), collateral }))).toBe('TCB_LEVEL_UNKNOWN')
    expect(answerOf(ask('tdx', { quote: svn(5, 1, 3), collateral }))).toBe('TDX_MODULE_MISMATCH')
  })

  test('of a later generation is held against its own levels and not the platform’s', () => {
    const tcbInfo = (info: TcbInfoForm): void => {
      const level = platformLevel('tdx', 5, 'UpToDate')
      level.tcb['tdxtcbcomponents'] = [99, 99, 3, ...Array<number>(13).fill(0)].map(each => ({
        svn: each,
      }))
      info.tcbLevels = [level]
    }
    expect(answerOf(ask('tdx', { collateral: { tcbInfo } }))).toBe('UpToDate')
  })

  test('of another signer or other attributes than Intel names is refused', () => {
    for (const change of [{ mrsigner: '01'.repeat(48) }, { attributes: '0100000000000000' }]) {
      const later = (info: TcbInfoForm): void =>
        void Object.assign(info.tdxModuleIdentities?.[0] ?? {}, change)
      expect(answerOf(ask('tdx', { collateral: { tcbInfo: later } }))).toBe('TDX_MODULE_MISMATCH')
      const first = (info: TcbInfoForm): void => void Object.assign(info.tdxModule ?? {}, change)
      const quote = svn(9, 0, 9)
      const levels = (info: TcbInfoForm): void => {
        first(info)
        info.tcbLevels = [platformLevel('sgx', 1, 'UpToDate')].map(level => ({
          ...level,
          tcb: { ...level.tcb, tdxtcbcomponents: Array.from({ length: 16 }, () => ({ svn: 0 })) },
        }))
      }
      expect(answerOf(ask('tdx', { quote, collateral: { tcbInfo: levels } }))).toBe(
        'TDX_MODULE_MISMATCH',
      )
    }
  })

  test('that is revoked refuses the machine', () => {
    const tcbInfo = (info: TcbInfoForm): void => {
      for (const module of info.tdxModuleIdentities ?? []) {
        module.tcbLevels = [svnLevel(1, 'Revoked', ['INTEL-SA-00666'])]
      }
    }
    const { verification } = ask('tdx', { collateral: { tcbInfo } })
    expect(verification).toMatchObject({
      refusal: { code: 'TCB_REVOKED', facts: { advisories: 'INTEL-SA-00666' } },
    })
  })
})

describe('levels that meet', () => {
  const level = (status: IntelStatus, day: number, ...advisories: string[]): Level => ({
    ...{ status, advisories },
    date: timestamp(day),
  })
  const behind: Readonly<Record<IntelStatus, IntelStatus>> = {
    UpToDate: 'OutOfDate',
    SWHardeningNeeded: 'OutOfDate',
    ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
    ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
    OutOfDate: 'OutOfDate',
    OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
    Revoked: 'Revoked',
  }

  test.each(statuses)('a platform that is %s', status => {
    const platform = level(status, 1)
    expect(converge(platform, [level('UpToDate', 2), level('UpToDate', 3)]).status).toBe(status)
    expect(converge(platform, [level('OutOfDate', 2)]).status).toBe(behind[status])
    expect(converge(platform, [level('UpToDate', 2), level('OutOfDate', 2)]).status).toBe(
      behind[status],
    )
    expect(converge(platform, [level('Revoked', 2)]).status).toBe('Revoked')
  })

  test('have the advisories of all, once, in order', () => {
    const platform = level('UpToDate', 1, 'INTEL-SA-00002', 'INTEL-SA-00001')
    const { advisories } = converge(platform, [level('OutOfDate', 1, 'INTEL-SA-00001', 'A')])
    expect(advisories).toEqual(['A', 'INTEL-SA-00001', 'INTEL-SA-00002'])
  })

  test('are as old as the oldest of those that are behind', () => {
    const [old, young] = [level('OutOfDate', 5), level('OutOfDate', 7)]
    expect(converge(level('UpToDate', 1), [young]).date).toBe(7)
    expect(converge(old, [young]).date).toBe(5)
    expect(converge(level('UpToDate', 3), [level('UpToDate', 2)]).date).toBe(2)
  })
})
