/** `coterie keys`: what a holder of the quorum key does. Offline but for `boot`, `inject`, `recover` and `status`. */
import { Command } from 'commander'
import { keyOfHolder } from '../../attestation/custody/custody-manifest.ts'
import { holderFingerprint } from '../../attestation/custody/holder-key.ts'
import { recordOf } from '../../host/approval-record.ts'
import { inGroups, makeKey, readPublicPart } from '../holder-files.ts'
import { printable, printJson, printLine, printWarning } from '../output.ts'
import { newPassphraseOf } from '../passphrase.ts'
import { approveManifestCommand, combineCommand } from './keys-approve.ts'
import { draftCommand } from './keys-draft.ts'
import { bootCommand, injectCommand, statusOfCustodyCommand } from './keys-node.ts'
import { addPassphraseOption } from './keys-options.ts'
import { passphraseCommand } from './keys-passphrase.ts'
import { recoverCommand } from './keys-recover.ts'
import { genesisRequestCommand } from './keys-request.ts'
import { decryptShareCommand } from './keys-share.ts'

export function keysCommand(): Command {
  const keys = new Command('keys')
  const own = [generateCommand, fingerprintCommand, passphraseCommand]
  const making = [genesisRequestCommand, draftCommand, decryptShareCommand]
  const agreeing = [approveManifestCommand, combineCommand]
  const online = [bootCommand, injectCommand, recoverCommand, statusOfCustodyCommand]
  for (const make of [...own, ...making, ...agreeing, ...online]) keys.addCommand(make())
  return keys
}

interface GenerateFlags {
  readonly alias: string
  readonly out: string
  readonly passphrase: boolean
  readonly passphraseFile?: string
  readonly json: boolean
}

function generateCommand(): Command {
  const command = new Command('generate')
    .description('make your key; its public part goes into the genesis request')
    .requiredOption('--alias <name>', 'how the others call you')
    .requiredOption('--out <file>', 'the key file to make')
    .option('--no-passphrase', 'leave the key unsealed: whoever reads the file has it')
    .option('--json', 'print one JSON document', false)
  return addPassphraseOption(command).action(generate)
}

async function generate(flags: GenerateFlags): Promise<void> {
  const { alias, out } = flags
  using passphrase = flags.passphrase ? await newPassphraseOf(flags.passphraseFile) : null
  const made = await makeKey(out, { alias, passphrase })
  if (passphrase === null) {
    printWarning(`${out} is NOT sealed: whoever reads it, or a backup of it, is ${alias}.`)
  }
  const { publicFile, fingerprint } = made
  if (flags.json) return printJson({ key: out, public: publicFile, alias, fingerprint })
  printLine(`Made ${out}, and ${publicFile} for whoever writes the genesis request.`)
  printLine(
    `Read this fingerprint to the other holders, over a channel that the host does not run:`,
  )
  printLine(`  ${alias} ${inGroups(fingerprint)}`)
  printLine(`Keep ${out} and ${recordOf(out)} together, and a copy of both elsewhere.`)
}

function fingerprintCommand(): Command {
  return new Command('fingerprint')
    .description('show what a public part is known by, to read it to somebody')
    .argument('<file>', 'a public part, as coterie keys generate wrote it')
    .option('--json', 'print one JSON document', false)
    .action(async (file: string, { json }: { readonly json: boolean }) => {
      const { alias, key } = await readPublicPart(file)
      const fingerprint = holderFingerprint(keyOfHolder({ alias, key }))
      if (json) return printJson({ alias, fingerprint })
      printLine(printable(`${alias} ${inGroups(fingerprint)}`))
    })
}
