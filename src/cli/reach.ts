/** Finds the running node that a command means. The CLI speaks to it through the API only. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { ApiClient } from '../api/client.ts'
import { defaultDataDir } from '../api/load-config.ts'
import { HostError, UsageError } from '../base/errors.ts'
import { readRunFile, readToken } from '../host/data-dir.ts'
import { notRunning } from './output.ts'

/** Flags of every command that asks a running node. */
export interface ReachFlags {
  readonly dataDir?: string
  readonly url?: string
  readonly json?: boolean
}

/** How long a command that only reads waits for an answer, in milliseconds. */
const patienceOfReaders = 10_000

export function addReachOptions(command: Command): Command {
  return command
    .option('--data-dir <path>', "the node's data directory, for its address and token")
    .option('--url <url>', "the node's API: http://127.0.0.1:9000 or unix:/path")
    .option('--json', 'print one JSON document', false)
}

/**
 * A client of the node that the flags name, else of the node in the default data directory.
 *
 * @throws {HostError} `NOT_RUNNING`.
 */
export async function reachNode(flags: ReachFlags): Promise<ApiClient> {
  if (flags.url !== undefined) {
    const token = flags.dataDir === undefined ? undefined : await readToken(resolve(flags.dataDir))
    return clientOf(checkedUrl(flags.url), token)
  }
  const given = flags.dataDir ?? process.env['COTERIE_DATA_DIR']
  const dataDir = given === undefined ? defaultDataDir(process.env) : resolve(given)
  const run = await readRunFile(dataDir)
  if (run === undefined) throw notRunning(dataDir)
  return clientOf(run.http, await readToken(dataDir))
}

/** Runs `action` with a client that is closed afterwards, and a signal that ends a silent wait. */
export async function withNode<T>(
  flags: ReachFlags,
  action: (client: ApiClient, signal: AbortSignal) => Promise<T>,
  patience = patienceOfReaders,
): Promise<T> {
  const client = await reachNode(flags)
  try {
    return await action(client, AbortSignal.timeout(patience))
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'TimeoutError')) throw error
    throw new HostError('NO_ANSWER', `The node did not answer within ${patience / 1000} s.`, {
      next: 'See its log; if it hangs, stop it with SIGTERM.',
    })
  } finally {
    client.close()
  }
}

function clientOf(url: string, token: string | undefined): ApiClient {
  return new ApiClient(token === undefined ? { url } : { url, token })
}

/** A token goes with every request, so the other end must be this machine. */
function checkedUrl(text: string): string {
  if (/^unix:\/./.test(text)) return text
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url?.hostname ?? '')
  if (url?.protocol === 'http:' && isLoopback && url.username === '') return url.origin
  throw new UsageError('BAD_URL', `${text} is not the address of an API on this machine.`, {
    next: 'Write http://127.0.0.1:<port> or unix:/<path>.',
  })
}
