/** The verification page as people use it: built, opened from a file in a real browser, asking nodes over HTTP. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { days } from '../../src/base/time.ts'
import { registersOf } from '../../src/host/tee/machine.ts'
import { reportBytes, verifyBundle } from '../../src/light/client.ts'
import { formatLink } from '../../src/light/link.ts'
import { possessionMessage } from '../../src/wire/member-record.ts'
import type { FakeLightNetwork, FakeLightNode, FakeLightOptions } from '../fakes/light-nodes.ts'
import { type LightSite, lightSite } from '../fixtures/light-site.ts'
import { testNode } from '../fixtures/network.ts'
import { until } from '../fixtures/patience.ts'
import { verifySource } from '../tools/built-page.ts'
import { singlePage } from '../tools/single-page.ts'
import { absence, isSkipped } from './chromium.ts'
import { dress, type OpenPage, openPage, violations, visibleText } from './open-page.ts'
import { checkAs, read, type Seen, typeOver } from './verify-view.ts'

const size = { width: 1000, height: 900 }
let folder: string
let file: string
let opened: OpenPage
let page: Page
let site: LightSite

async function made(options: FakeLightOptions = {}): Promise<{
  readonly network: FakeLightNetwork
  readonly a: FakeLightNode
  readonly b: FakeLightNode
}> {
  site = await lightSite(options)
  const { network } = site
  const [a, b] = network.nodes
  if (a === undefined || b === undefined) throw new Error('two nodes')
  // A page of its own storage for each network: what it remembers is kept by network.
  await page.evaluate(() => localStorage.clear())
  return { network, a, b }
}

/** Fills the form as a person does, checks, and reads what is there afterwards. */
async function look(
  network: FakeLightNetwork,
  { key = '', asks = 3, now = network.now }: { key?: string; asks?: number; now?: number } = {},
): Promise<Seen> {
  const nodes = network.origins.slice(0, asks)
  const pin = formatLink({ ...network.pin, nodes })
  await page.clock.setFixedTime(now)
  return await checkAs(page, { pin, nodes: nodes.join('\n'), key })
}

beforeAll(async () => {
  if (isSkipped) return
  folder = await mkdtemp(join(tmpdir(), 'coterie-page-'))
  file = join(folder, 'verify.html')
  await writeFile(file, await singlePage(verifySource))
  opened = await openPage(pathToFileURL(file).href, size)
  page = opened.page
})

afterEach(async () => {
  await site?.close()
})

afterAll(async () => {
  if (isSkipped) return
  await opened?.close()
  await rm(folder, { recursive: true, force: true })
})

