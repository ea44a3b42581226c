/** `coterie keys passphrase`: another passphrase for a holder's key file. */
import { Command } from 'commander'
import { readHolderKeyFile, resealHolderKeyFile } from '../../host/holder-key-file.ts'
import { systemRandom } from '../../host/random.ts'
import { printJson, printLine, printWarning } from '../output.ts'
import { newPassphraseOf, passphraseOf } from '../passphrase.ts'
import { addPassphraseOption } from './keys-options.ts'

interface Flags {
  readonly passphraseFile?: string
  readonly newPassphraseFile?: string
  readonly passphrase: boolean
  readonly json: boolean
}

export function passphraseCommand(): Command {
  const command = new Command('passphrase')
    .description('seal your key file under another passphrase; its keys stay')
    .argument('<file>', 'your key file')
    .option('--new-passphrase-file <file>', 'file of mode 0600 with the new one')
    .option('--no-passphrase', 'leave the key unsealed: whoever reads the file has it')
    .option('--json', 'print one JSON document', false)
  return addPassphraseOption(command).action(change)
}

async function change(path: string, flags: Flags): Promise<void> {
  const { alias, isSealed } = await readHolderKeyFile(path)
  using from = isSealed ? await passphraseOf(flags.passphraseFile) : undefined
  using to = flags.passphrase ? await newPassphraseOf(flags.newPassphraseFile) : null
  await resealHolderKeyFile(path, { from, to }, systemRandom)
  if (to === null) {
    printWarning(`${path} is NOT sealed: whoever reads it, or a backup of it, is ${alias}.`)
  }
  if (flags.json) return printJson({ key: path, alias, isSealed: to !== null })
  const how = to === null ? 'without a passphrase' : 'with the new passphrase'
  printLine(`${path} opens ${how}. Copies of it still open as before.`)
}
