/** `coterie policy add-client` and `remove-client`: who may send sealed calls to the nodes. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { ApiClient, Manifest } from '../../attestation/manifest-document.ts'
import { UsageError } from '../../base/errors.ts'
import { printable, printJson, printLine } from '../output.ts'
import { type Edited, type EditFlags, editPolicy, nextAfterEdit, outHelp } from '../policy-edit.ts'

interface AddFlags extends EditFlags {
  readonly name: string
  readonly key: string
  readonly right: readonly string[]
  readonly prefix: readonly string[]
}

export function addClientCommand(): Command {
  const right = new Option(
    '--right <right>',
    'read or write: what it may do below its prefixes; custody: use the quorum key; may be repeated',
  )
  return new Command('add-client')
    .description('let a client of your own call nodes under seal: put its key into a draft')
    .argument('<file>', 'a draft, an envelope or a lineage')
    .requiredOption('--name <name>', 'how people call the client')
    .requiredOption('--key <hex>', 'its public key, as coterie light key new prints it')
    .addOption(right.argParser(gatherRight).makeOptionMandatory())
    .requiredOption('--prefix <prefix>', 'keys that it may reach; may be repeated', gather)
    .option('--out <file>', outHelp)
    .action(async (file: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<AddFlags>()
      const { name, prefix: prefixes } = flags
      const rights = (['read', 'write', 'custody'] as const).filter(each =>
        flags.right.includes(each),
      )
      const client = { name, key: flags.key.toLowerCase(), rights, prefixes }
      report(flags, await editPolicy(file, flags, manifest => withClient(manifest, client)))
    })
}

export function removeClientCommand(): Command {
  return new Command('remove-client')
    .description('end what a client may do: take it out of a draft')
    .argument('<file>', 'a draft, an envelope or a lineage')
    .argument('<name>', 'name of the client')
    .option('--out <file>', outHelp)
    .action(async (file: string, name: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<EditFlags>()
      report(flags, await editPolicy(file, flags, manifest => withoutClient(manifest, name)))
    })
}

const gather = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
]

function gatherRight(value: string, before: readonly string[] = []): readonly string[] {
  if (value === 'read' || value === 'write' || value === 'custody') return [...before, value]
  throw new InvalidArgumentError('It takes read, write or custody.')
}

function withClient(manifest: Manifest, client: ApiClient): Manifest {
  const { api } = manifest
  return { ...manifest, api: { ...api, clients: [...api.clients, client] } }
}

function withoutClient(manifest: Manifest, name: string): Manifest {
  const { api } = manifest
  const clients = api.clients.filter(client => client.name !== name)
  if (clients.length < api.clients.length) return { ...manifest, api: { ...api, clients } }
  const known = api.clients.map(client => client.name).join(', ')
  throw new UsageError('CLIENT_UNKNOWN', `The manifest names no client ${printable(name)}.`, {
    next: known === '' ? 'It names none at all.' : `It names ${known}.`,
  })
}

function report({ json }: EditFlags, { out, draft }: Edited): void {
  const clients = draft.api.clients.map(({ name }) => name)
  if (json === true) return printJson({ out, nonce: draft.nonce, clients })
  const listed = clients.length === 0 ? 'no client' : clients.join(', ')
  printLine(printable(`Manifest ${draft.nonce} in ${out} lists ${listed}.`))
  printLine(nextAfterEdit(out))
}
