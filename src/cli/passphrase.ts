/** Passphrases: from a terminal that shows nothing, or from a file; never from an argument or the environment, where other processes read. */
import { type FileHandle, open } from 'node:fs/promises'
import type { ReadStream } from 'node:tty'
import { equalConstantTime } from '../base/bytes.ts'
import { CoterieError, UsageError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { nameOfFile } from '../host/bounded-read.ts'

const bytesMax = 1024
/** Of a new one: a key file that is stolen may be tried for ever. */
const newBytesMin = 12

/**
 * The passphrase of a key, owned by the caller: its bytes as typed, without the end of the line.
 *
 * @throws {UsageError} `PASSPHRASE_MISSING`, `PASSPHRASE_FILE_UNREADABLE`, `PASSPHRASE_FILE_EXPOSED`.
 */
export async function passphraseOf(file: string | undefined): Promise<Secret> {
  const given = file === undefined ? await typed('Passphrase: ') : await inFile(file)
  if (given.use(bytes => bytes.length) > 0) return given
  throw missing('The passphrase is empty.')
}

/** As `passphraseOf`, for a new key: asked for twice. @throws {UsageError} `PASSPHRASE_TOO_SHORT`, `PASSPHRASES_DIFFER` as well. */
export async function newPassphraseOf(file: string | undefined): Promise<Secret> {
  const given = file === undefined ? await typed('New passphrase: ') : await inFile(file)
  if (given.use(bytes => bytes.length) < newBytesMin) {
    throw new UsageError(
      'PASSPHRASE_TOO_SHORT',
      `A passphrase has at least ${newBytesMin} characters.`,
      { next: 'Take five or six words that nobody would guess together.' },
    )
  }
  if (file !== undefined) return given
  using again = await typed('The same again: ')
  if (given.use(left => again.use(right => equalConstantTime(left, right)))) return given
  throw new UsageError('PASSPHRASES_DIFFER', 'These are two passphrases; nothing was made.')
}

async function inFile(path: string): Promise<Secret> {
  const buffer = new Uint8Array(bytesMax)
  try {
    await using file = await open(path, 'r')
    const stats = await file.stat()
    if (stats.isFile() && (stats.mode & 0o077) !== 0) throw exposed(path)
    return new Secret(lineOf(buffer, await fill(file, buffer)))
  } catch (cause) {
    if (cause instanceof CoterieError) throw cause
    const sentence = `${nameOfFile(path)} with the passphrase cannot be read.`
    throw new UsageError('PASSPHRASE_FILE_UNREADABLE', sentence, { cause })
  } finally {
    buffer.fill(0)
  }
}

/** Reads to the end of a file or pipe: how many bytes it has, `bytesMax` at most. */
async function fill(file: FileHandle, buffer: Uint8Array): Promise<number> {
  let length = 0
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null)
    if (bytesRead === 0 || length === buffer.length) return length
    length += bytesRead
  }
}

/** The first line of a buffer, as a copy. */
function lineOf(buffer: Uint8Array, length: number): Uint8Array {
  const end = buffer.subarray(0, length).indexOf(0x0a)
  const line = buffer.subarray(0, end < 0 ? length : end)
  return line.slice(0, line.at(-1) === 0x0d ? -1 : undefined)
}

async function typed(question: string): Promise<Secret> {
  const { stdin } = process
  if (!stdin.isTTY) throw missing('Nobody is there to type the passphrase.')
  // Before the question: who answers at once must not be shown either.
  stdin.setRawMode(true)
  process.stderr.write(question)
  try {
    return await hiddenLine(stdin)
  } finally {
    stdin.setRawMode(false)
    process.stderr.write('\n')
  }
}

/** Keys as a terminal in raw mode sends them. */
const keys = {
  interrupt: 3,
  endOfInput: 4,
  backspace: 8,
  line: 10,
  enter: 13,
  clear: 21,
  delete: 127,
}

function hiddenLine(stdin: ReadStream): Promise<Secret> {
  const buffer = new Uint8Array(bytesMax)
  let length = 0
  return new Promise((resolve, reject) => {
    const end = (rest: Uint8Array): void => {
      stdin.off('data', take).off('end', gone).pause()
      // What was typed ahead is for the next question.
      if (rest.length > 0) stdin.unshift(rest)
      resolve(new Secret(buffer.slice(0, length)))
      buffer.fill(0)
    }
    const gone = (): void => reject(missing('Nobody is there to type the passphrase.'))
    const take = (chunk: Uint8Array): void => {
      for (const [i, byte] of chunk.entries()) {
        if (byte === keys.enter || byte === keys.line) return end(chunk.subarray(i + 1))
        if (byte === keys.interrupt) interrupt(stdin)
        else if (byte === keys.endOfInput) return end(new Uint8Array(0))
        else if (byte === keys.clear) length = 0
        else if (byte === keys.backspace || byte === keys.delete)
          length = withoutLast(buffer, length)
        else if (length < bytesMax) buffer[length++] = byte
      }
    }
    // Paused by an earlier question, it does not flow for a listener alone.
    stdin.on('data', take).on('end', gone).resume()
  })
}

/** Where the last character of UTF-8 text begins (RFC 3629 §3). */
function withoutLast(buffer: Uint8Array, length: number): number {
  let start = length - 1
  while (start > 0 && ((buffer[start] ?? 0) & 0xc0) === 0x80) start--
  return Math.max(0, start)
}

/** In raw mode the terminal leaves Ctrl-C to us. */
function interrupt(stdin: ReadStream): void {
  stdin.setRawMode(false)
  process.stderr.write('\n')
  process.kill(process.pid, 'SIGINT')
}

function missing(sentence: string): UsageError {
  return new UsageError('PASSPHRASE_MISSING', sentence, {
    next: 'Run it on a terminal, or name a file of mode 0600 that holds it with --passphrase-file.',
  })
}

function exposed(path: string): UsageError {
  return new UsageError('PASSPHRASE_FILE_EXPOSED', `Others than its owner can read ${path}.`, {
    next: `Run chmod 600 ${path}, and take another passphrase.`,
  })
}
