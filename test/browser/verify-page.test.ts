/** The verification page as people use it: built, opened from a file in a real browser, asking nodes over HTTP. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
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
import { verifySource } from '../tools/built-page.ts'
import { singlePage } from '../tools/single-page.ts'
import { absence, isSkipped } from './chromium.ts'
import { type OpenPage, openPage } from './devtools.ts'

/** What a person sees after a check. */
interface Seen {
  readonly word: string
  readonly facts: Readonly<Record<string, string>>
  readonly value: string | null
  readonly text: string
}

let folder: string
let file: string
let page: OpenPage
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
  await page.evaluate('localStorage.clear()')
  return { network, a, b }
}

/** Fills the form as a person does, checks, and reads what is there afterwards. */
async function look(
  network: FakeLightNetwork,
  { key = '', asks = 3, now = network.now }: { key?: string; asks?: number; now?: number } = {},
): Promise<Seen> {
  const nodes = network.origins.slice(0, asks)
  const pin = formatLink({ ...network.pin, nodes })
  await page.evaluate(`Date.now = () => ${now}`)
  return await checkWith({ pin, nodes: nodes.join('\n'), key })
}

/** Types into the fields of these ids, sends the form and waits for what comes of it. */
async function checkWith(fields: Readonly<Record<string, string>>): Promise<Seen> {
  return (await page.evaluate(`(async () => {
    for (const [id, text] of Object.entries(${JSON.stringify(fields)})) {
      const field = document.getElementById(id)
      field.value = text
      field.dispatchEvent(new Event('input', { bubbles: true }))
    }
    await new Promise(requestAnimationFrame)
    document.querySelector('form').requestSubmit()
    await new Promise(requestAnimationFrame)
    ${settled}
    return seen()
  })()`)) as Seen
}

const settled = `
  const pause = () => new Promise(resolve => setTimeout(resolve, 10))
  while (document.querySelector('.waiting') !== null) await pause()
  for (const each of document.querySelectorAll('details')) each.open = true
  const seen = () => ({
    word: document.querySelector('.answer h2').innerText.replace(/^\\S /, ''),
    facts: Object.fromEntries([...document.querySelectorAll('.answer .facts > div')].map(fact => [
      fact.children[0].innerText, fact.children[1].innerText,
    ])),
    value: document.querySelector('.value')?.innerText ?? null,
    text: document.body.innerText,
  })`

beforeAll(async () => {
  if (isSkipped) return
  folder = await mkdtemp(join(tmpdir(), 'coterie-page-'))
  file = join(folder, 'verify.html')
  await writeFile(file, await singlePage(verifySource))
  page = await openPage(pathToFileURL(file).href, { width: 1000, height: 900 })
  await page.evaluate(`(async () => {
    while (document.querySelector('form') === null) await new Promise(requestAnimationFrame)
  })()`)
})

afterEach(async () => {
  await site?.close()
})

afterAll(async () => {
  if (isSkipped) return
  await page.close()
  await rm(folder, { recursive: true, force: true })
})

