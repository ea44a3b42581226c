/** What `doctor` looks at: each check is named, and says the cause and the next step. */
import { lstat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { ApiClient } from '../api/client.ts'
import type { Answer } from '../api/contract.ts'
import { CoterieError } from '../base/errors.ts'
import { streamHead } from '../host/bounded-read.ts'
import { readRunFile, readToken } from '../host/data-dir.ts'
import { readMachine } from '../host/tee/machine.ts'
import type { Settings } from '../node/options.ts'
import { limits } from '../wire/limits.ts'
import { type CustodyQuestions, custodyFindings } from './custody-findings.ts'
import { type Finding, type Found, fail, ok, warn } from './finding.ts'
import { answers, containerFinding, recordFinding } from './host-findings.ts'
import { type OpenedManifest, openApprovedManifest } from './manifest-file.ts'
import { teeFinding, teeSurroundings } from './tee-finding.ts'

type Check = (settings: Settings) => Promise<Found>

/** How long a bootstrap address may take to answer, in milliseconds: a slow link, and no longer. */
const dialPatience = 3_000
/** Evidence and certificates that end so soon are worth a word, in milliseconds. */
const soon = 24 * 3_600_000

const checks: Readonly<Record<string, Check>> = {
  'node-version': async () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    return major > 22 || (major === 22 && minor >= 12)
      ? ok(`Node ${process.versions.node}`)
      : fail(`Node ${process.versions.node} is too old.`, 'Use Node 22.12 or later.')
  },
  'data-dir': async ({ dataDir }) => {
    const { mode } = await lstat(dataDir)
    return (mode & 0o077) === 0
      ? ok(`${dataDir} is yours alone`)
      : fail(`Others can look into ${dataDir}.`, `Run chmod 700 ${dataDir}.`)
  },
  manifest: async ({ manifest }) => {
    const { name, manifest: approved } = await approvedIn(manifest)
    return ok(`network ${name}, nonce ${approved.nonce}, approved`)
  },
  container: () => containerFinding(),
  audit: ({ dataDir }) => recordFinding(dataDir),
  tee: async ({ tee }) => teeFinding(tee, await teeSurroundings()),
  machine: async ({ machine, tee }) => {
    if (tee !== 'simulated') return ok('none: the hardware is asked')
    const { platform, chain } = { platform: tee, ...(await readMachine(machine)) }
    const text = `${platform}: ${chain.length} certificates. It protects nothing.`
    return warn(text, 'A simulated TEE joins testnets only.')
  },
  clock: async ({ manifest }) => {
    const { manifest: approved } = await approvedIn(manifest)
    const now = Date.now()
    const begun = approved.join.measurements.some(({ validFrom }) => Date.parse(validFrom) <= now)
    const isAny = approved.join.measurements.length > 0
    return begun || !isAny
      ? ok(new Date(now).toISOString())
      : fail(
          'The clock is before every measurement of the manifest.',
          'Set the clock of this host.',
        )
  },
  bootstrap: async ({ bootstrap, found }) => {
    if (bootstrap.length === 0) {
      return found ? ok('none: this node founds') : warn('There is none.', 'Give --bootstrap.')
    }
    const answers = await Promise.all(bootstrap.map(isReachable))
    const silent = bootstrap.filter((_, i) => !answers[i])
    if (silent.length === 0) return ok(`${bootstrap.length} answer`)
    const text = `No answer from ${silent.join(' ')}.`
    const next = 'See whether a node runs there and no firewall is between.'
    return silent.length === bootstrap.length ? fail(text, next) : warn(text, next)
  },
  ipv6: async () => {
    const found = Object.values(networkInterfaces()).flatMap(list => list ?? [])
    const isThere = found.some(({ family, internal }) => family === 'IPv6' && !internal)
    return ok(isThere ? 'there is an address beyond this machine' : 'none beyond this machine')
  },
}

