/** What must not be seen: state on the wire, state inside the links, secrets in what a node tells. */

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recordName } from '../adversaries/reports.ts'
import { nodeFolderOf } from '../folder.ts'
import { PlaintextSearch, type PlantedRun } from '../plaintext-search.ts'
import { loopback } from '../ports.ts'
import { sibling } from '../processes.ts'
import { outside } from '../relay.ts'
import { Canary } from './canary.ts'
import { type Check, type CheckContext, membersOf, require, until } from './check.ts'

export const linkChecks: readonly Check[] = [
  { name: 'no-plaintext-inside-links', run: noPlaintextInsideLinks, patience: 90_000 },
]

/** These come last: they judge what all other checks have caused. */
export const traceChecks: readonly Check[] = [
  { name: 'no-plaintext-on-wire', run: noPlaintextOnWire },
  { name: 'no-secret-in-logs', run: noSecretInLogs },
]

/** Neither key nor value of the canary passed a relay in clear, in all that was ever relayed. */
async function noPlaintextOnWire(context: CheckContext): Promise<string> {
  const { testnet, canary, signal } = context
  await canary.write(testnet.slot(0))
  for (const slot of membersOf(context)) {
    await until(context, `${slot.name} to hold the canary`, async () => {
      return (await canary.isHeldBy(slot, signal)) ? true : undefined
    })
  }
  await searchCatchesClearText(context)
  const seen = testnet.relays.plantedSeen().filter(sighting => sighting.from !== outside)
  const [first] = seen
  const where = `${first?.run} from ${first?.from} to ${first?.to} (${first?.direction})`
  require(first === undefined, `seen ${seen.length} times in clear, first ${where}`)
  const links = testnet.relays.links().filter(link => link.from !== outside)
  const bytes = links.reduce((sum, link) => sum + link.bytesForth + link.bytesBack, 0)
  require(bytes > canary.value.length * (context.nodes - 1), `only ${bytes} bytes were relayed`)
  return `key and value not found in ${bytes} bytes on ${links.length} links; the control was caught`
}

/** Sends a planted run in clear through a relay: a search that cannot find would pass everything. */
async function searchCatchesClearText(context: CheckContext): Promise<void> {
  const { testnet, signal } = context
  const name = 'control'
  const bytes = new Uint8Array(randomBytes(32))
  testnet.relays.plant({ name, bytes })
  // The node may close before it has read: tried until the bytes went through the relay.
  await until(context, 'the search to catch a run that was sent in clear', async () => {
    const socket = connect(testnet.slot(0).relayPort, loopback)
    socket.on('error', () => {})
    socket.resume()
    socket.end(bytes)
    await Promise.race([once(socket, 'close', { signal }), once(socket, 'end', { signal })])
    const seen = testnet.relays.plantedSeen()
    return seen.some(({ run, from }) => run === name && from === outside) ? true : undefined
  })
}

/** A member writes down each gossip payload before it opens it: what it then reads is not in there. */
async function noPlaintextInsideLinks(context: CheckContext): Promise<string> {
  const { testnet, folder, layout, signal } = context
  const name = 'eavesdropper'
  const machine = join(folder.path, `machine-of-${name}.json`)
  await layout.hardware.issue(machine)
  const slot = await testnet.startExtra({
    name,
    manifest: folder.manifest,
    machine,
    program: [fileURLToPath(sibling('adversaries/eavesdropper'))],
  })
  try {
    const record = join(nodeFolderOf(folder, name).data, recordName)
    await until(context, 'the eavesdropper to become a member and hear gossip', async () => {
      const { phase } = await slot.api.status(signal)
      return phase === 'active' && (await payloads(record)).length > 0 ? true : undefined
    })
    const canaries: Canary[] = []
    // A newcomer on a busy machine may be handed a value by sync before gossip has brought it: then another is written.
    const carriers = await until(
      context,
      'the eavesdropper to copy a value that came by gossip',
      async () => {
        const before = (await payloads(record)).length
        const canary = new Canary(testnet)
        canaries.push(canary)
        await canary.write(testnet.slot(0))
        await until(context, 'the eavesdropper to open what it copied', async () => {
          return (await canary.isHeldBy(slot, signal)) ? true : undefined
        })
        const carriers = (await payloads(record))
          .slice(before)
          .filter(({ topic, bytes }) => topic === 'delta' && bytes.length >= canary.value.length)
        return carriers.length > 0 ? carriers : undefined
      },
    )
    const copies = await payloads(record)
    const runs = [...canaries.flatMap(canary => canary.runs), ...context.canary.runs]
    const [found] = copies.flatMap(({ bytes }) => search(runs, bytes))
    require(found === undefined, `the ${found} stands in clear in a gossip payload`)
    const control = Buffer.concat([carriers[0]?.bytes ?? Buffer.alloc(0), context.canary.value])
    require(search(runs, control).length > 0, 'the search finds nothing even where it is')
    return `${copies.length} payloads copied before opening, ${carriers.length} carried the value; none shows it`
  } finally {
    await testnet.stopNode(slot)
  }
}

