/** `coterie state …`: the replicated state through the API, which shows it on testnets only. */
import { Command, InvalidArgumentError } from 'commander'
import type { JsonEntry, JsonValue } from '../../api/values.ts'
import { valueOfBytes } from '../../api/values.ts'
import { HostError, UsageError } from '../../base/errors.ts'
import { nameOfFile, readAtMost } from '../../host/bounded-read.ts'
import { limits } from '../../wire/limits.ts'
import { printValues, summaryOf } from '../entry-text.ts'
import { exitCodes, printJson, printLine } from '../output.ts'
import { addReachOptions, type ReachFlags, reachNode, withNode } from '../reach.ts'
import { proveCommand, verifyProofCommand } from './state-proof.ts'

/** The longest value in Base64, with room around it. */
const valueFileBytesMax = 2 * limits.stateValueBytesMax

interface WriteFlags extends ReachFlags {
  readonly ack?: 'local' | 'majority' | number
  readonly base64?: boolean
  readonly file?: string
}

export function stateCommand(): Command {
  const state = addReachOptions(new Command('state'))
  state.addCommand(getCommand())
  state.addCommand(writeCommand('set', 'write a value'))
  state.addCommand(deleteCommand())
  state.addCommand(writeCommand('add', 'add an element to a set'))
  state.addCommand(writeCommand('remove', 'remove an element from a set'))
  state.addCommand(writeCommand('assign', 'assign a value beside which concurrent ones stay'))
  state.addCommand(incrementCommand())
  state.addCommand(listCommand())
  state.addCommand(watchCommand())
  state.addCommand(proveCommand())
  state.addCommand(verifyProofCommand())
  return state
}

function getCommand(): Command {
  return new Command('get')
    .description('print what is under a key; exit code 1 if nothing is')
    .argument('<key>')
    .action(async (key: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<ReachFlags>()
      const entry = await withNode(flags, (client, signal) => client.get(key, signal))
      if (flags.json === true) printJson(entry ?? null)
      else if (entry !== undefined) printValues(entry)
      if (entry === undefined) process.exitCode = exitCodes.negative
    })
}

function writeCommand(verb: 'set' | 'add' | 'remove' | 'assign', about: string): Command {
  return new Command(verb)
    .description(about)
    .argument('<key>')
    .argument('[value]', 'text; what is secret goes through --file, because arguments are public')
    .option('--base64', 'the value is base64')
    .option('--file <path>', 'read the value from a file, or from standard input with -')
    .option('--ack <level>', 'members that must hold it: local, a number, majority', ackLevel)
    .action(async (key: string, value: string | undefined, _: object, command: Command) => {
      const flags = command.optsWithGlobals<WriteFlags>()
      const given = await givenValue(value, flags)
      // A write waits as long as its acknowledgement takes; the node bounds that.
      await withoutPatience(flags, async client => {
        const query = flags.ack === undefined ? {} : { ack: flags.ack }
        const call = verb === 'remove' ? client.removeElement : client[verb]
        printReceipt(flags, await call.call(client, key, given, query))
      })
    })
}

function incrementCommand(): Command {
  return new Command('increment')
    .description('add to a counter')
    .argument('<key>')
    .option('--by <amount>', 'a whole number of either sign', amount, 1)
    .option('--ack <level>', 'members that must hold it: local, a number, majority', ackLevel)
    .action(async (key: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<WriteFlags & { readonly by: number }>()
      await withoutPatience(flags, async client => {
        const query = flags.ack === undefined ? {} : { ack: flags.ack }
        printReceipt(flags, await client.increment(key, flags.by, query))
      })
    })
}

function deleteCommand(): Command {
  return new Command('delete')
    .description('delete a key')
    .argument('<key>')
    .option('--ack <level>', 'members that must hold it: local, a number, majority', ackLevel)
    .action(async (key: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<WriteFlags>()
      await withoutPatience(flags, async client => {
        const query = flags.ack === undefined ? {} : { ack: flags.ack }
        printReceipt(flags, await client.delete(key, query))
      })
    })
}

