/** Flags and output that the commands of holders have in common. */
import type { Command } from 'commander'
import { HostError } from '../../base/errors.ts'
import { makeNewFile } from '../../host/new-file.ts'
import { printLine, printNote } from '../output.ts'

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]

/** Flags of whoever approves. */
export function addCeremonyOptions(command: Command): Command {
  return addPassphraseOption(command)
    .requiredOption('--key <file>', 'your key file')
    .requiredOption('--manifest <file>', 'manifest of the network that you trust: the pin')
    .option('--members <file>', 'your own list of the holders: an alias and a fingerprint a line')
    .option('--endorsements <path>', 'file or folder of them; may be repeated', gather, [])
    .option('--out <file>', 'where the result goes; standard output unless said')
    .option('--yes', 'do not ask', false)
    .option('--json', 'tell errors as one JSON document; the result is JSON anyway', false)
}

export function addPassphraseOption(command: Command): Command {
  return command.option(
    '--passphrase-file <file>',
    'file of mode 0600 with the passphrase; asked for unless said',
  )
}

/** Prints a result, or writes it into a new file of mode 0600. @throws {HostError} `FILE_NOT_WRITTEN`. */
export async function emit(text: string, out: string | undefined): Promise<void> {
  if (out === undefined) return printLine(text)
  const isMade = await makeNewFile(out, `${text}\n`).catch(cause => {
    throw notWritten(out, cause)
  })
  if (!isMade) throw notWritten(out)
  printNote(`Wrote ${out}.`)
}

function notWritten(path: string, cause?: unknown): HostError {
  return new HostError('FILE_NOT_WRITTEN', `${path} could not be written.`, {
    cause,
    next: 'Name a file that is not there yet, in a directory that you own.',
  })
}
