import { X509Certificate } from 'node:crypto'
import { chmod, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { appraise } from '../../../../src/attestation/appraise.ts'
import { noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { after, days } from '../../../../src/base/time.ts'
import {
  currentTcb,
  drawInstance,
  instanceOfMachine,
  issueMachine,
  type Machine,
  makeTestnetAuthority,
  readAuthority,
  readMachine,
  registersOf,
  writeAuthority,
  writeMachine,
} from '../../../../src/host/tee/machine.ts'
import { attesterOf, openSimulatedAttester } from '../../../../src/host/tee/simulated.ts'
import type { Evidence } from '../../../../src/wire/evidence.ts'
import { attesterConforms } from '../../../conformance/attester.ts'
import { epoch, testNetwork } from '../../../fixtures/network.ts'

const network = testNetwork()
const folder = await mkdtemp(join(tmpdir(), 'coterie-tee-'))
afterAll(() => rm(folder, { recursive: true }))

const request = {
  instance: drawInstance(),
  registers: registersOf('coterie-test'),
  tcb: currentTcb,
  notBefore: after(epoch, days(-1)),
  notAfter: after(epoch, days(1)),
}
const machine = issueMachine(network.authority, request)

function carries(evidence: Evidence, expectedReportData: Uint8Array): boolean {
  const { policy } = network
  const endorsements = noEndorsements
  return (
    appraise({ evidence, expectedReportData, endorsements, policy, now: epoch }).kind === 'trusted'
  )
}

attesterConforms('simulated', async () => {
  const path = join(folder, 'machine.json')
  await writeMachine(path, machine)
  return { attester: await openSimulatedAttester(path), carries }
})

test('a machine file survives writing and reading, readable by its owner alone', async () => {
  const path = join(folder, 'kept.json')
  await writeMachine(path, machine)
  expect(await readMachine(path)).toEqual(machine)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
})

test.each([0o640, 0o604, 0o660, 0o644])('a machine file of mode %o is not opened', async mode => {
  const path = join(folder, `exposed-${mode}.json`)
  await writeMachine(path, machine)
  await chmod(path, mode)
  await expect(openSimulatedAttester(path)).rejects.toMatchObject({ code: 'TEE_FILE_EXPOSED' })
})

test('a missing machine file, a link to one and a huge one are not opened', async () => {
  const missing = openSimulatedAttester(join(folder, 'missing.json'))
  await expect(missing).rejects.toMatchObject({ code: 'TEE_FILE_UNREADABLE' })
  const target = join(folder, 'target.json')
  await writeMachine(target, machine)
  await symlink(target, join(folder, 'link.json'))
  const linked = openSimulatedAttester(join(folder, 'link.json'))
  await expect(linked).rejects.toMatchObject({ code: 'TEE_FILE_UNREADABLE' })
  await writeFile(join(folder, 'huge.json'), ' '.repeat(40_000), { mode: 0o600 })
  const huge = openSimulatedAttester(join(folder, 'huge.json'))
  await expect(huge).rejects.toMatchObject({ code: 'TEE_FILE_TOO_LARGE' })
})

test.each<[string, (machine: Machine) => object]>([
  ['an unknown key', each => ({ ...each, owner: 'me' })],
  [
    'a missing register',
    each => ({ ...each, registers: { ...each.registers, signer: undefined } }),
  ],
  ['a short chip id', each => ({ ...each, instance: 'ab' })],
  ['no chain', each => ({ ...each, chain: [] })],
  ['a certificate that is none', each => ({ ...each, chain: ['-----BEGIN', each.chain[1]] })],
  ['a key that is none', each => ({ ...each, key: 'secret-text' })],
  [
    'the key of another machine',
    each => ({ ...each, key: issueMachine(network.authority, request).key }),
  ],
])('a machine file with %s is refused without quoting it', async (_, bend) => {
  const path = join(folder, 'bent.json')
  await writeFile(path, JSON.stringify(bend(machine)), { mode: 0o600 })
  await chmod(path, 0o600)
  const error = await openSimulatedAttester(path).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'BAD_MACHINE_FILE' })
  expect(inspect(error, { depth: 9 })).not.toContain('secret-text')
})

test('a machine file that is not JSON is refused without quoting it', async () => {
  const path = join(folder, 'text.json')
  await writeFile(path, 'secret-text', { mode: 0o600 })
  const error = await openSimulatedAttester(path).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'BAD_MACHINE_FILE' })
  expect(inspect(error, { depth: 9 })).not.toContain('secret-text')
})

test('what cannot be written is the host’s fault and leaves nothing behind', async () => {
  const written = writeMachine(join(folder, 'no', 'such', 'folder.json'), machine)
  await expect(written).rejects.toMatchObject({ code: 'TEE_FILE_NOT_WRITTEN' })
})

test('an authority survives writing and reading and goes on issuing machines', async () => {
  const path = join(folder, 'authority.json')
  await writeAuthority(path, network.authority)
  const again = await readAuthority(path)
  expect(again).toEqual(network.authority)
  const attester = attesterOf(issueMachine(again, request))
  const evidence = await attester.quote(new Uint8Array(64), new AbortController().signal)
  expect(carries(evidence, new Uint8Array(64))).toBe(true)
  await writeMachine(path, machine)
  await expect(readAuthority(path)).rejects.toMatchObject({ code: 'BAD_AUTHORITY_FILE' })
})

test('machines of another authority prove nothing here, although all names are the same', async () => {
  const attester = attesterOf(issueMachine(makeTestnetAuthority(epoch), request))
  const evidence = await attester.quote(new Uint8Array(64), new AbortController().signal)
  expect(carries(evidence, new Uint8Array(64))).toBe(false)
})

test('two machines with one chip id are one instance, whatever their keys', () => {
  const twin = issueMachine(network.authority, request)
  expect(twin.key).not.toBe(machine.key)
  expect(instanceOfMachine(twin)).toBe(instanceOfMachine(machine))
  const other = issueMachine(network.authority, { ...request, instance: drawInstance() })
  expect(instanceOfMachine(other)).not.toBe(instanceOfMachine(machine))
})

test('a machine lasts as long as asked and its authority ten years or as asked', () => {
  expect(machine.validity).toEqual({
    notBefore: '2026-10-31T00:00:00.000Z',
    notAfter: '2026-11-02T00:00:00.000Z',
  })
  const endOf = (pem: string): number => Date.parse(new X509Certificate(pem).validTo)
  const usual = makeTestnetAuthority(epoch)
  expect(endOf(usual.root)).toBe(after(epoch, days(3_653)))
  expect(endOf(usual.intermediate)).toBe(endOf(usual.root))
  const notAfter = after(epoch, days(1))
  expect(endOf(makeTestnetAuthority(epoch, { notBefore: epoch, notAfter }).root)).toBe(notAfter)
})

test('neither a private key nor the machine prints with its attester', () => {
  const printed = JSON.stringify(attesterOf(machine))
  expect(printed).toBe('{"platform":"simulated"}')
})
