/**
 * `coterie testnet drill recovery`: loses a whole network and brings it back, on a testnet of its own, with the tools that people have.
 *
 * Three nodes hold a quorum key of three holders and a state; all are killed while somebody writes; a fresh node gets shares of the key and
 * the state from a disk. What was acknowledged and did not come back is counted.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { z } from 'zod'
import { HostError } from '../src/base/errors.ts'
import { type Folder, folderOf, removeFile } from './folder.ts'
import { prepareLayout } from './layout.ts'
import { cliPath, type NodeSlot, Testnet } from './network.ts'
import { findFreeBase, loopback } from './ports.ts'
import { absenceOf, untilConverged } from './snapshot.ts'

export interface DrillOptions {
  /** Keep the folder; a failure keeps it anyway. */
  readonly keep: boolean
  readonly json: boolean
}

/** What is printed with `--json`. */
export interface DrillReport {
  readonly ok: boolean
  /** Since the start of the drill, in seconds, when each was done. */
  readonly seconds: Readonly<Record<string, number>>
  /** Keys that were acknowledged before the last flush of the disk could be over, and how many came back. */
  readonly settled: { readonly written: number; readonly back: number }
  /** Keys that were acknowledged until all nodes were killed, how many came back, and the span of those that did not. */
  readonly tail: { readonly written: number; readonly back: number; readonly lostSeconds: number }
  /** State root at the cut, as the record said, and of what came back. */
  readonly root: string
  readonly cut: string
  /** Whether the status of nodes and a light client that asks them say that the state was recovered, and never that it is fresh. */
  readonly isSaid: boolean
}

const nodes = 3
const settledKeys = 20
/** Milliseconds: a flush of the disk every five seconds, and its time. */
const settling = 8_000
/** Milliseconds in which somebody goes on writing before all nodes die. */
const tailSpan = 4_000
const patience = 120_000
const poll = 200
const holders = ['member1', 'member2'] as const

/** Runs the drill and prints a report; progress goes to standard error. @returns the exit status: 0 if all came back that had to. */
export async function drillRecovery(options: DrillOptions): Promise<number> {
  const report = await runRecoveryDrill(options, line => process.stderr.write(`${line}\n`))
  const { settled, tail, cut, ok } = report
  if (options.json) console.log(JSON.stringify(report, null, 2))
  else {
    console.log(
      `${ok ? 'came back' : 'DID NOT COME BACK'}: ${settled.back} of ${settled.written} settled keys, the state of ${cut}`,
    )
    console.log(
      `lost: ${tail.written - tail.back} of ${tail.written} writes of the last moments, ${tail.lostSeconds} s`,
    )
  }
  return ok ? 0 : 1
}

/** The drill itself; `say` gets a line of progress at a time. */
export async function runRecoveryDrill(
  { keep }: Pick<DrillOptions, 'keep'>,
  say: (line: string) => void,
): Promise<DrillReport> {
  const folder = folderOf(await mkdtemp(join(tmpdir(), 'coterie-drill-')))
  const testnet = new Testnet({ folder, basePort: await findFreeBase(nodes), nodes })
  const kill = (): void => testnet.killAllNow()
  process.on('exit', kill)
  let isOver = false
  try {
    await prepareLayout(folder, { nodes, fresh: true })
    say(`SIMULATED TEE: ${nodes} nodes and made holders, in ${folder.path}`)
    const report = await new Drill(testnet, { folder, say }).run()
    isOver = report.ok
    return report
  } finally {
    await testnet.stop()
    process.off('exit', kill)
    if (isOver && !keep) await removeFile(folder.path)
    else say(`files and logs: ${folder.path}`)
  }
}

class Drill {
  readonly #testnet: Testnet
  readonly #folder: Folder
  readonly #say: (line: string) => void
  readonly #begun = performance.now()
  readonly #seconds: Record<string, number> = {}

  constructor(
    testnet: Testnet,
    { folder, say }: { readonly folder: Folder; readonly say: (line: string) => void },
  ) {
    this.#testnet = testnet
    this.#folder = folder
    this.#say = say
  }

