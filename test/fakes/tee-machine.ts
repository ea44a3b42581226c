/**
 * The machine around a node that is a process of its own, as far as its TEE: the files, sockets and programs of one interface in a
 * folder that `tee-doors.ts` leads the node to. What it quotes is the caller's.
 */
import { once } from 'node:events'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { usualPlaces } from '../../src/host/tee/choose.ts'
import { errnoError, errnoOf } from '../../src/host/tee/device-files.ts'
import { snpReportBytes } from '../../src/host/tee/quote-shape.ts'
import { installNsmProgram } from '../fixtures/nsm-program.ts'
import { FakeConfigfs, type FakeDriver, fakeConfigfsRoot } from './configfs.ts'
import { quotingBy, startDstack } from './dstack.ts'
import { FakeGramine, fakeGramineRoot } from './gramine.ts'
import { startNsm } from './nsm.ts'

/** By which interface a machine quotes; the kernel's by the name of its driver. */
export type TeeInterface = 'nsm' | 'gramine' | 'dstack' | 'tdx_guest' | 'sev_guest'

/** Evidence over 64 bytes of report data. */
export type Quote = (reportData: Uint8Array) => Uint8Array

/** Ends the machine; its files stay. */
export type StopMachine = () => Promise<void>

/** Starts the machine in `root`, which is made. */
export async function startTeeMachine(
  root: string,
  { by, quote }: { readonly by: TeeInterface; readonly quote: Quote },
): Promise<StopMachine> {
  await mkdir(root, { recursive: true })
  switch (by) {
    case 'nsm':
      return await startEnclave(root, quote)
    case 'gramine':
      return await serveKernel(root, await gramineFiles(root, quote))
    case 'dstack':
      return await startAgent(root, quote)
    case 'tdx_guest':
      return await serveKernel(root, await configfsFiles(root, { provider: by, outblob: quote }))
    case 'sev_guest':
      return await serveKernel(root, await configfsFiles(root, snpDriver(quote)))
  }
}

async function startEnclave(root: string, quote: Quote): Promise<StopMachine> {
  const { device, helper } = usualPlaces.nitro
  await mkdir(join(root, dirname(device)), { recursive: true })
  await writeFile(join(root, device), '')
  const nsm = await startNsm(join(root, 'nsm.sock'), ({ userData }) =>
    quote(userData ?? new Uint8Array()),
  )
  await installNsmProgram(join(root, helper), nsm.socket)
  return nsm.stop
}

async function startAgent(root: string, quote: Quote): Promise<StopMachine> {
  const agent = await startDstack(quotingBy(quote))
  const place = join(root, usualPlaces.dstack[0] ?? '')
  await mkdir(dirname(place), { recursive: true })
  await symlink(agent.socket, place)
  return agent.stop
}

/** What a kernel does before a process goes on with a deed. @throws {Error} with an errno, for the process. */
type Kernel = (deed: string, path: string) => Promise<void>

/** The driver of SEV-SNP: certificates come beside the report that they belong to. */
function snpDriver(quote: Quote): FakeDriver {
  let table = new Uint8Array()
  const outblob = (reportData: Uint8Array): Uint8Array => {
    const evidence = quote(reportData)
    table = evidence.slice(snpReportBytes)
    return evidence.slice(0, snpReportBytes)
  }
  return { provider: 'sev_guest', outblob, auxblob: () => table }
}

async function configfsFiles(root: string, driver: FakeDriver): Promise<Kernel> {
  const { configfs } = usualPlaces
  const device = new FakeConfigfs(driver)
  const named = (path: string): string => fakeConfigfsRoot + path.slice(configfs.length)
  const fields = [
    'provider',
    'generation',
    'inblob',
    'outblob',
    ...(driver.auxblob ? ['auxblob'] : []),
  ]
  const deeds: Readonly<Record<string, (path: string) => Promise<void>>> = {
    mkdir: async path => {
      await device.makeDirectory(named(path))
      await mkdir(join(root, path))
      for (const field of fields) await writeFile(join(root, path, field), '')
    },
    rmdir: async path => {
      await device.removeDirectory(named(path))
      await rm(join(root, path), { recursive: true })
    },
    open: async path => {
      if (basename(path) === 'inblob') return
      // What was written since is what the driver got when the file was closed.
      const inblob = join(root, dirname(path), 'inblob')
      const written = await readFile(inblob)
      if (written.length > 0) await device.write(named(`${dirname(path)}/inblob`), written)
      await writeFile(inblob, '')
      await writeFile(join(root, path), await device.read(named(path), Number.POSITIVE_INFINITY))
    },
  }
  await mkdir(join(root, configfs), { recursive: true })
  return async (deed, path) => {
    const isRequest = path.startsWith(`${configfs}/`)
    if (!isRequest) throw errnoError('ENOENT', path)
    await deeds[deed]?.(path)
  }
}

async function gramineFiles(root: string, quote: Quote): Promise<Kernel> {
  const { gramine } = usualPlaces
  const device = new FakeGramine()
  device.quote = quote
  const asked = join(root, gramine, 'user_report_data')
  await mkdir(dirname(asked), { recursive: true })
  await writeFile(asked, new Uint8Array(64))
  return async (deed, path) => {
    if (deed !== 'open' || dirname(path) !== gramine) throw errnoError('ENOENT', path)
    const name = basename(path)
    if (join(root, path) === asked) return
    await device.write(`${fakeGramineRoot}/user_report_data`, await readFile(asked))
    const bytes = await device.read(`${fakeGramineRoot}/${name}`, Number.POSITIVE_INFINITY)
    await writeFile(join(root, path), bytes)
  }
}

/** Answers each deed that is told with an errno, or with nothing. */
async function serveKernel(root: string, kernel: Kernel): Promise<StopMachine> {
  const server = createServer({ allowHalfOpen: true }, async connection => {
    const parts: Buffer[] = []
    for await (const part of connection) parts.push(part)
    const [deed = '', path = ''] = Buffer.concat(parts).toString().split(' ')
    const errno = await kernel(deed, path).then(
      () => '',
      // A machine that fails is one of the things that a node meets.
      error => errnoOf(error) || 'EIO',
    )
    connection.end(errno)
  })
  server.listen(join(root, 'kernel.sock'))
  await once(server, 'listening')
  return () => new Promise(resolve => server.close(() => resolve()))
}
