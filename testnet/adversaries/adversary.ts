/**
 * One attacker as a process: `adversary.ts --behaviour flood,garbage --targets 9600,9601 <config>`.
 *
 * A broken member is a whole node, let in by a real machine of the testnet, whose net and sealers are in the
 * hands of whoever broke it; a stranger has sockets alone; a crowd is one machine with many identities.
 */
import { parseArgs } from 'node:util'
import { loadConfig } from '../../src/api/load-config.ts'
import { serveApi } from '../../src/api/server.ts'
import { UsageError } from '../../src/base/errors.ts'
import { makeToken, openDataDir, writeRunFile } from '../../src/host/data-dir.ts'
import { openHost } from '../../src/host/open.ts'
import type { NodeConfig } from '../../src/node/config.ts'
import { createNode } from '../../src/node/node.ts'
import { type Behaviour, behaviours } from './behaviours.ts'
import { Captive } from './captive.ts'
import { memberAttacks } from './member-attacks.ts'
import { strangerAttacks } from './stranger-attacks.ts'

/** How long one identity of a crowd stays, in milliseconds. */
const identityLife = 1_500

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { behaviour: { type: 'string' }, targets: { type: 'string', default: '' } },
    allowPositionals: true,
  })
  const chosen = (values.behaviour ?? '').split(',').map(asBehaviour)
  const targets = values.targets.split(',').filter(Boolean).map(Number)
  const { config } = await loadConfig({
    flags: {},
    environment: {},
    configFile: positionals.at(-1) ?? '',
  })
  await openDataDir(config.dataDir)
  const stop = new AbortController()
  const stopNode = await runMember(config, stop.signal, chosen)
  process.once('SIGTERM', () => {
    stop.abort()
    void stopNode().finally(() => process.exit(0))
  })
  for (const behaviour of chosen) {
    if (behaviour === 'identities') void crowd(config, stop.signal)
    const attack = strangerAttacks[behaviour]
    if (attack !== undefined) attack({ targets, signal: stop.signal })
  }
}

/** A node that joins and then does what its captor wants. It answers its API as any node does. */
async function runMember(
  config: NodeConfig,
  signal: AbortSignal,
  chosen: readonly Behaviour[],
): Promise<() => Promise<unknown>> {
  const captive = new Captive()
  const host = await openHost({ ...config, cacheDir: null })
  const node = createNode(captive.hold(host), config)
  const token = await makeToken(config.dataDir)
  const api = await serveApi(node, { ...config, ...host, token, loudness: host.log })
  await node.start()
  await writeRunFile(config.dataDir, {
    pid: process.pid,
    http: api.url,
    p2p: [...node.status().listening],
    node: node.id,
  })
  for (const behaviour of chosen) {
    const attack = memberAttacks[behaviour]
    if (attack !== undefined) void captive.repeat(attack, signal)
  }
  return () => Promise.allSettled([api.stop(), node.stop()])
}

/** New identities of one machine, each attested, one after the other; none says goodbye. */
async function crowd(config: NodeConfig, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const host = await openHost({ ...config, logLevel: 'error', cacheDir: null })
    const node = createNode(host, { ...config, announce: [], found: false })
    await node.start()
    await new Promise(resolve => setTimeout(resolve, identityLife))
    await node.stop()
  }
}

function asBehaviour(name: string): Behaviour {
  const found = behaviours.find(known => known === name)
  if (found !== undefined) return found
  throw new UsageError('UNKNOWN_BEHAVIOUR', `there is no behaviour ${name}`, {
    next: `Known are ${behaviours.join(', ')}.`,
  })
}

await main()