  async run(): Promise<DrillReport> {
    await this.#testnet.start()
    await untilConverged(this.#testnet, AbortSignal.timeout(patience), () => true, absenceOf)
    this.#done('started', `${nodes} nodes attest each other`)
    await this.#provision()
    const settled = await this.#writeSettled()
    const tail = await this.#writeUntilKilled()
    const fresh = this.#testnet.slot(1)
    await this.#restart(fresh)
    await this.#bringKey(fresh)
    const { root, cut } = await this.#recover(fresh)
    const back = await this.#keysOf(fresh)
    const other = this.#testnet.slot(2)
    await this.#testnet.startNode(other)
    await until(() => this.#isJoined(other), 'a second node joins')
    this.#done('joined', 'a second node has the state from the first')
    const isSaid = await this.#isSaidBy([fresh, other])
    this.#done('verified', 'a light client that asks both is told that the state is recovered')
    const lost = tail.filter(({ key }) => !back.has(key))
    const [first, last] = [lost[0]?.at ?? 0, tail.at(-1)?.at ?? 0]
    const settledBack = settled.filter(key => back.has(key)).length
    const otherBack = await this.#keysOf(other)
    return {
      ok: isSaid && settledBack === settled.length && settled.every(key => otherBack.has(key)),
      seconds: this.#seconds,
      settled: { written: settled.length, back: settledBack },
      tail: {
        written: tail.length,
        back: tail.length - lost.length,
        lostSeconds: lost.length === 0 ? 0 : tenths(last - first),
      },
      ...{ root, cut, isSaid },
    }
  }

  async #provision(): Promise<void> {
    const first = this.#testnet.slot(0)
    const request = this.#file('request.json')
    const made = ['--member-count', '3', '--threshold', '2', '--output', request]
    await this.#coterie('genesis-request', ...made)
    const body = await readFile(request, 'utf8')
    const path = '/enclave/genesis-boot'
    const genesis = await post(first, { path, body, shape: genesisShape })
    await this.#save('genesis.json', genesis)
    await this.#inject(first, [])
    const { manifest_envelope } = genesis
    for (const slot of this.#testnet.slots().slice(1)) {
      const body = { manifest_envelope }
      await post(slot, { path: '/enclave/share-manifest', body, shape: z.unknown() })
      await until(async () => (await phaseOf(slot)) === 'ApplicationReady', 'the key goes on')
    }
    this.#done('provisioned', 'the holders made a quorum key, and every node has it')
  }

  async #writeSettled(): Promise<readonly string[]> {
    const keys = Array.from({ length: settledKeys }, (_, i) => `settled/${i}`)
    for (const key of keys) await this.#testnet.slot(0).api.set(key, text(key))
    await wait(settling)
    this.#done('settled', `${keys.length} keys are acknowledged and on the disks`)
    return keys
  }

  /** Writes as fast as it is acknowledged; then every process is killed where it stands. */
  async #writeUntilKilled(): Promise<readonly { readonly key: string; readonly at: number }[]> {
    const tail: { key: string; at: number }[] = []
    const end = performance.now() + tailSpan
    let isDead = false
    const writing = (async () => {
      for (let i = 0; !isDead; i++) {
        const key = `tail/${i}`
        // What is not acknowledged was promised to nobody.
        const isHeld = await this.#testnet
          .slot(0)
          .api.set(key, text(key))
          .then(
            () => true,
            () => false,
          )
        if (isHeld) tail.push({ key, at: performance.now() })
      }
    })()
    while (performance.now() < end) await wait(poll)
    await Promise.all(this.#testnet.slots().map(slot => this.#testnet.killNode(slot)))
    isDead = true
    await writing
    this.#done('killed', `all nodes are gone, after ${tail.length} more writes`)
    return tail
  }

