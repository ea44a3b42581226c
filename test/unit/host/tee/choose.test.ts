import { afterAll, expect, test } from 'vitest'
import { chooseAttester, type TeePlaces, teeOffers } from '../../../../src/host/tee/choose.ts'
import { type DeviceFiles, systemDeviceFiles } from '../../../../src/host/tee/device-files.ts'
import { bareQuote } from '../../../fakes/bare-quote.ts'
import { FakeConfigfs, fakeConfigfsRoot } from '../../../fakes/configfs.ts'
import { startDstack } from '../../../fakes/dstack.ts'
import { FakeGramine, fakeGramineRoot } from '../../../fakes/gramine.ts'

const { signal } = new AbortController()
const data = new Uint8Array(64).fill(7)
const agent = await startDstack()
afterAll(() => agent.stop())

const places: TeePlaces = {
  gramine: fakeGramineRoot,
  configfs: fakeConfigfsRoot,
  dstack: [agent.socket],
  tappd: '/nowhere/tappd.sock',
  nitro: { device: '/nowhere/nsm', helper: '/nowhere/coterie-nsm' },
}
const bare: TeePlaces = { ...places, dstack: ['/nowhere/dstack.sock'] }

const snp = new FakeConfigfs({
  provider: 'sev_guest',
  outblob: asked => bareQuote('sev-snp', asked),
})
const noConfigfs = new FakeConfigfs(undefined)

/** One machine of several parts: each answers for its own paths. */
function machine(gramine: DeviceFiles | undefined, configfs: DeviceFiles): DeviceFiles {
  const of = (path: string): DeviceFiles =>
    path.startsWith(fakeGramineRoot) && gramine !== undefined ? gramine : configfs
  return {
    read: (path, bytesMax) => of(path).read(path, bytesMax),
    write: (path, bytes) => of(path).write(path, bytes),
    makeDirectory: path => configfs.makeDirectory(path),
    removeDirectory: path => configfs.removeDirectory(path),
    probe: (path, use) => systemDeviceFiles.probe(path, use),
  }
}

test('an enclave quotes before its machine, the kernel before the agent that stands between', async () => {
  const all = machine(new FakeGramine(), snp)
  expect((await chooseAttester(all, 'auto', places)).platform).toBe('sgx')
  expect((await chooseAttester(machine(undefined, snp), 'auto', places)).platform).toBe('sev-snp')
  const agentAlone = machine(undefined, noConfigfs)
  expect((await chooseAttester(agentAlone, 'auto', places)).platform).toBe('tdx')
})

test('a platform that is named is taken, whatever comes before it, and works', async () => {
  const all = machine(new FakeGramine(), snp)
  for (const platform of ['sgx', 'sev-snp', 'tdx'] as const) {
    const attester = await chooseAttester(all, platform, places)
    expect((await attester.quote(data, signal)).platform).toBe(platform)
  }
})

test('a machine without a TEE says what each interface lacks', async () => {
  const chosen = chooseAttester(machine(undefined, noConfigfs), 'auto', bare)
  await expect(chosen).rejects.toMatchObject({
    code: 'TEE_NONE',
    message:
      /gramine: TEE_NOT_OFFERED; configfs: TEE_PROVIDER_GONE; dstack: TEE_NOT_OFFERED; nsm: TEE_NOT_OFFERED/,
    next: /doctor/,
  })
})

test('a platform that this machine does not offer is not replaced by one that it does', async () => {
  const chosen = chooseAttester(machine(undefined, snp), 'tdx', bare)
  await expect(chosen).rejects.toMatchObject({ code: 'TEE_NONE', message: /tdx.*sev-snp/ })
})

test('an interface that is there and broken is told from one that is not there', async () => {
  const epid = new FakeGramine()
  epid.type = 'epid'
  const offers = await teeOffers(machine(epid, snp), bare)
  expect(offers.map(({ state }) => state)).toMatchObject([
    { kind: 'closed', error: { code: 'TEE_NO_DCAP' } },
    { kind: 'ready', platform: 'sev-snp' },
    { kind: 'closed', error: { code: 'TEE_NOT_OFFERED' } },
    { kind: 'closed', error: { code: 'TEE_NOT_OFFERED' } },
  ])
})

test('looking for a TEE leaves nothing open', async () => {
  await teeOffers(machine(undefined, snp), places)
  expect(snp.open).toBe(0)
})