interface Payload {
  readonly topic: string
  readonly bytes: Buffer
}

async function payloads(record: string): Promise<Payload[]> {
  const text = await readFile(record, 'utf8').catch(() => '')
  // The last line may be half written.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).trimEnd()
  if (lines === '') return []
  return lines.split('\n').map(line => {
    const [topic = '', hex = ''] = line.split(' ')
    return { topic, bytes: Buffer.from(hex, 'hex') }
  })
}

function search(runs: readonly PlantedRun[], bytes: Uint8Array): string[] {
  return new PlaintextSearch(runs).push(bytes)
}

/** Private keys that this check knows, and the canary, are in no log, run file or answer of a node. */
async function noSecretInLogs(context: CheckContext): Promise<string> {
  const { testnet, folder, canary } = context
  await canary.write(testnet.slot(0))
  const runs = [...canary.runs, ...(await knownSecrets(context))]
  const texts = new Map<string, string>()
  for (const file of await readdir(folder.logs)) {
    texts.set(`the log ${file}`, await readFile(join(folder.logs, file), 'utf8'))
  }
  for (const slot of membersOf(context)) {
    const log = texts.get(`the log ${slot.name}.log`) ?? ''
    require(log.length > 0, `${slot.name} has logged nothing: nothing was judged`)
    texts.set(`the run file of ${slot.name}`, await readFile(slot.folder.run, 'utf8'))
    const told = await Promise.all(asked.map(path => answerOf(slot.httpPort, path, context.signal)))
    texts.set(`the answers of ${slot.name}`, told.join('\n'))
  }
  let bytes = 0
  for (const [where, text] of texts) {
    const content = Buffer.from(text)
    bytes += content.length
    const [found] = search(runs, content)
    require(found === undefined, `${where} shows the ${found}`)
    require(search(runs, withControl(content, runs)).length > 0, 'the search finds nothing')
  }
  return `${runs.length} secrets not found in ${texts.size} logs, run files and sets of answers (${bytes} bytes)`
}

/** What a node tells about itself to whoever asks; `state` is what a testnet shows on purpose. */
const asked = ['/health', '/livez', '/readyz', '/v1/status', '/v1/members', '/v1/peers'].concat(
  '/v1/refusals',
  '/v1/no-such-route',
)

async function answerOf(port: number, path: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(`http://${loopback}:${port}${path}`, { signal })
  return `${JSON.stringify([...response.headers])}\n${await response.text()}`
}

/** Every long value in the files that are for their owner alone: seeds, private keys, tokens. */
async function knownSecrets({ folder, layout, testnet }: CheckContext): Promise<PlantedRun[]> {
  const secrets: PlantedRun[] = []
  const own = (await readdir(folder.path)).filter(name => name.endsWith('.json'))
  const files = [
    ...own.map(name => join(folder.path, name)),
    ...testnet.slots().map(slot => slot.folder.machine),
  ]
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '{}')
    const { seed, key } = JSON.parse(text) as { seed?: unknown; key?: unknown }
    if (typeof seed === 'string')
      secrets.push(...spellings(`seed of ${file}`, Buffer.from(seed, 'hex')))
    // A PEM key: its base64 body, of which a line would do to be recognised.
    if (typeof key === 'string') {
      const lines = key.split('\n').filter(line => line.length > 40 && !line.startsWith('-'))
      for (const line of lines) secrets.push({ name: `key of ${file}`, bytes: Buffer.from(line) })
    }
  }
  for (const slot of testnet.slots()) {
    const token = await readFile(join(slot.folder.data, 'api.token'), 'utf8').catch(() => '')
    if (token.trim() !== '') {
      secrets.push({ name: `token of ${slot.name}`, bytes: Buffer.from(token.trim()) })
    }
  }
  require(secrets.length > layout.memberKeys.length, 'the secrets to look for are unknown')
  return secrets
}

function spellings(name: string, bytes: Buffer): PlantedRun[] {
  return [
    { name, bytes },
    { name: `${name} in hexadecimal`, bytes: Buffer.from(bytes.toString('hex')) },
    { name: `${name} in base64`, bytes: Buffer.from(bytes.toString('base64')) },
  ]
}

function withControl(content: Buffer, runs: readonly PlantedRun[]): Buffer {
  return Buffer.concat([content, runs[0]?.bytes ?? Buffer.alloc(0)])
}
