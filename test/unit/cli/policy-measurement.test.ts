/** `coterie policy add`, `remove` and what `diff` says of registers, as real processes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeManifest, parseManifest } from '../../../src/attestation/manifest.ts'
import { differingRegisters } from '../../../src/attestation/manifest-diff.ts'
import { isRefusal } from '../../../src/attestation/verdict.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { measurement, production, withJoin } from '../../fixtures/manifests.ts'
import { testNetwork } from '../../fixtures/network.ts'

const until = ['--until', '2027-06-01T00:00:00Z']
const software = (name: string, value: string, ...more: readonly string[]) => [
  ...['--name', name, '--platform', 'sev-snp', '--measurement', value, ...until, ...more],
]

function desk(): { readonly draft: string; readonly read: () => ReturnType<typeof JSON.parse> } {
  const draft = join(temporaryFolder(), 'draft.json')
  writeFileSync(draft, encodeManifest(production))
  return { draft, read: () => JSON.parse(readFileSync(draft, 'utf8')) }
}

test('software is admitted beside the old and ended again, each time as a draft that holds', async () => {
  const { draft, read } = desk()
  const value = 'AB'.repeat(48)
  const from = ['--from', '2026-12-01T00:00:00Z', '--register', `hostData=${'cd'.repeat(32)}`]
  const added = await coterie(['policy', 'add', draft, ...software('two', value, ...from)])
  expect(added).toMatchObject({ code: 0, err: '' })
  expect(added.out).toContain('admits software-1, two.')
  expect(read().join.measurements[1]).toEqual({
    ...{ name: 'two', platform: 'sev-snp', svnMin: 0 },
    registers: { measurement: 'ab'.repeat(48), hostData: 'cd'.repeat(32) },
    ...{ validFrom: '2026-12-01T00:00:00Z', validUntil: '2027-06-01T00:00:00Z' },
  })
  expect(read().nonce).toBe(production.nonce)
  const removed = await coterie(['policy', 'remove', draft, 'software-1', '--json'])
  expect(JSON.parse(removed.out)).toMatchObject({ out: draft, measurements: ['two'] })
  expect(isRefusal(parseManifest(new Uint8Array(readFileSync(draft))))).toBe(false)
})

test('a platform that comes with its first software comes with a rule for its firmware', async () => {
  const { draft, read } = desk()
  const flags = ['--name', 'n', '--platform', 'nitro', ...until]
  const pcrs = ['0', '1', '2'].flatMap(i => ['--register', `pcr${i}=${'0a'.repeat(48)}`])
  expect((await coterie(['policy', 'add', draft, ...flags, ...pcrs])).code).toBe(0)
  expect(read().join.tcb.map(({ platform }: { platform: string }) => platform)).toContain('nitro')
})

test('a change that would not hold is refused with its rule, and nothing is written', async () => {
  const { draft, read } = desk()
  const wrong: readonly (readonly [string, readonly string[]])[] = [
    ['REGISTER_LENGTH', ['add', draft, ...software('two', 'abcd')]],
    ['MEASUREMENT_TWICE', ['add', draft, ...software('software-1', 'ab'.repeat(48))]],
    ['MANIFEST_BAD_VALUE', ['add', draft, ...software('two', 'ab'.repeat(48), '--from', 'now')]],
    ['MANIFEST_BAD_VALUE', ['add', draft, ...software('two', 'ab'.repeat(48), '--svn-min', 'x')]],
    ['BAD_REGISTERS', ['add', draft, '--name', 'x', '--platform', 'nitro', ...until]],
    ['MEASUREMENT_UNKNOWN', ['remove', draft, 'other']],
  ]
  await Promise.all(
    wrong.map(async ([expected, args]) => {
      const { code, err } = await coterie(['policy', ...args, '--json'])
      const { error } = JSON.parse(err)
      expect([error.code, code]).toEqual([expected, 2])
      expect(error.next).not.toBe('')
    }),
  )
  expect(read()).toEqual(JSON.parse(JSON.stringify(production)))
})

test('an approved manifest stays as it is, and its change is the draft of the next one', async () => {
  const folder = temporaryFolder()
  const [approved, out] = [join(folder, 'envelope.json'), join(folder, 'draft.json')]
  const { envelopeBytes, manifest } = testNetwork()
  writeFileSync(approved, envelopeBytes)
  const args = ['policy', 'add', approved, '--name', 'two', '--platform', 'simulated', ...until]
  const given = [...args, '--measurement', 'ab'.repeat(48)]
  const { err } = await coterie([...given, '--json'])
  expect(JSON.parse(err).error.code).toBe('OUT_NOT_GIVEN')
  expect((await coterie([...given, '--out', out])).code).toBe(0)
  expect(JSON.parse(readFileSync(out, 'utf8')).nonce).toBe(manifest.nonce + 1)
  expect(new Uint8Array(readFileSync(approved))).toEqual(envelopeBytes)
})

test('diff names the register that differs, with both values one below the other', async () => {
  const { draft } = desk()
  const later = `${draft}.later`
  const value = 'ab'.repeat(48)
  await coterie(['policy', 'add', draft, ...software('software-2', value), '--out', later])
  const { out } = await coterie(['policy', 'diff', draft, later])
  const lines = out.split('\n')
  const at = lines.indexOf('measurement of sev-snp differs:')
  expect(lines.slice(at + 1, at + 3)).toEqual([
    `    software-1  ${'22'.repeat(48)}`,
    `    software-2  ${value}`,
  ])
  const { out: json } = await coterie(['policy', 'diff', draft, later, '--json'])
  expect(JSON.parse(json).registers).toContainEqual({
    ...{ platform: 'sev-snp', register: 'measurement' },
    before: { measurement: 'software-1', value: '22'.repeat(48) },
    after: { measurement: 'software-2', value },
  })
})

test('a measurement is compared with that of its name, or else with the nearest of its platform', () => {
  const named = (name: string, registers: Readonly<Record<string, string>>) => ({
    ...{ ...measurement, platform: 'sev-snp' as const, name, registers },
  })
  const admitting = (...measurements: readonly ReturnType<typeof named>[]) =>
    withJoin(production, { measurements })
  const [far, near] = [named('far', { a: '1', b: '2' }), named('near', { a: '3', b: '4' })]
  expect(differingRegisters(admitting(far, near), admitting(far, near))).toEqual([])
  const next = differingRegisters(
    admitting(far, near),
    admitting(named('next', { a: '3', b: '5' })),
  )
  expect(next).toMatchObject([{ register: 'b', before: { measurement: 'near' } }])
  const same = differingRegisters(admitting(far, near), admitting(named('far', { a: '3', b: '4' })))
  expect(same.map(({ register }) => register)).toEqual(['a', 'b'])
  const more = differingRegisters(admitting(far), admitting(named('far', { a: '1', c: '6' })))
  expect(more).toMatchObject([
    { register: 'b', before: { value: '2' }, after: { value: null } },
    { register: 'c', before: { value: null }, after: { value: '6' } },
  ])
  expect(differingRegisters(admitting(), admitting(far))).toEqual([])
})
