/**
 * The words of the verification page about running nodes, whose hosts lie: hosts are the attackers here, because the socket of a node is its host's. The
 * command line says the same of the same answers. `recovered` comes from no running node yet, so it stays with the fakes of `verify-page.test.ts`.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parseEnvelope } from '../../src/attestation/manifest-approval.ts'
import { isRefusal } from '../../src/attestation/verdict.ts'
import { formatLink, type Pin, pinOf } from '../../src/light/link.ts'
import { Faults } from '../../testnet/faults.ts'
import { startIntruder } from '../../testnet/intruder.ts'
import type { NodeSlot } from '../../testnet/network.ts'
import { coterie } from '../fixtures/command-line.ts'
import {
  type DishonestHost,
  dishonestHost,
  type HostAnswer,
  honestConduct,
} from '../fixtures/dishonest-host.ts'
import { eventually } from '../fixtures/patience.ts'
import { openTestnet } from '../fixtures/testnet.ts'
import { verifySource } from '../tools/built-page.ts'
import { singlePage } from '../tools/single-page.ts'
import { absence, isSkipped } from './chromium.ts'
import { type OpenPage, openPage } from './open-page.ts'
import { checkAs, type Seen } from './verify-view.ts'

const nodes = 5
/** Milliseconds for what waits for nodes more than once, each time as long as patience lasts. */
const unhurried = 300_000
const key = 'public/greeting'
const value = 'hello'

/** What is due, in the words of reports. */
interface Due {
  readonly verdict: 'trusted' | 'refused' | 'undetermined'
  readonly code: string
  readonly state: string | null
}

const words = {
  trusted: 'Simulated, not protected',
  refused: 'Refused',
  undetermined: 'Undetermined',
} as const
const exitCodes = { trusted: 0, refused: 1, undetermined: 3 } as const

/** How nodes are asked. */
interface Asking {
  readonly key?: string
  /** Where the command line remembers how far it saw. */
  readonly memory?: string
}

