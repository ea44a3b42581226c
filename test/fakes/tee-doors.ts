/**
 * Preloaded into a node (`node --import`): where Linux offers TEEs, the node meets a machine of `tee-machine.ts`, whose folder `tee`
 * lies beside the node's configuration. Each use of a pseudo-file is told to the machine first, as a kernel hears of it. All else
 * is the node as it is shipped: it knows nothing of this.
 */
import childProcess from 'node:child_process'
import promises from 'node:fs/promises'
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { usualPlaces } from '../../src/host/tee/choose.ts'
import { errnoError } from '../../src/host/tee/device-files.ts'

const root = join(dirname(process.argv.at(-1) ?? ''), 'tee')
const { gramine, configfs, dstack, tappd, nitro } = usualPlaces
const pseudoFiles = [gramine, configfs]
const places = [...pseudoFiles, ...dstack, tappd, nitro.device, nitro.helper]

const isUnder = (path: string, above: readonly string[]): boolean =>
  above.some(each => path === each || path.startsWith(`${each}/`))

/** Where a path leads. */
const led = <T>(path: T): T | string =>
  typeof path === 'string' && isUnder(path, places) ? join(root, path) : path

/** Tells the machine what comes. @throws {Error} with the errno of its answer. */
async function tell(deed: 'open' | 'mkdir' | 'rmdir', path: unknown): Promise<boolean> {
  if (typeof path !== 'string' || !isUnder(path, pseudoFiles)) return false
  const machine = connect(join(root, 'kernel.sock'))
  machine.end(`${deed} ${path}`)
  const parts: Buffer[] = []
  for await (const part of machine) parts.push(part)
  const errno = Buffer.concat(parts).toString()
  if (errno !== '') throw errnoError(errno, path)
  return true
}

const { access, mkdir, open, rmdir } = promises
Object.assign(promises, {
  access: (path: string, mode?: number) => access(led(path), mode),
  open: async (path: string, ...rest: readonly never[]) => {
    await tell('open', path)
    return await open(led(path), ...rest)
  },
  // A directory of configfs comes and goes with its files: the machine makes it and takes it away.
  mkdir: async (path: string, ...rest: readonly never[]) =>
    (await tell('mkdir', path)) ? undefined : await mkdir(path, ...rest),
  rmdir: async (path: string, ...rest: readonly never[]) =>
    (await tell('rmdir', path)) ? undefined : await rmdir(path, ...rest),
})

const { request } = http
Object.assign(http, {
  request: (options: http.RequestOptions, ...rest: readonly never[]) =>
    request({ ...options, socketPath: led(options.socketPath) }, ...rest),
})

const { spawn } = childProcess
Object.assign(childProcess, {
  spawn: (program: string, ...rest: readonly never[]) => spawn(led(program), ...rest),
})

syncBuiltinESMExports()