describe.skipIf(isSkipped)(`the verification page${absence}`, () => {
  test('shows honest nodes, their state and a proven value, and calls simulated what is', async () => {
    const { network } = await made()
    const seen = await look(network, { key: 'public/motd' })
    expect(seen).toMatchObject({ word: 'Simulated, not protected', value: 'hello' })
    expect(seen.facts).toEqual(expect.objectContaining({ State: 'fresh' }))
    expect(seen.facts).not.toHaveProperty('Reason')
    expect(seen.text).toContain('SIMULATED TEE')
    expect(seen.text).not.toMatch(/: trusted$/m)
    for (const heading of ['What you still trust', 'What this does not prove']) {
      expect(seen.text).toContain(heading)
    }
    expect(seen.text).toContain(`coterie light get public/motd --from ${network.origins[0]}`)
    const absent = await look(network, { key: 'public/nothing' })
    expect(absent.value).toMatch(/^nothing/)
  })

  test('of a wrong measurement it shows the register, expected beside found, and what differs is marked', async () => {
    const { network, a } = await made()
    const registers = registersOf('something-else')
    const { evidence } = await testNode(network.network, 'light-0', { registers })
    a.bends.attestation = answer => {
      const message = possessionMessage(network.network.network, answer.record.keys, evidence)
      const possession = a.node.signing.sign(message)
      return { ...answer, record: { ...answer.record, evidence, possession } }
    }
    const seen = await look(network, { asks: 1 })
    expect(seen).toMatchObject({ word: 'Refused', facts: { Reason: 'MEASUREMENT_MISMATCH' } })
    const marked = page.locator('.beside', { has: page.locator('mark') })
    expect(await visibleText(marked.first())).toMatch(/^Expected\s+measurement [0-9a-f]+\s+Found/)
  })

  test('an answer to another nonce is refused', async () => {
    const { network, a } = await made()
    a.bends.attestation = answer => ({ ...answer, nonce: new Uint8Array(32) })
    const seen = await look(network, { asks: 1 })
    expect(seen).toMatchObject({ word: 'Refused', facts: { Reason: 'NONCE_MISMATCH' } })
  })

  test('evidence that has expired is refused', async () => {
    const { network } = await made()
    await network.advance(days(800))
    const seen = await look(network)
    expect(seen.word).toBe('Refused')
    expect(seen.facts['Reason']).toMatch(/EXPIRED/)
  })

  test('a forged proof is refused, and no value is shown', async () => {
    const { network, a } = await made()
    a.bends.proof = answer => {
      const proof = answer.proof.slice()
      const at = proof.length - 1
      proof[at] = (proof[at] ?? 0) ^ 1
      return { ...answer, proof }
    }
    const seen = await look(network, { key: 'public/motd', asks: 1 })
    expect(seen).toMatchObject({ word: 'Refused', value: null })
    expect(seen.facts['Reason']).toMatch(/^PROOF_/)
  })

  test('an old head is stale', async () => {
    const { network } = await made()
    const seen = await look(network, { now: network.now + 60_000 })
    expect(seen).toMatchObject({ word: 'Undetermined', facts: { State: 'stale' } })
  })

  test('a state before the one that this browser saw is stale, after the page was loaded anew', async () => {
    const { network, a } = await made()
    await network.advance()
    expect((await look(network, { asks: 1 })).facts['State']).toBe('fresh')
    for (const { chain } of network.nodes) chain.pop()
    await a.quote()
    await page.reload()
    const seen = await look(network, { asks: 1 })
    expect(seen).toMatchObject({ word: 'Undetermined', facts: { State: 'stale' } })
    expect(seen.text).toContain('"rolledBack": true')
  })

  test('two checkpoints of one place are a fork', async () => {
    const { network, a } = await made()
    await look(network)
    a.chain.pop()
    a.chain.push(a.sign({ ...network.claim, publicRoot: new Uint8Array(32).fill(3) }))
    await a.quote()
    const seen = await look(network)
    expect(seen).toMatchObject({ word: 'Refused', facts: { Reason: 'STATE_FORK', State: 'fork' } })
  })

  test('nodes that committed to different states for one moment stand side by side', async () => {
    const { network, b } = await made()
    b.bends.claim = claim => ({ ...claim, publicRoot: new Uint8Array(32).fill(9) })
    await network.advance()
    const seen = await look(network)
    expect(seen).toMatchObject({ word: 'Undetermined', facts: { State: 'not converged' } })
    expect(seen.text).toContain('For one moment there are two states')
  })

  test('a node that nobody else signs is isolated, and a restored state says so', async () => {
    const { network } = await made()
    for (const node of network.nodes) node.bends.isAlone = true
    const alone = await look(network, { asks: 1 })
    expect(alone).toMatchObject({ word: 'Undetermined', facts: { State: 'isolated' } })
    for (const node of network.nodes) {
      node.bends = { claim: claim => ({ ...claim, extensions: new Map([[65, true]]) }) }
    }
    await network.advance()
    expect((await look(network)).facts['State']).toBe('recovered')
  })

  test('makes the same report of a bundle offline as Node does, byte for byte', async () => {
    const { network } = await made()
    await look(network, { key: 'public/motd' })
    await page.getByRole('button', { name: 'Copy the report' }).click()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    const coming = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download the bundle' }).click()
    const saved = join(folder, 'coterie.bundle')
    await (await coming).saveAs(saved)
    const bundle = new Uint8Array(await readFile(saved))
    const { report } = await verifyBundle(bundle, { pin: network.pin })
    expect(copied).toBe(fromUtf8(reportBytes(report)))
    await site.close()
    await page.reload()
    await typeOver(page, 'Whom to believe', formatLink({ ...network.pin, nodes: network.origins }))
    await page.getByLabel('Open a saved bundle').setInputFiles(saved)
    const again = await read(page)
    expect(again).toMatchObject({ word: 'Simulated, not protected', value: 'hello' })
  })

  test('says what is wrong with what was typed, and what to do', async () => {
    const { network } = await made()
    const seen = await checkAs(page, { pin: 'hello' })
    expect(seen.word).toContain('Not checked')
    expect(seen.text).toContain('PIN_BAD')
    await look(network)
  })

  test.each(['trusted', 'refused'] as const)(
    'has nothing that shuts people out, in light, in dark and on a phone: %s',
    async verdict => {
      const { network, a } = await made()
      if (verdict === 'refused') {
        a.bends.attestation = answer => ({ ...answer, nonce: new Uint8Array(32) })
      }
      await look(network, { key: 'public/motd' })
      for (const scheme of ['light', 'dark'] as const) {
        await dress(page, scheme)
        expect(await violations(page)).toEqual([])
      }
      await page.setViewportSize({ width: 360, height: 700 })
      await until(() =>
        page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement
          return scrollWidth === clientWidth
        }),
      )
      await page.setViewportSize(size)
    },
  )

  test('loads nothing but itself, and its policy had nothing to stop', () => {
    expect(opened.troubles).toEqual([])
  })
})
