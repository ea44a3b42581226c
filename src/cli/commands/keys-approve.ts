/** `coterie keys approve` and `combine`: the word of the manifest set for a custody manifest, and the envelope of their words. */
import { Command } from 'commander'
import {
  approvalMessage,
  approversOf,
  type CustodyApproval,
  encodeCustodyEnvelope,
  isApproval,
} from '../../attestation/custody/approvals.ts'
import { custodyManifestHash } from '../../attestation/custody/custody-manifest.ts'
import { fromUtf8, toHex } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import {
  believe,
  believeSuccessor,
  type Ceremony,
  type CeremonyFlags,
  decide,
  notAHolder,
  openCeremony,
  openKey,
  ownPlace,
} from '../ceremony.ts'
import { tellManifest, tellNode, tellPin } from '../ceremony-words.ts'
import { confirmHash } from '../confirmation.ts'
import { type CustodyDocument, readApproval, readCustodyDocument } from '../genesis-file.ts'
import { printNote } from '../output.ts'
import { addCeremonyOptions, emit } from './keys-options.ts'

export function approveManifestCommand(): Command {
  const command = new Command('approve')
    .description('approve a custody manifest without giving a share; needs no network')
    .argument('<file>', 'what the genesis answered, or a later manifest of a key that you approved')
  return addCeremonyOptions(command).action(approve)
}

export function combineCommand(): Command {
  return new Command('combine')
    .description('put approvals into the envelope of a custody manifest')
    .argument('<file>', 'what the genesis answered, an envelope, or a custody manifest')
    .argument('<approvals...>', 'as coterie keys approve printed them')
    .option('--out <file>', 'where the envelope goes; standard output unless said')
    .option('--json', 'tell errors as one JSON document; the envelope is JSON anyway', false)
    .action(combine)
}

async function approve(file: string, flags: CeremonyFlags): Promise<void> {
  const ceremony = await openCeremony(flags)
  const document = await readCustodyDocument(file)
  const { manifest } = document.envelope
  const me = ownPlace(ceremony.key, manifest.manifestSet.members)
  if (me === undefined) throw notAHolder(ceremony.key, 'manifest set')
  const output = await judged(ceremony, document)
  tellPin(ceremony.network)
  tellManifest(manifest, await ceremony.record.latest(manifest.namespace.name))
  const hash = custodyManifestHash(manifest)
  if (!flags.yes) await confirmHash(hash)
  using keys = await openKey(ceremony)
  await decide(ceremony, manifest, { roles: ['manifest'], output })
  const signature = toHex(keys.sign(approvalMessage('manifest', hash)))
  const approval: CustodyApproval = { role: 'manifest', alias: me.alias, signature }
  await emit(JSON.stringify(approval), flags.out)
}

/** The hash of the output whose evidence was believed; `null` for a manifest that follows one. */
async function judged(ceremony: Ceremony, document: CustodyDocument): Promise<string | null> {
  if (document.kind === 'manifest') {
    await believeSuccessor(ceremony, document.envelope.manifest)
    return null
  }
  const { node, before, hash } = await believe(ceremony, document.genesis)
  if (node !== null) tellNode('The quorum key was made by', node)
  else printNote(`You believed this genesis on ${before?.at}; it is the same output.`)
  return hash
}

async function combine(
  file: string,
  paths: readonly string[],
  { out }: { readonly out?: string },
): Promise<void> {
  const { envelope } = await readCustodyDocument(file)
  const { manifest } = envelope
  const message = approvalMessage('manifest', custodyManifestHash(manifest))
  const all = new Map<string, CustodyApproval>()
  for (const alias of approversOf(envelope)) {
    const known = envelope.approvals.find(approval => approval.alias === alias)
    if (known !== undefined) all.set(alias, known)
  }
  for (const path of paths) {
    const approval = await readApproval(path)
    const holds =
      approval.role === 'manifest' && isApproval(approval, manifest.manifestSet, message)
    if (!holds) {
      throw new PeerFault(
        'APPROVAL_INVALID',
        `${path} is no approval of this manifest by one of its manifest set.`,
        {
          next: 'Have that holder run coterie keys approve on this very manifest.',
        },
      )
    }
    all.set(approval.alias, approval)
  }
  const approvals = [...all.values()].toSorted((a, b) => (a.alias < b.alias ? -1 : 1))
  await emit(fromUtf8(encodeCustodyEnvelope({ manifest, approvals })) ?? '', out)
  printNote(`${approvals.length} of ${manifest.manifestSet.threshold} approvals that it takes.`)
}
