/** `coterie verify`, as a process of its own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { registersOf } from '../../../src/host/tee/machine.ts'
import { keyReportData } from '../../../src/wire/evidence.ts'
import { coterie, startCoterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { testNetwork, testNode } from '../../fixtures/network.ts'

const network = testNetwork()
const node = await testNode(network, 'a')
const { measurement } = registersOf('coterie-test')
const at = ['--at', '2026-11-01T00:00:00Z']

interface Desk {
  readonly folder: string
  readonly evidence: string
  readonly policy: string
  /** `verify` of the evidence under the policy, with more flags. */
  readonly verify: (...flags: readonly string[]) => ReturnType<typeof coterie>
}

function desk(): Desk {
  const folder = temporaryFolder()
  const [evidence, policy] = [join(folder, 'evidence'), join(folder, 'manifest.json')]
  writeFileSync(evidence, node.evidence.body)
  writeFileSync(policy, network.envelopeBytes)
  const fixed = ['verify', evidence, '--platform', 'simulated', '--policy', policy, ...at]
  return { folder, evidence, policy, verify: (...flags) => coterie([...fixed, ...flags]) }
}

test('evidence is trusted with 0 and refused with 1, as one JSON document with every check', async () => {
  const { verify } = desk()
  const reportData = Buffer.from(keyReportData(network.network, 'simulated', node.keys))
  const asked = ['--report-data', reportData.toString('hex'), '--measurement', measurement]
  const trusted = await verify('--json', ...asked)
  expect(trusted).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse(trusted.out)).toMatchObject({
    verdict: 'trusted',
    code: 'TRUSTED',
    fields: { measurement },
    validUntil: '2026-11-01T01:00:00.000Z',
    policy: network.policy.digest,
  })
  const refused = await verify('--json', '--measurement', 'ee'.repeat(48))
  expect(refused.code).toBe(1)
  expect(JSON.parse(refused.out)).toMatchObject({
    verdict: 'refused',
    code: 'MEASUREMENT_MISMATCH',
    validUntil: null,
  })
})

test('people read the answer first, then expected beside found, then what is left to trust', async () => {
  const { verify } = desk()
  const { code, out } = await verify('--measurement', 'EE'.repeat(48))
  expect(code).toBe(1)
  const lines = out.split('\n')
  expect(lines[0]).toBe(
    'REFUSED (MEASUREMENT_MISMATCH) It runs other software: the register measurement differs.',
  )
  const found = lines.indexOf(`    found     measurement ${measurement}`)
  expect(lines[found + 1]).toBe(`    expected  measurement ${'ee'.repeat(48)}`)
  expect(out).toMatch(/Still to be trusted:\n.+Not proven:\n/s)
})

test('without a policy a simulated TEE is refused, from standard input too', async () => {
  const ran = startCoterie(['verify', '-', '--platform', 'simulated', '--json'], { input: 'junk' })
  const { code, out } = await ran.ended
  expect(code).toBe(1)
  expect(JSON.parse(out)).toMatchObject({ code: 'SIMULATED_NOT_TRUSTED', policy: 'default' })
})

test('as an attestation result it is printed as unsigned claims', async () => {
  const { verify } = desk()
  const { code, out } = await verify('--format', 'ear')
  expect(code).toBe(0)
  expect(JSON.parse(out).submods.simulated.ear_status).toBe('affirming')
})

test('what cannot be meant ends with 2, its code and a next step', async () => {
  const { verify, evidence, folder } = desk()
  const junk = join(folder, 'junk')
  writeFileSync(junk, 'no endorsement')
  const large = join(folder, 'large.crl')
  writeFileSync(large, new Uint8Array(300_000))
  const wrong: readonly (readonly [string, readonly string[]])[] = [
    ['BAD_TIME', ['--at', 'yesterday']],
    ['BAD_MEASUREMENT', ['--measurement', 'abcd']],
    ['BAD_REPORT_DATA', ['--report-data', 'ab'.repeat(65)]],
    ['FILE_UNREADABLE', ['--endorsements', join(folder, 'none')]],
    ['ENDORSEMENT_NOT_RECOGNISED', ['--endorsements', junk]],
    ['ENDORSEMENT_TOO_LARGE', ['--endorsements', large]],
    ['MANIFEST_UNREADABLE', ['--policy', join(folder, 'none')]],
    ['MANIFEST_NOT_JSON', ['--policy', junk]],
  ]
  await Promise.all(
    wrong.map(async ([expected, flags]) => {
      const { code, err } = await verify('--json', ...flags)
      const { error } = JSON.parse(err)
      expect(error.code).toBe(expected)
      expect(error.next, expected).not.toBe('')
      expect(code, expected).toBe(expected === 'MANIFEST_UNREADABLE' ? 3 : 2)
    }),
  )
  expect((await coterie(['verify', evidence])).code).toBe(2)
  expect((await coterie(['verify', evidence, '--platform', 'tpm'])).code).toBe(2)
})

test('a folder may hold other things than endorsements, and they are told', async () => {
  const { folder, verify } = desk()
  const inside = join(folder, 'endorsements')
  mkdirSync(inside)
  writeFileSync(join(inside, 'README'), 'nothing')
  writeFileSync(join(inside, 'pck_crl.der'), 'broken')
  const { code, out } = await verify('--json', '--endorsements', inside)
  expect(code).toBe(0)
  expect(JSON.parse(out).passedOver).toEqual([join(inside, 'README')])
})
