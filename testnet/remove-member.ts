/** Removes a member as people do: with the command line and the keys of the manifest set. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { cliPath } from './network.ts'

const run = promisify(execFile)

export interface RemovalOrder {
  readonly node: string
  /** Key files of the manifest set; the first two sign. */
  readonly keys: readonly string[]
  /** The node that takes the certificate and spreads it. */
  readonly url: string
  readonly signal?: AbortSignal
}

/** Resolves once the node at `url` has taken the certificate. */
export async function removeMember({ node, keys, url, signal }: RemovalOrder): Promise<void> {
  const files = keys.slice(0, 2).flatMap(path => ['--key', path])
  const args = [cliPath, 'members', 'remove', node, ...files, '--url', url]
  await run(process.execPath, args, signal === undefined ? {} : { signal })
}