function listCommand(): Command {
  return new Command('list')
    .description('print entries in key order')
    .argument('[prefix]', 'keys that begin so', '')
    .option('--limit <count>', 'at most so many', wholeNumber, 1000)
    .action(async (prefix: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<ReachFlags & { readonly limit: number }>()
      const entries = await withNode(flags, async (client, signal) => {
        const found: JsonEntry[] = []
        let after: string | null = ''
        while (after !== null && found.length < flags.limit) {
          const limit = Math.min(1000, flags.limit - found.length)
          const page = await client.list({ prefix, limit, ...(after && { after }) }, signal)
          found.push(...page.entries)
          after = page.after
        }
        return found
      })
      if (flags.json === true) return printJson({ entries })
      for (const entry of entries) printLine(summaryOf(entry.key, entry))
    })
}

function watchCommand(): Command {
  return new Command('watch')
    .description('print changes as they come; with --json one document per line')
    .argument('[prefix]', 'keys that begin so', '')
    .option('--cursor <cursor>', 'resume after this event')
    .action(async (prefix: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<ReachFlags & { readonly cursor?: string }>()
      const stop = new AbortController()
      process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort())
      await withoutPatience(flags, async client => {
        const resume = flags.cursor === undefined ? {} : { cursor: flags.cursor }
        for await (const event of client.watch({ prefix, ...resume, signal: stop.signal })) {
          if (flags.json === true) printLine(JSON.stringify(event))
          else printLine(summaryOf(event.key, event.entry))
        }
      })
      if (!stop.signal.aborted) {
        throw new HostError('STREAM_ENDED', 'The node has ended the stream.', {
          next: 'See whether it still runs: coterie status.',
        })
      }
    })
}

async function withoutPatience(
  flags: ReachFlags,
  action: (client: Awaited<ReturnType<typeof reachNode>>) => Promise<void>,
): Promise<void> {
  const client = await reachNode(flags)
  try {
    await action(client)
  } finally {
    client.close()
  }
}

async function givenValue(value: string | undefined, flags: WriteFlags): Promise<JsonValue> {
  if ((value === undefined) === (flags.file === undefined)) {
    throw new UsageError('BAD_VALUE', 'Give the value either as an argument or with --file.')
  }
  if (value !== undefined && flags.base64 !== true) return { text: value }
  if (flags.base64 === true) {
    return { base64: (value ?? (await fileText(flags.file ?? '-'))).trim() }
  }
  if (flags.file === '-') return { text: await fileText('-') }
  return valueOfBytes(await fileBytes(flags.file ?? ''))
}

async function fileText(path: string): Promise<string> {
  return Buffer.from(await fileBytes(path)).toString('utf8')
}

async function fileBytes(path: string): Promise<Uint8Array> {
  const bytes = await readAtMost(path, valueFileBytesMax)
  if (bytes.length <= valueFileBytesMax) return bytes
  const text = `${nameOfFile(path)} is larger than ${valueFileBytesMax} bytes.`
  throw new UsageError('FILE_TOO_LARGE', text, { next: 'Write less under one key.' })
}

function printReceipt(
  flags: ReachFlags,
  receipt: { readonly key: string; readonly acknowledgedBy: number },
): void {
  if (flags.json === true) printJson(receipt)
  else printLine(`ok, held by ${receipt.acknowledgedBy} more`)
}

function ackLevel(given: string): 'local' | 'majority' | number {
  if (given === 'local' || given === 'majority') return given
  return wholeNumber(given)
}

function amount(given: string): number {
  const by = Number(given)
  if (!/^[+-]?\d{1,16}$/.test(given) || !Number.isSafeInteger(by)) {
    throw new InvalidArgumentError('It takes a whole number between -(2^53 - 1) and 2^53 - 1.')
  }
  return by
}

function wholeNumber(given: string): number {
  if (!/^\d{1,6}$/.test(given)) throw new InvalidArgumentError('It takes a whole number.')
  return Number(given)
}
