/** `coterie keys draft`: the next custody manifest of a quorum key that is there, for its manifest set to approve. */
import { Command } from 'commander'
import { type CustodyManifest, successionFlaw } from '../../attestation/custody/custody-manifest.ts'
import { custodyChanges } from '../../attestation/custody/custody-text.ts'
import { toHex } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { readCustodyDocument } from '../genesis-file.ts'
import { namespaceOf, pivotOf } from '../genesis-request.ts'
import { printable, printNote } from '../output.ts'
import { emit } from './keys-options.ts'

interface Flags {
  readonly namespaceNonce?: string
  /** `false` for none from now on; otherwise said by the hash. */
  readonly pivot: boolean
  readonly pivotHash?: string
  readonly pivotArg: readonly string[]
  readonly out?: string
}

export function draftCommand(): Command {
  const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]
  return new Command('draft')
    .description(
      'write the next custody manifest of a key: for other software, with a higher nonce',
    )
    .argument('<file>', 'what the genesis answered, or the custody manifest to follow')
    .option('--namespace-nonce <n>', 'of the next one (default: one more)')
    .option('--pivot-hash <hex>', 'SHA-256 of the application; as it was unless said')
    .option('--pivot-arg <text>', 'an argument of it; may be repeated', gather, [])
    .option('--no-pivot', 'for no application in particular')
    .option('--out <file>', 'where it goes; standard output unless said')
    .option('--json', 'tell errors as one JSON document; the manifest is JSON anyway', false)
    .action(draft)
}

async function draft(file: string, flags: Flags): Promise<void> {
  const { manifest } = (await readCustodyDocument(file)).envelope
  const { name, nonce, quorumKey } = manifest.namespace
  const namespaceNonce = flags.namespaceNonce ?? String(nonce + 1)
  const named = namespaceOf({ namespaceName: name, namespaceNonce })
  const next: CustodyManifest = {
    ...manifest,
    namespace: { ...named, quorumKey },
    pivot: pivotAfter(manifest, flags),
  }
  if (next.namespace.nonce === nonce || successionFlaw(manifest, next) !== undefined) {
    throw new UsageError('LOW_NONCE', `The next manifest has a higher nonce than ${nonce}.`, {
      next: 'Leave --namespace-nonce out: it is one more then.',
    })
  }
  await emit(JSON.stringify(next), flags.out)
  const { gone, comes } = custodyChanges(manifest, next)
  for (const sentence of gone) printNote(printable(`- ${sentence}`))
  for (const sentence of comes) printNote(printable(`+ ${sentence}`))
  const { threshold, members } = next.manifestSet
  printNote(`${threshold} of ${members.length} must approve it: coterie keys approve.`)
}

function pivotAfter({ pivot }: CustodyManifest, flags: Flags): CustodyManifest['pivot'] {
  const { pivotHash, pivotArg } = flags
  const isNamed = pivotHash !== undefined || pivotArg.length > 0
  if (!flags.pivot && !isNamed) return null
  if (!isNamed) return pivot
  const hash = toHex(pivotOf({ ...(pivotHash === undefined ? {} : { pivotHash }), pivotArg }))
  return { restart: pivot?.restart ?? 'never', hash, args: [...pivotArg] }
}
