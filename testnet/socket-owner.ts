/**
 * Which process owns a TCP socket, as Linux tells it: `/proc/net/tcp` maps an address pair to an inode,
 * `/proc/<pid>/fd` maps a process to its inodes (proc(5)). Elsewhere nobody is found.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** One end of a connection over IPv4. */
export interface Endpoint {
  /** Dotted, such as `127.0.0.1`. */
  readonly host: string
  readonly port: number
}

const listenState = '0A'
/** The kernel lists sockets bucket by bucket while they come and go: one pass may miss a row. */
const passes = 3

/**
 * Finds the process at the dialling end of connections.
 *
 * One reading of the kernel's table takes 20 ms of a processor where a few thousand sockets are open, so it is
 * shared by all who wait for one, and nobody else waits for it: read for each connection, in line, it held up
 * every byte between 25 nodes for minutes.
 */
export class ConnectionOwners {
  readonly #pids: () => Iterable<number>
  readonly #readTable: () => Promise<string>
  #waiting: Question[] = []
  #isLooking = false

  /** `pids`: the processes that are asked about. `readTable` answers as `/proc/net/tcp` does. */
  constructor(pids: () => Iterable<number>, readTable = tableOfKernel) {
    this.#pids = pids
    this.#readTable = readTable
  }

  /**
   * The process that holds the socket from `local` to `remote`, or `undefined` if none of those asked about does.
   *
   * The table holds both ends of a loopback connection; the address order tells them apart.
   */
  find(local: Endpoint, remote: Endpoint): Promise<number | undefined> {
    return new Promise(answer => {
      this.#waiting.push({ row: ` ${spell(local)} ${spell(remote)} `, answer })
      if (!this.#isLooking) void this.#look()
    })
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    while (this.#waiting.length > 0) {
      const asked = this.#waiting
      this.#waiting = []
      const inodes = await inodesOf(
        asked.map(question => question.row),
        this.#readTable,
      )
      const owners = this.#ownersOf(new Set(inodes.values()))
      for (const { row, answer } of asked) answer(owners.get(inodes.get(row) ?? ''))
    }
    this.#isLooking = false
  }

  #ownersOf(inodes: ReadonlySet<string>): Map<string, number> {
    const owners = new Map<string, number>()
    for (const pid of this.#pids()) {
      if (owners.size === inodes.size) break
      for (const inode of socketsOf(pid)) if (inodes.has(inode)) owners.set(inode, pid)
    }
    return owners
  }
}

interface Question {
  /** How the row in the table begins. */
  readonly row: string
  readonly answer: (owner: number | undefined) => void
}

/** Who listens on a loopback port, if this user may see it. */
export function listenerOf(port: number): { pid: number; command: string } | undefined {
  const inode = inodeOfListener(port)
  if (inode === undefined) return undefined
  for (const pid of processes()) {
    if (holdsSocket(pid, inode)) return { pid, command: commandOf(pid) }
  }
  return undefined
}

/** Empty where there is none: not Linux. */
function tableOfKernel(): Promise<string> {
  return readFile('/proc/net/tcp', 'latin1').catch(() => '')
}

async function inodesOf(
  rows: readonly string[],
  readTable: () => Promise<string>,
): Promise<Map<string, string>> {
  const inodes = new Map<string, string>()
  for (let pass = 0; pass < passes && inodes.size < rows.length; pass++) {
    // Searched as text: on a busy machine the table has thousands of rows.
    const table = await readTable()
    for (const asked of rows) {
      if (inodes.has(asked)) continue
      const start = table.indexOf(asked)
      const row = start < 0 ? undefined : rowOf(table.slice(start, table.indexOf('\n', start)), 0)
      // A closed socket keeps its row in another state with inode 0.
      if (row !== undefined && row.inode !== '0') inodes.set(asked, row.inode)
    }
  }
  return inodes
}

function inodeOfListener(port: number): string | undefined {
  const suffix = `:${hexPort(port)}`
  for (const row of tcpRows()) {
    if (row.state === listenState && row.local.endsWith(suffix)) return row.inode
  }
  return undefined
}

interface TcpRow {
  readonly local: string
  readonly remote: string
  readonly state: string
  readonly inode: string
}

function* tcpRows(): Generator<TcpRow> {
  for (const line of readOr('/proc/net/tcp', '').split('\n').slice(1)) {
    const row = rowOf(line, 1)
    if (row !== undefined) yield row
  }
}

/** A row whose local address is the field number `first`. */
function rowOf(line: string, first: number): TcpRow | undefined {
  const [local, remote, state, , , , , , inode] = line.trim().split(/\s+/).slice(first)
  if (local === undefined || remote === undefined || state === undefined) return undefined
  return inode === undefined ? undefined : { local, remote, state, inode }
}

function holdsSocket(pid: number, inode: string): boolean {
  return socketsOf(pid).includes(inode)
}

/** The inodes of the sockets of a process; none if it is gone, or not ours to look at. */
function socketsOf(pid: number): string[] {
  let descriptors: string[]
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`)
  } catch {
    // The process ended, or belongs to somebody else: either way it is not known to hold a socket.
    return []
  }
  return descriptors.flatMap(descriptor => {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(pid, descriptor) ?? '')?.[1]
    return inode === undefined ? [] : [inode]
  })
}

function linkOf(pid: number, descriptor: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`)
  } catch {
    // The descriptor was closed since it was listed.
    return undefined
  }
}

function processes(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    // No /proc: not Linux.
    return []
  }
}

function commandOf(pid: number): string {
  const name = readOr(`/proc/${pid}/comm`, '').trim()
  return name === '' ? 'unknown' : name
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Not Linux, or the process is gone.
    return otherwise
  }
}

/** As in `/proc/net/tcp`: the address in host byte order of a little-endian machine, upper-case hexadecimal. */
function spell({ host, port }: Endpoint): string {
  const bytes = host.split('.').map(Number).toReversed()
  return `${bytes.map(byte => hex(byte, 2)).join('')}:${hexPort(port)}`
}

const hexPort = (port: number): string => hex(port, 4)
const hex = (value: number, width: number): string =>
  value.toString(16).toUpperCase().padStart(width, '0')