describe.skipIf(isSkipped)(`the words about running nodes${absence}`, () => {
  let folder: string
  let opened: OpenPage
  let page: Page
  let pin: Pin
  let network: Awaited<ReturnType<typeof openTestnet>>
  let faults: Faults
  let hosts: DishonestHost[] = []
  /** What a node committed to when the tests began. */
  let old: HostAnswer
  const host = (index: number): DishonestHost => {
    const found = hosts[index]
    if (found === undefined) throw new Error(`there is no node ${index}`)
    return found
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coterie-words-'))
    const file = join(folder, 'verify.html')
    await writeFile(file, await singlePage(verifySource))
    network = await openTestnet(nodes)
    faults = new Faults(network)
    const envelope = parseEnvelope(new Uint8Array(await readFile(network.folder.manifest)))
    if (isRefusal(envelope)) throw new Error(envelope.code)
    pin = pinOf(envelope.manifest)
    hosts = await Promise.all(network.testnet.slots().map(hostOf))
    await network.testnet.slot(0).api.set(key, { text: value }, { ack: 2 })
    opened = await openPage(pathToFileURL(file).href, { width: 1000, height: 900 })
    page = opened.page
  }, unhurried)

  afterEach(() => {
    for (const each of hosts) each.conduct = honestConduct
  })

  afterAll(async () => {
    await opened?.close()
    await Promise.all(hosts.map(each => each.close()))
    await network?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const hostOf = ({ httpPort }: Pick<NodeSlot, 'httpPort'>): Promise<DishonestHost> =>
    dishonestHost(`http://127.0.0.1:${httpPort}`)

  /** A host until the end of the test. */
  const hostFor = async (slot: NodeSlot): Promise<DishonestHost> => {
    const made = await hostOf(slot)
    onTestFinished(() => made.close())
    return made
  }

  /** A visitor who was never here before. */
  const forget = () => page.evaluate(() => localStorage.clear())

  const onPage = async (asked: readonly DishonestHost[], asking: Asking = {}): Promise<Seen> => {
    const origins = asked.map(({ origin }) => origin)
    const link = formatLink({ ...pin, nodes: origins })
    return await checkAs(page, { pin: link, nodes: origins.join('\n'), key: asking.key ?? '' })
  }

  const onCommandLine = async (asked: readonly DishonestHost[], asking: Asking = {}) => {
    const origins = asked.map(({ origin }) => origin)
    const from = origins.flatMap(origin => ['--from', origin])
    const command = asking.key === undefined ? ['verify', ...origins] : ['light', 'get', asking.key]
    const link = formatLink({ ...pin, nodes: origins })
    const { code, out } = await coterie([
      ...command,
      ...(asking.key === undefined ? [] : from),
      ...(asking.memory === undefined ? [] : ['--state', asking.memory]),
      ...['--link', link, '--json'],
    ])
    return { code, report: JSON.parse(out) }
  }

  /** Both say what is due about what these hosts answer, now. */
  const bothSay = async (
    asked: readonly DishonestHost[],
    { verdict, code, state }: Due,
    asking: Asking = {},
  ): Promise<Seen> => {
    const seen = await onPage(asked, asking)
    // A code says why not; where nothing is wrong the page shows none.
    const reason = verdict === 'trusted' ? {} : { Reason: code }
    const facts = { ...reason, State: state ?? 'not known' }
    expect(seen).toMatchObject({ word: words[verdict], facts })
    const told = await onCommandLine(asked, asking)
    expect(told).toMatchObject({ code: exitCodes[verdict], report: { verdict, code, state } })
    return seen
  }

  /** The same sooner or later, where nodes must notice first, or time must pass. */
  const bothComeToSay = (
    asked: readonly DishonestHost[],
    due: Due,
    asking: Asking = {},
  ): Promise<Seen> => eventually(() => bothSay(asked, due, asking))

  /** The same of a node that nobody may believe at any moment. */
  const neverTrusted = async (asked: DishonestHost, due: Due): Promise<Seen> => {
    const before: string[] = []
    return await eventually(async () => {
      before.push((await onPage([asked])).word)
      const seen = await bothSay([asked], due)
      expect(before).not.toContain(words.trusted)
      return seen
    })
  }

  const fresh: Due = { verdict: 'trusted', code: 'TRUSTED', state: 'fresh' }
  const stale: Due = { verdict: 'undetermined', code: 'STATE_STALE', state: 'stale' }

  test('nodes whose hosts hand on what they say are fresh, and the value is proven', async () => {
    const seen = await eventually(async () => {
      const shown = await bothSay([host(0), host(2)], fresh, { key })
      expect(shown.value).toBe(value)
      return shown
    })
    expect(seen.text).toMatch(/[2-5] machines signed it/)
    old = host(2).recorded('/light/checkpoint')
  })

  test('a bundle of running nodes makes the same report offline, in the page and on the command line', async () => {
    await onPage([host(0), host(1)], { key })
    await page.getByRole('button', { name: 'Copy the report' }).click()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    const coming = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download the bundle' }).click()
    const saved = join(folder, 'live.bundle')
    await (await coming).saveAs(saved)
    const link = formatLink({ ...pin, nodes: [host(0).origin] })
    const told = await coterie(['light', 'verify-bundle', saved, '--json', '--link', link])
    expect(told).toMatchObject({ code: 0, out: copied, err: '' })
  })

  test.each([
    ['the value', (bytes: Buffer) => bytes.indexOf(value)],
    ['the proof', (bytes: Buffer) => bytes.length - 1],
  ] as const)('one byte of %s changed is a false proof, and no value is shown', async (_, at) => {
    host(0).conduct = async (path, ask) => {
      const answer = await ask()
      if (!path.startsWith('/light/proof')) return answer
      const bytes = Buffer.from(answer.bytes)
      const place = at(bytes)
      bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place)
      return { ...answer, bytes }
    }
    const due: Due = { verdict: 'refused', code: 'PROOF_INVALID', state: 'fresh' }
    const seen = await bothSay([host(0)], due, { key })
    expect(seen.value).toBeNull()
  })

  test(
    'a checkpoint of before the one that was seen is rolled back, however young',
    async () => {
      await forget()
      const memory = join(folder, 'seen')
      await onPage([host(0)])
      const early = host(0).recorded('/light/checkpoint')
      const isLater = (): void => {
        const { bytes } = host(0).recorded('/light/checkpoint')
        expect(Buffer.from(bytes).equals(early.bytes)).toBe(false)
      }
      await eventually(async () => {
        await bothSay([host(0)], fresh, { memory })
        isLater()
      })
      // The page once more: the command line may have been the first to see a later one.
      await bothComeToSay([host(0)], fresh, { memory })
      host(0).conduct = async (path, ask) => (path.startsWith('/light/checkpoint') ? early : ask())
      const seen = await bothSay([host(0)], stale, { memory })
      expect(seen.text).toContain('"rolledBack": true')
      await forget()
    },
    unhurried,
  )

  test('what the node said to another question is refused, while the node itself stands still', async () => {
    await onPage([host(1)])
    network.testnet.freezeNode(network.testnet.slot(1), true)
    onTestFinished(() => network.testnet.freezeNode(network.testnet.slot(1), false))
    host(1).conduct = async path => host(1).recorded(path.split('?')[0] ?? '')
    await bothSay([host(1)], { verdict: 'refused', code: 'NONCE_MISMATCH', state: null })
  })

  test('a node with another measurement is refused, with what was expected beside what was found', async () => {
    const slot = await startIntruder(network, 'stranger')
    onTestFinished(() => network.testnet.killNode(slot))
    const due: Due = { verdict: 'refused', code: 'MEASUREMENT_MISMATCH', state: null }
    const { text } = await neverTrusted(await hostFor(slot), due)
    expect(text).toMatch(/Expected\s+measurement [0-9a-f]+\s+Found/)
  })

  test('a node on a machine whose certificate has ended is refused', async () => {
    const slot = await startIntruder(network, 'expired', { isExpired: true })
    onTestFinished(() => network.testnet.killNode(slot))
    const due: Due = { verdict: 'refused', code: 'EVIDENCE_EXPIRED', state: null }
    await neverTrusted(await hostFor(slot), due)
  })

  test(
    'a member that was broken into and signs another state for light clients is a fork',
    async () => {
      await forget()
      const { manifest, path } = network.folder
      const machine = join(path, 'two-faced.json')
      await network.layout.hardware.issue(machine)
      const program = [
        fileURLToPath(new URL('../fixtures/two-faced-node.ts', import.meta.url)),
        ...['start', '--config'],
      ]
      const slot = await network.testnet.startExtra({
        name: 'two-faced',
        manifest,
        machine,
        program,
      })
      onTestFinished(() => network.testnet.killNode(slot))
      const due: Due = { verdict: 'refused', code: 'STATE_FORK', state: 'fork' }
      await neverTrusted(await hostFor(slot), due)
      await forget()
    },
    unhurried,
  )

  test(
    'a host that froze what its node committed to is stale in half a minute, though the node attests itself anew',
    async () => {
      await forget()
      host(2).conduct = async (path, ask) => (path.startsWith('/light/checkpoint') ? old : ask())
      const { text } = await bothComeToSay([host(2)], stale)
      expect(text).toContain('"rolledBack": false')
    },
    unhurried,
  )

  test(
    'in a network that fell apart, halves differ, and who reaches nobody is isolated',
    async () => {
      const how = 'silent'
      await faults.apply({ kind: 'partition', left: ['4'], right: [], how })
      await faults.apply({ kind: 'partition', left: ['0', '1'], right: ['2', '3'], how })
      onTestFinished(() => void faults.apply({ kind: 'heal' }))
      await network.testnet.slot(0).api.set('public/side', { text: 'left' }, { ack: 'local' })
      await network.testnet.slot(2).api.set('public/side', { text: 'right' }, { ack: 'local' })
      const { text } = await bothComeToSay([host(0), host(2)], {
        verdict: 'undetermined',
        code: 'STATE_NOT_CONVERGED',
        state: 'not converged',
      })
      expect(text).toContain('For one moment there are two states')
      await bothComeToSay([host(0)], fresh)
      await forget()
      const alone: Due = { verdict: 'undetermined', code: 'STATE_ISOLATED', state: 'isolated' }
      await bothComeToSay([host(4)], alone)
    },
    unhurried,
  )

  test('the page had nothing to complain of', () => {
    expect(opened.troubles).toEqual([])
  })
})