/** Only while no node of this directory runs: its own ports are taken then, as they should be. */
const idleChecks: Readonly<Record<string, Check>> = {
  ports: async ({ httpHost, httpPort, httpSocket, listen }) => {
    const wanted = listen.flatMap(address => {
      const { host, port } = endpointOf(address)
      return port > 0 && host !== undefined ? [{ host, port }] : []
    })
    if (httpSocket === '' && httpPort > 0) wanted.push({ host: httpHost, port: httpPort })
    const taken: string[] = []
    for (const { host, port } of wanted)
      if (!(await isFree(host, port))) taken.push(`${host}:${port}`)
    return taken.length === 0
      ? ok(wanted.length === 0 ? 'any free ones' : wanted.map(({ port }) => port).join(' '))
      : fail(
          `${taken.join(' ')} cannot be listened on.`,
          'Choose others with --http-port or --listen.',
        )
  },
}

/** What can be looked at without a node. A check that breaks says why, and the others go on. */
export async function offlineFindings(
  settings: Settings,
  { isRunning }: { readonly isRunning: boolean },
): Promise<readonly Finding[]> {
  const rows = Object.entries({ ...checks, ...(isRunning ? {} : idleChecks) })
  return await Promise.all(
    rows.map(async ([name, check]) => ({ name, ...(await check(settings).catch(broken)) })),
  )
}

async function approvedIn(path: string): Promise<OpenedManifest> {
  return openApprovedManifest(await streamHead(path, limits.manifestLineageBytesMax), path)
}

function broken(error: unknown): Found {
  const make = 'Make it with coterie init, or name another --data-dir.'
  if (error instanceof CoterieError) return fail(error.message, error.next || make)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const text = error instanceof Error ? error.message : 'It could not be looked at.'
  if (code === 'ENOENT') return fail(text, make)
  return { result: 'unknown', text, next: '' }
}

/** What the running node of this directory says of itself, of its custody and of what goes there; `undefined` if none runs. */
export async function runningFindings(
  settings: Settings,
  questions: CustodyQuestions,
): Promise<readonly Finding[] | undefined> {
  const { dataDir } = settings
  const run = await readRunFile(dataDir).catch(() => undefined)
  if (run === undefined) return undefined
  const token = await readToken(dataDir).catch(() => undefined)
  const client = new ApiClient({ url: run.http, ...(token === undefined ? {} : { token }) })
  try {
    const signal = AbortSignal.timeout(10_000)
    const [status, members] = [await client.status(signal), await client.members(signal)]
    const custody = await custodyFindings({ http: run.http, members }, questions)
    return [...told(status, members), ...custody]
  } catch (error) {
    // A killed node leaves its run file behind; that is what there is to say.
    if (error instanceof CoterieError && error.code === 'NOT_RUNNING') return undefined
    const text = error instanceof Error ? error.message : 'The node does not answer.'
    return [{ name: 'node', result: 'unknown', text, next: 'See its log.' }]
  } finally {
    client.close()
  }
}

function told(status: Answer<'status'>, members: Answer<'members'>['members']): readonly Finding[] {
  const self = members.find(member => member.self)
  const left = Date.parse(self?.verdictExpiresAt ?? '') - Date.now()
  const others = members.filter(member => !member.self && member.state !== 'dead')
  const open = others.filter(member => member.connected).length
  const renew = 'Renew the certificates of the machine, then start the node anew.'
  const evidence =
    left > soon
      ? ok(`counts until ${self?.verdictExpiresAt}`)
      : left > 0
        ? warn(`ends at ${self?.verdictExpiresAt}`, renew)
        : fail('The own evidence does not count any more.', renew)
  return [
    {
      name: 'membership',
      ...(status.phase === 'active' ? ok('active') : fail(`It is ${status.phase}.`, status.next)),
    },
    { name: 'evidence', ...evidence },
    {
      name: 'gossip',
      ...(others.length === 0
        ? warn('No other member is known.', 'Start another node.')
        : open > 0
          ? ok(`${open} of ${others.length} members are connected`)
          : fail('Members live, and none is connected.', 'See coterie peers why.')),
    },
    ...status.warnings.map(({ code, text }) => ({
      name: code.toLowerCase().replaceAll('_', '-'),
      ...warn(text, status.next),
    })),
  ]
}

function endpointOf(address: string): { readonly host: string | undefined; readonly port: number } {
  const [, , host, , port] = address.split('/')
  return { host, port: Number(port) }
}

function isReachable(address: string): Promise<boolean> {
  const { host, port } = endpointOf(address)
  return answers({ host: host ?? '', port, timeout: dialPatience })
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
