/** `coterie verify` of live nodes, `coterie light` and `policy link`: processes against nodes behind real sockets. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { timestamp } from '../../../src/base/time.ts'
import { FakeLightNetwork } from '../../fakes/light-nodes.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { serveLight } from '../../fixtures/light-servers.ts'

async function desk() {
  const network = await FakeLightNetwork.make({ at: timestamp(Date.now() - 1_000) })
  const live = { is: true }
  const origins = await serveLight(network, () => live.is)
  const folder = temporaryFolder()
  const manifest = join(folder, 'manifest.json')
  writeFileSync(manifest, network.network.envelopeBytes)
  const { code, out } = await coterie([
    ...['policy', 'link', manifest],
    ...origins.flatMap(each => ['--node', each]),
  ])
  expect(code).toBe(0)
  const [first, second] = origins
  if (first === undefined || second === undefined) throw new Error('two nodes')
  return { network, live, origins: [first, second] as const, folder, manifest, link: out.trim() }
}

test('a value is printed with what it rests on, and its bundle gives the same bytes offline', async () => {
  const { origins, folder, manifest, link } = await desk()
  const bundle = join(folder, 'bundle')
  const from = origins.flatMap(each => ['--from', each])
  const get = ['light', 'get', 'public/motd', '--manifest', manifest, ...from]
  const told = await coterie([...get, '--json', '--bundle', bundle])
  expect(told).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse(told.out)).toMatchObject({
    verdict: 'trusted',
    state: 'fresh',
    simulated: true,
    value: { key: 'public/motd', content: { kind: 'register', value: 'aGVsbG8=' } },
  })
  for (const pin of [
    ['--manifest', manifest],
    ['--link', link],
  ]) {
    const again = await coterie(['light', 'verify-bundle', bundle, '--json', ...pin])
    expect(again).toEqual(told)
  }
  const shown = await coterie(get)
  expect(shown.code).toBe(0)
  expect(shown.out).toMatch(
    /^public\/motd = hello\nProven for .*, under a state that 3 machines signed\.\n/,
  )
  expect(shown.out).toContain('SIMULATED')
  const read = await coterie(['light', 'verify-bundle', bundle, '--link', link])
  expect(read.out).toMatch(/^SIMULATED, fresh /)
})

test('live nodes are verified with 0, refused with 1, and undetermined with 3', async () => {
  const { network, origins, manifest, link } = await desk()
  const asked = ['verify', ...origins, '--policy', manifest]
  const good = await coterie(asked)
  expect(good).toMatchObject({ code: 0, err: '' })
  const [answer] = good.out.split('\n')
  expect(answer).toBe(
    'SIMULATED, fresh Every node asked is what the manifest admits, on simulated TEEs that protect nothing, and enough of them committed to this state just now.',
  )
  expect(good.out).not.toMatch(/TRUSTED|VERIFIED|[Vv]erified|genuine/)
  expect(good.out).toContain(`To repeat it: coterie ${asked.join(' ')}`)
  expect((await coterie(['verify', link])).code).toBe(0)
  const [a] = network.nodes
  if (a === undefined) throw new Error('a node')
  a.bends.attestation = answer => ({ ...answer, nonce: new Uint8Array(32) })
  const lied = await coterie(asked)
  expect(lied.code).toBe(1)
  expect(lied.out).toMatch(/^SIMULATED REFUSED \(NONCE_MISMATCH\)/)
  a.bends = { bytes: () => null }
  const silent = await coterie([...asked, '--json'])
  expect(silent.code).toBe(3)
  expect(JSON.parse(silent.out)).toMatchObject({ verdict: 'undetermined', code: 'SOURCE_HAS_NONE' })
})

test('a node that went back is stale to who remembers', async () => {
  const { network, live, origins, folder, manifest } = await desk()
  const state = join(folder, 'seen')
  const asked = ['verify', ...origins, '--policy', manifest, '--state', state]
  await network.advance()
  expect((await coterie(asked)).code).toBe(0)
  expect(existsSync(state)).toBe(true)
  live.is = false
  for (const node of network.nodes) {
    node.chain.pop()
    await node.quote()
  }
  const back = await coterie([...asked, '--json'])
  expect(back.code).toBe(3)
  expect(JSON.parse(back.out)).toMatchObject({ state: 'stale', code: 'STATE_STALE', head: null })
  writeFileSync(state, readFileSync(state).subarray(1))
  expect(await coterie(asked)).toMatchObject({
    code: 3,
    err: expect.stringContaining('MEMORY_BROKEN'),
  })
})

test('what is not said is asked for: whom to believe, whom to ask, what made a file', async () => {
  const { origins, manifest } = await desk()
  const codes = [
    [['verify', origins[0]], 'PIN_MISSING'],
    [['light', 'get', 'public/motd', '--manifest', manifest], 'SOURCES_MISSING'],
    [['light', 'get', '', '--manifest', manifest, '--from', origins[0]], 'BAD_KEY'],
    [['verify', 'coterie:nonsense'], 'LINK_BAD'],
    [['verify', manifest], 'VERIFY_WHAT'],
    [['verify', manifest, origins[0], '--platform', 'sgx'], 'VERIFY_WHAT'],
    [['light', 'verify-bundle', manifest, '--manifest', manifest], 'BUNDLE_BROKEN'],
  ] as const
  for (const [words, code] of codes) {
    const { err, code: exit } = await coterie(words)
    expect(err, words.join(' ')).toContain(code)
    expect(exit, words.join(' ')).not.toBe(0)
  }
})
