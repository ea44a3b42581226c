/** Runs one node with its API, from lock to unlock. */
import { url as inspectorUrl } from 'node:inspector'
import { type ApiServer, serveApi } from '../api/server.ts'
import { UsageError } from '../base/errors.ts'
import { version } from '../base/version.ts'
import {
  auditDirOf,
  bansFileOf,
  cacheDirOf,
  endorsementsDirOf,
  makeToken,
  openDataDir,
  removeRunFile,
  writeRunFile,
} from '../host/data-dir.ts'
import { type OpenHost, openHost } from '../host/open.ts'
import { lockDataDir } from '../host/process-lock.ts'
import type { NodeConfig } from '../node/config.ts'
import type { CoterieNode } from '../node/handle.ts'
import { createNode } from '../node/node.ts'
import { exitCodes, paint, printJson, printLine, shortId } from './output.ts'

/** A stop that takes longer is cut off, in milliseconds: systemd and Docker wait little longer. */
const stopPatience = 10_000

/** One line a minute says how the node is to whoever reads the log later, in milliseconds. */
const statusInterval = 60_000

/** Runs a node until SIGTERM, SIGINT or a leave, and leaves neither socket nor lock nor run file behind. */
export async function runNode(config: NodeConfig, json: boolean): Promise<void> {
  await openDataDir(config.dataDir)
  const unlock = await lockDataDir(config.dataDir)
  try {
    const bansFile = bansFileOf(config.dataDir)
    const dirs = { cacheDir: cacheDirOf(config), endorsementsDir: endorsementsDirOf(config) }
    const auditDir = auditDirOf(config.dataDir)
    const host = await openHost({ ...config, ...dirs, bansFile, auditDir })
    const node = createNode(host, config)
    refuseOnlookers(node)
    await serve({ node, host, config, json })
  } finally {
    await unlock()
  }
}

interface Served {
  readonly node: CoterieNode
  readonly host: OpenHost
  readonly config: NodeConfig
  readonly json: boolean
}

async function serve({ node, host, config, json }: Served): Promise<void> {
  const signalled = stopSignal(host)
  const token = await makeToken(config.dataDir)
  // The API listens first: a busy port is found out before any other node hears of this one.
  const served = { ...config, ...host, token, loudness: host.log }
  const api = await serveApi(node, served)
  const sockets: ApiServer[] = [api]
  try {
    for (const app of config.apps) {
      sockets.push(await serveApi(node, { ...served, httpSocket: app.socket, confinedTo: app }))
    }
    const isStarted = await Promise.race([
      node.start().then(() => true),
      // Not the node's own end: a start that fails ends it as well, and says why.
      signalled.then(() => false),
    ])
    if (!isStarted) return
    const { listening } = node.status()
    await writeRunFile(config.dataDir, {
      pid: process.pid,
      http: api.url,
      p2p: [...listening],
      node: node.id,
    })
    announce(node, api, json)
    const telling = setInterval(() => tellStatus(node, host), statusInterval)
    // Whoever leaves by the API stops the node first; the process follows.
    await Promise.race([signalled, node.ended]).finally(() => clearInterval(telling))
  } finally {
    await stopAll(node, sockets, host)
    await removeRunFile(config.dataDir)
  }
}

/** Resolves with the first SIGTERM or SIGINT. The second one ends the process on the spot. */
function stopSignal(host: OpenHost): Promise<void> {
  return new Promise(resolve => {
    let count = 0
    const onSignal = (signal: NodeJS.Signals): void => {
      count++
      if (count > 1) process.exit(signal === 'SIGINT' ? 130 : 143)
      host.log.info('stopping', { signal })
      resolve()
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}

async function stopAll(
  node: CoterieNode,
  sockets: readonly ApiServer[],
  host: OpenHost,
): Promise<void> {
  const cutOff = setTimeout(() => {
    host.log.error('stopping took too long; the process ends anyway', { patience: stopPatience })
    process.exit(exitCodes.unchecked)
  }, stopPatience)
  // Both at once: open event streams end with the API, whatever the network still does.
  const results = await Promise.allSettled([...sockets.map(socket => socket.stop()), node.leave()])
  clearTimeout(cutOff)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function tellStatus(node: CoterieNode, host: OpenHost): void {
  const { phase, members, state, warnings } = node.status()
  const { active, live, known } = members
  host.log.info('status', {
    ...{ phase, active, live, known, connected: node.peers().length, entries: state.entries },
    ...{ writesPerSecond: state.writesPerSecond, root: state.root.slice(0, 16) },
    warnings: warnings.map(({ code }) => code),
  })
}

function announce(node: CoterieNode, api: ApiServer, json: boolean): void {
  const { networkName, addresses, tee, testnet } = node.status()
  if (json) {
    const facts = { node: node.id, network: node.network, http: api.url, p2p: addresses, version }
    return printJson({ ...facts, tee, testnet })
  }
  if (tee === 'simulated') {
    printLine(paint('yellow', 'SIMULATED TEE: nothing is protected from this machine'))
  }
  printLine(
    `coterie ${version} | network ${networkName} | node ${shortId(node.id)} | api ${api.url} | p2p ${addresses.join(' ')}`,
  )
}

/** Outside of a testnet nobody may look into the memory that holds the keys, not even by a flag of Node. */
function refuseOnlookers(node: CoterieNode): void {
  if (node.opensToHost || inspectorUrl() === undefined) return
  throw new UsageError('INSPECTOR_OPEN', 'The inspector of Node is open, which reads every key.', {
    next: 'Start without --inspect and without NODE_OPTIONS, and with --disable-sigusr1.',
  })
}
