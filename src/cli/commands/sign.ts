/** `coterie sign`: has a group of members sign, from any of them. */
import { Command } from 'commander'
import { valueOfBytes } from '../../api/values.ts'
import { fromHex, utf8 } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { nameOfFile, readAtMost } from '../../host/bounded-read.ts'
import { signedMessageBytesMax } from '../../wire/threshold-signing.ts'
import { printJson, printLine } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'
import { ceremonyPatience, groupMeant } from '../signing-names.ts'

interface SignFlags extends ReachFlags {
  readonly file?: string
  readonly hex?: string
  readonly lock?: string
  readonly key?: string
}

export function signCommand(): Command {
  return addReachOptions(new Command('sign'))
    .description('have enough signers of a group sign a message; prints the signature')
    .argument('<group>', 'its id, of any epoch, or the beginning of one')
    .argument('[message]', 'text')
    .option('--file <path>', 'sign the bytes of a file, or of standard input with -')
    .option('--hex <bytes>', 'sign bytes in hexadecimal')
    .option('--lock <name>', 'in a group with locks: the name that this message takes for ever')
    .option('--key <hex>', 'accept no signature of another public key')
    .action(async (name: string, text: string | undefined, _: object, command: Command) => {
      const flags = command.optsWithGlobals<SignFlags>()
      const { lock, key } = flags
      const message = valueOfBytes(await givenBytes(text, flags))
      const made = await withNode(
        flags,
        async (client, signal) => {
          const group = await groupMeant(client, name, signal)
          const wanted = {
            message,
            ...(lock === undefined ? {} : { lock: { text: lock } }),
            ...(key === undefined ? {} : { publicKey: key }),
          }
          return await client.signByGroup(group, wanted, signal)
        },
        ceremonyPatience,
      )
      if (flags.json === true) return printJson(made)
      printLine(made.signature)
    })
}

async function givenBytes(text: string | undefined, { file, hex }: SignFlags): Promise<Uint8Array> {
  const given = [text, file, hex].filter(each => each !== undefined)
  if (given.length !== 1) {
    throw new UsageError('BAD_MESSAGE', 'It takes one message.', {
      next: 'Give a text, --file or --hex.',
    })
  }
  if (text !== undefined) return utf8(text)
  if (hex === undefined) return await fileBytes(file ?? '-')
  const bytes = fromHex(hex)
  if (bytes !== undefined) return bytes
  throw new UsageError('BAD_MESSAGE', '--hex takes pairs of lower-case hexadecimal digits.')
}

async function fileBytes(path: string): Promise<Uint8Array> {
  const bytes = await readAtMost(path, signedMessageBytesMax)
  if (bytes.length <= signedMessageBytesMax) return bytes
  throw new UsageError(
    'MESSAGE_TOO_LONG',
    `${nameOfFile(path)} is larger than ${signedMessageBytesMax} bytes.`,
    { next: 'Sign a hash of it, in a form that says of what.' },
  )
}