describe.skipIf(isSkipped)(`the verification page${absence}`, () => {
  test('shows honest nodes, their state and a proven value, and calls simulated what is', async () => {
    const { network } = await made()
    const seen = await look(network, { key: 'public/motd' })
    expect(seen).toMatchObject({ word: 'Simulated, not protected', value: 'hello' })
    expect(seen.facts).toMatchObject({ Code: 'TRUSTED', State: 'fresh' })
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
    expect(seen).toMatchObject({ word: 'Refused', facts: { Code: 'MEASUREMENT_MISMATCH' } })
    const marked = await page.evaluate(
      `[...document.querySelectorAll('.beside')].find(each => each.querySelector('mark')).innerText`,
    )
    expect(marked).toMatch(/^Expected\s+measurement [0-9a-f]+\s+Found/)
  })

  test('an answer to another nonce is refused', async () => {
    const { network, a } = await made()
    a.bends.attestation = answer => ({ ...answer, nonce: new Uint8Array(32) })
    const seen = await look(network, { asks: 1 })
    expect(seen).toMatchObject({ word: 'Refused', facts: { Code: 'NONCE_MISMATCH' } })
  })

  test('evidence that has expired is refused', async () => {
    const { network } = await made()
    await network.advance(days(800))
    const seen = await look(network)
    expect(seen.word).toBe('Refused')
    expect(seen.facts['Code']).toMatch(/EXPIRED/)
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
    expect(seen.facts['Code']).toMatch(/^PROOF_/)
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
    await page.send('Page.reload')
    await page.evaluate(`(async () => {
      while (document.querySelector('form') === null) await new Promise(r => setTimeout(r, 10))
    })()`)
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
    expect(seen).toMatchObject({ word: 'Refused', facts: { Code: 'STATE_FORK', State: 'fork' } })
  })

  test('nodes that committed to different states for one moment stand side by side', async () => {
    const { network, b } = await made()
    b.bends.claim = claim => ({ ...claim, publicRoot: new Uint8Array(32).fill(9) })
    await network.advance()
    const seen = await look(network)
    expect(seen).toMatchObject({ word: 'Undetermined', facts: { State: 'not converged' } })
    expect(seen.text).toContain('They committed to different states for one moment.')
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
    await page.evaluate(`{
      const made = URL.createObjectURL
      URL.createObjectURL = blob => (window.handedOut = blob, made.call(URL, blob))
    }`)
    await look(network, { key: 'public/motd' })
    const told = (await page.evaluate(`(async () => {
      let copied
      Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async text => void (copied = text) } })
      ;[...document.querySelectorAll('button')].find(each => each.innerText === 'Copy the report').click()
      await new Promise(requestAnimationFrame)
      const bytes = new Uint8Array(await window.handedOut.arrayBuffer())
      return { copied, bundle: btoa(String.fromCharCode(...bytes)) }
    })()`)) as { readonly copied: string; readonly bundle: string }
    const bundle = new Uint8Array(Buffer.from(told.bundle, 'base64'))
    const { report } = await verifyBundle(bundle, { pin: network.pin })
    expect(told.copied).toBe(fromUtf8(reportBytes(report)))
    await site.close()
    const saved = join(folder, 'coterie.bundle')
    await writeFile(saved, bundle)
    const { root } = (await page.send('DOM.getDocument')) as { readonly root: { nodeId: number } }
    const found = await page.send('DOM.querySelector', {
      nodeId: root.nodeId,
      selector: '#bundle-file',
    })
    await page.evaluate(`document.querySelector('.answer').remove()`)
    await page.send('DOM.setFileInputFiles', { nodeId: found['nodeId'], files: [saved] })
    const again = (await page.evaluate(`(async () => {
      while (document.querySelector('.answer') === null) await new Promise(r => setTimeout(r, 10))
      ${settled}
      return seen()
    })()`)) as Seen
    expect(again).toMatchObject({ word: 'Simulated, not protected', value: 'hello' })
  })

  test('says what is wrong with what was typed, and what to do', async () => {
    const { network } = await made()
    const seen = await checkWith({ pin: 'hello' })
    expect(seen.word).toContain('Not checked')
    expect(seen.text).toContain('PIN_BAD')
    await look(network)
  })

  test('has nothing that shuts people out, in light and in dark', async () => {
    const { network } = await made()
    await look(network, { key: 'public/motd' })
    const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
    await page.evaluate(await readFile(axe, 'utf8'))
    for (const value of ['light', 'dark']) {
      const features = [{ name: 'prefers-color-scheme', value }]
      await page.send('Emulation.setEmulatedMedia', { features })
      const offences = await page.evaluate(
        `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
          .then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`,
      )
      expect(offences).toEqual([])
    }
  })

  test('loads nothing but itself, and its policy had nothing to stop', () => {
    expect(page.troubles).toEqual([])
  })
})