  async #restart(fresh: NodeSlot): Promise<void> {
    await this.#testnet.startNode(fresh)
    await until(async () => (await fresh.api.status()).phase === 'alone', 'the fresh node is alone')
    this.#done('restarted', `${fresh.name} is a new node with the old directory, alone`)
  }

  async #bringKey(fresh: NodeSlot): Promise<void> {
    const own = (holder: string) => [
      '--key',
      this.#keyOf(holder),
      '--manifest',
      this.#folder.manifest,
    ]
    const genesis = this.#file('genesis.json')
    const words: string[] = []
    for (const holder of holders) {
      const word = await this.#coterie('approve', genesis, ...own(holder), '--yes')
      words.push(await this.#save(`approval-${holder}.json`, word))
    }
    const envelope = await this.#coterie('combine', genesis, ...words)
    const file = await this.#save('envelope.json', envelope)
    await this.#coterie('boot', file, '--to', urlOf(fresh))
    const path = '/enclave/generate-attestation'
    const { result } = await post(fresh, { path, body: {}, shape: attestedShape })
    const { attestation_doc } = result.GenerateAttestationResponse
    const target = await this.#save('target.json', { attestation_doc })
    await this.#inject(fresh, ['--target', target])
    this.#done('injected', 'two holders brought the key to it')
  }

  async #inject(slot: NodeSlot, target: readonly string[]): Promise<void> {
    const genesis = this.#file('genesis.json')
    const shares: string[] = []
    for (const holder of holders) {
      const own = ['--key', this.#keyOf(holder), '--manifest', this.#folder.manifest, '--yes']
      const share = await this.#coterie('decrypt-share', genesis, ...own, ...target)
      shares.push(await this.#save(`share-${holder}.json`, share))
    }
    await this.#coterie('inject', ...shares, '--to', urlOf(slot), '--under', genesis)
  }

  async #recover(fresh: NodeSlot): Promise<{ readonly root: string; readonly cut: string }> {
    const out = await this.#coterie('recover', '--of', urlOf(fresh), '--yes', '--json')
    const { root, cut, entries } = JSON.parse(out)
    this.#done('recovered', `${entries} keys of ${cut} are back`)
    return { root, cut }
  }

  /** Whether status and a light client, which believes what it can verify, say of each of them that its state is recovered. */
  async #isSaidBy(slots: readonly NodeSlot[]): Promise<boolean> {
    for (const slot of slots) {
      // A newcomer hears it with the first checkpoint of another.
      const isTold = async () => (await this.#warningsOf(slot)).includes('RECOVERED')
      await until(isTold, `the status of ${slot.name} says it`)
    }
    const asked = slots.flatMap(slot => ['--node', urlOf(slot)])
    const link = (await this.#program('policy', 'link', this.#folder.manifest, ...asked)).trim()
    const words = new Set<string>()
    await until(async () => {
      // It ends with a status of its own while the state is not fresh: what it prints is what counts.
      const { nodes: seen } = seenShape.parse(
        JSON.parse(await this.#said('verify', link, '--json')),
      )
      for (const { state } of seen) if (state !== null) words.add(state)
      return seen.length === slots.length && seen.every(({ state }) => state === 'recovered')
    }, 'a light client is told')
    return !words.has('fresh')
  }

  async #isJoined(slot: NodeSlot): Promise<boolean> {
    return (await slot.api.status()).phase === 'active'
  }

  async #warningsOf(slot: NodeSlot): Promise<readonly string[]> {
    return (await slot.api.status()).warnings.map(({ code }) => code)
  }

  async #keysOf(slot: NodeSlot): Promise<ReadonlySet<string>> {
    const keys = new Set<string>()
    for (let after: string | null | undefined; after !== null; ) {
      const page = await slot.api.list({ limit: 1000, ...(after && { after }) })
      for (const { key } of page.entries) keys.add(key)
      after = page.after
    }
    return keys
  }

  #file(name: string): string {
    return join(this.#folder.path, name)
  }

  #keyOf(holder: string): string {
    return this.#file(`request.${holder}.json`)
  }

  async #save(name: string, content: unknown): Promise<string> {
    const path = this.#file(name)
    const bytes = typeof content === 'string' ? content : JSON.stringify(content)
    await writeFile(path, bytes, { mode: 0o600 })
    return path
  }

  /** `coterie keys …`, as a holder runs it; what it printed. */
  #coterie(...args: readonly string[]): Promise<string> {
    return this.#program('keys', ...args)
  }

  async #program(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [cliPath, ...args], {
      maxBuffer: 2 ** 24,
    })
    return stdout
  }

  /** What it printed, however it ended. */
  #said(...args: readonly string[]): Promise<string> {
    return new Promise(resolve =>
      execFile(process.execPath, [cliPath, ...args], (_, stdout) => resolve(stdout)),
    )
  }

  #done(what: string, text: string): void {
    const seconds = tenths(performance.now() - this.#begun)
    this.#seconds[what] = seconds
    this.#say(`${seconds.toFixed(1).padStart(6)} s  ${text}`)
  }
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + patience
  // Who is starting does not answer yet.
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > end) {
      throw new HostError('DRILL_STUCK', `not done after ${patience / 1000} s: ${what}`, {
        next: 'Read the logs in the folder of the drill.',
      })
    }
    await wait(poll)
  }
}

const urlOf = ({ httpPort }: NodeSlot): string => `http://${loopback}:${httpPort}`
const tenths = (ms: number): number => Math.round(ms / 100) / 10
const text = (value: string) => ({ text: value })

const seenShape = z.object({ nodes: z.array(z.object({ state: z.string().nullable() })) })
const genesisShape = z.looseObject({ manifest_envelope: z.unknown() })
const attestedShape = z.object({
  result: z.object({
    GenerateAttestationResponse: z.object({ attestation_doc: z.array(z.number()) }),
  }),
})
const refusedShape = z.object({ code: z.string(), error: z.string() })
const phaseShape = z.object({ phase: z.string() })

async function post<Shape extends z.ZodType>(
  slot: NodeSlot,
  { path, body, shape }: { readonly path: string; readonly body: unknown; readonly shape: Shape },
): Promise<z.output<Shape>> {
  const response = await fetch(`${urlOf(slot)}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const json: unknown = await response.json()
  if (response.ok) return shape.parse(json)
  const { code, error } = refusedShape.parse(json)
  throw new HostError(code, `${slot.name} refuses ${path}: ${error}`)
}

async function phaseOf(slot: NodeSlot): Promise<string> {
  const response = await fetch(`${urlOf(slot)}/enclave/info`)
  return phaseShape.parse(await response.json()).phase
}
