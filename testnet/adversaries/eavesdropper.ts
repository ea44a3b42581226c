/**
 * A member in good standing that keeps a copy of every gossip payload before it opens it: what a host sees
 * that has broken into a link.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../src/api/load-config.ts'
import { serveApi } from '../../src/api/server.ts'
import { toHex } from '../../src/base/bytes.ts'
import { makeToken, openDataDir, writeRunFile } from '../../src/host/data-dir.ts'
import { openHost } from '../../src/host/open.ts'
import type { Host } from '../../src/host/port.ts'
import { createNode } from '../../src/node/node.ts'
import { recordName } from './reports.ts'

async function main(): Promise<void> {
  const configFile = process.argv.at(-1) ?? ''
  const { config } = await loadConfig({ flags: {}, environment: {}, configFile })
  await openDataDir(config.dataDir)
  const host = await openHost({ ...config, cacheDir: null })
  const record = join(config.dataDir, recordName)
  const node = createNode(tapped(host, record), config)
  const token = await makeToken(config.dataDir)
  const api = await serveApi(node, { ...config, ...host, token, loudness: host.log })
  process.once('SIGTERM', () => {
    void Promise.allSettled([api.stop(), node.stop()]).then(() => process.exit(0))
  })
  await node.start()
  const { listening } = node.status()
  await writeRunFile(config.dataDir, {
    pid: process.pid,
    http: api.url,
    p2p: [...listening],
    node: node.id,
  })
}

/** The host with an ear on its gossip. */
function tapped(host: Host, record: string): Host {
  return {
    ...host,
    openNet: async options => {
      const { handlers } = options
      return await host.openNet({
        ...options,
        handlers: {
          memberConnected: connection => handlers.memberConnected(connection),
          memberDisconnected: (node, reason) => handlers.memberDisconnected(node, reason),
          connectionRefused: refused => handlers.connectionRefused(refused),
          dialRefused: node => handlers.dialRefused(node),
          dialFailed: code => handlers.dialFailed(code),
          flooded: node => handlers.flooded(node),
          asked: (protocol, request, from, signal) =>
            handlers.asked(protocol, request, from, signal),
          lightAsked: (question, signal) => handlers.lightAsked(question, signal),
          told: (protocol, frame, from) => handlers.told(protocol, frame, from),
          steppedUp: (node, purpose, verdict) => handlers.steppedUp(node, purpose, verdict),
          gossip: (topic, data, from) => {
            appendFileSync(record, `${topic} ${toHex(data)}\n`, { mode: 0o600 })
            return handlers.gossip(topic, data, from)
          },
        },
      })
    },
  }
}

await main()
