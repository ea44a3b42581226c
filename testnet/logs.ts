/** `coterie testnet logs`: what the nodes wrote, also after they ended. */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { UsageError } from '../src/base/errors.ts'
import { type Folder, folderOf } from './folder.ts'

export interface LogsOptions {
  /** A number or name; all nodes unless given. */
  readonly node?: string
  readonly dir?: string
  readonly follow: boolean
  /** How many last lines of each file. */
  readonly lines: number
  /** One JSON document per line: `{node, line}`. */
  readonly json: boolean
}

interface LogFile {
  readonly node: string
  readonly path: string
}

const followPoll = 200 // Milliseconds; file events differ between systems, sizes do not.
/** As much of the end of a file is searched for the last lines. */
const tailBytesMax = 4 * 1024 * 1024

/**
 * Prints the last lines, then what is added until a signal, with `follow`.
 *
 * @throws {UsageError} `NO_LOGS`, `UNKNOWN_NODE`.
 */
export async function logs(options: LogsOptions): Promise<number> {
  const files = await chosenFiles(folderOf(options.dir), options.node)
  const width = Math.max(...files.map(file => file.node.length))
  const print = (node: string, line: string): void => {
    if (options.json) console.log(JSON.stringify({ node, line }))
    else console.log(files.length > 1 ? `${node.padEnd(width)}  ${line}` : line)
  }
  const readers = files.map(file => new LineReader(file.path, line => print(file.node, line)))
  for (const reader of readers) await reader.readLast(options.lines)
  while (options.follow) {
    for (const reader of readers) await reader.readOn()
    await wait(followPoll)
  }
  return 0
}

async function chosenFiles(folder: Folder, node: string | undefined): Promise<LogFile[]> {
  const names = await readdir(folder.logs).catch(() => [])
  const files = names
    .filter(name => name.endsWith('.log'))
    .map(name => ({ node: name.slice(0, -'.log'.length), path: join(folder.logs, name) }))
    .sort((left, right) => left.node.localeCompare(right.node, 'en', { numeric: true }))
  if (files.length === 0) {
    throw new UsageError('NO_LOGS', `there are no logs in ${folder.logs}`, {
      next: 'Start a testnet with: coterie testnet up. Or name its folder with --dir.',
    })
  }
  if (node === undefined) return files
  const chosen = files.filter(file => file.node === node || file.node === `node-${node}`)
  if (chosen.length > 0) return chosen
  throw new UsageError('UNKNOWN_NODE', `there is no log of a node ${node}`, {
    next: `Known are ${files.map(file => file.node).join(', ')}.`,
  })
}

/** Reads a growing file line by line. */
class LineReader {
  readonly #path: string
  readonly #print: (line: string) => void
  #offset = 0
  #rest: Buffer = Buffer.alloc(0)

  constructor(path: string, print: (line: string) => void) {
    this.#path = path
    this.#print = print
  }

  /** Prints the last `count` whole lines and stands behind them. */
  async readLast(count: number): Promise<void> {
    const { size } = await stat(this.#path)
    this.#offset = Math.max(0, size - tailBytesMax)
    const isCut = this.#offset > 0
    const lines = await this.#newLines()
    const whole = isCut ? lines.slice(1) : lines
    for (const line of count === 0 ? [] : whole.slice(-count)) this.#print(line)
  }

  /** Prints the lines that were added since. */
  async readOn(): Promise<void> {
    const { size } = await stat(this.#path).catch(() => ({ size: this.#offset }))
    if (size < this.#offset) {
      // A fresh testnet began its log anew.
      this.#offset = 0
      this.#rest = Buffer.alloc(0)
    }
    for (const line of await this.#newLines()) this.#print(line)
  }

  async #newLines(): Promise<string[]> {
    await using file = await open(this.#path, 'r')
    const { size } = await file.stat()
    const added = Buffer.alloc(Math.max(0, size - this.#offset))
    const { bytesRead } = await file.read(added, 0, added.length, this.#offset)
    this.#offset += bytesRead
    const text = Buffer.concat([this.#rest, added.subarray(0, bytesRead)])
    const end = text.lastIndexOf('\n') + 1
    this.#rest = text.subarray(end)
    return end === 0 ? [] : text.toString('utf8', 0, end - 1).split('\n')
  }
}
