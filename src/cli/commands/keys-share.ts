/** `coterie keys decrypt-share`: opens a holder's share and seals it to one attested node. */
import { Command } from 'commander'
import { approvalMessage } from '../../attestation/custody/approvals.ts'
import type { BelievedNode } from '../../attestation/custody/attested-node.ts'
import {
  type CustodyManifest,
  custodyManifestHash,
  type Holder,
} from '../../attestation/custody/custody-manifest.ts'
import { heldShareContext } from '../../attestation/custody/genesis-output.ts'
import { openAsHolder } from '../../attestation/custody/holder-key.ts'
import type { HolderKeys } from '../../attestation/custody/holder-keys.ts'
import { type AttestedNode, carryShare } from '../../attestation/custody/transfers.ts'
import { toHex } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import { bytesOfDigest, keyOfNodeId } from '../../base/ids.ts'
import type { Secret } from '../../base/secret.ts'
import { shareCommitment } from '../../crypto/secret-shares.ts'
import { systemRandom } from '../../host/random.ts'
import { carriedShareCodec } from '../../wire/custody.ts'
import {
  type BelievedGenesis,
  believe,
  believedMaker,
  believedTarget,
  believeSuccessor,
  type Ceremony,
  type CeremonyFlags,
  decide,
  holdToApprovals,
  notAHolder,
  openCeremony,
  openKey,
  ownPlace,
} from '../ceremony.ts'
import { tellManifest, tellNode, tellPin, tellTarget } from '../ceremony-words.ts'
import { confirmHash } from '../confirmation.ts'
import { readCustodyDocument, readGenesis } from '../genesis-file.ts'
import { printNote } from '../output.ts'
import { addCeremonyOptions, emit } from './keys-options.ts'

interface ShareFlags extends CeremonyFlags {
  readonly target: string
  readonly envelope?: string
}

export function decryptShareCommand(): Command {
  const command = new Command('decrypt-share')
    .description('open your share and seal it to one attested node; needs no network')
    .argument('<genesis>', 'what the genesis answered, as a JSON file')
    .option(
      '--target <file>',
      'evidence of the node that the share goes to; genesis: the node that made the key',
      'genesis',
    )
    .option(
      '--envelope <file>',
      'the approved custody manifest of the target, if it is a later one',
    )
  return addCeremonyOptions(command).action(decryptShare)
}

async function decryptShare(file: string, flags: ShareFlags): Promise<void> {
  const ceremony = await openCeremony(flags)
  const genesis = await believe(ceremony, await readGenesis(file))
  const { manifest } = genesis.output
  const under = await manifestOfTarget(ceremony, manifest, flags.envelope)
  const me = ownPlace(ceremony.key, under.shareSet.members)
  if (me === undefined) throw notAHolder(ceremony.key, 'share set')
  const target = await targetOf(ceremony, genesis, { flags, under })
  await tell(ceremony, genesis, { me, under, target })
  if (!flags.yes) await confirmHash(custodyManifestHash(under))
  using keys = await openKey(ceremony)
  using share = openShare(genesis, { under, keys })
  const isApprover = ownPlace(ceremony.key, under.manifestSet.members)?.alias === me.alias
  const roles = isApprover ? (['share', 'manifest'] as const) : (['share'] as const)
  if (under !== manifest) await decide(ceremony, manifest, { roles: [], output: genesis.hash })
  const output = under === manifest ? genesis.hash : null
  await decide(ceremony, under, { roles, node: target.node, output })
  const carried = carriedBytes({ me, under, target, isApprover }, share, keys)
  await emit(JSON.stringify([...carried]), flags.out)
}

async function tell(
  { key, record, network }: Ceremony,
  genesis: BelievedGenesis,
  { me, under, target }: Pick<Carried, 'me' | 'under'> & { readonly target: BelievedNode },
): Promise<void> {
  tellPin(network)
  if (genesis.node !== null) tellNode('The quorum key was made by', genesis.node)
  else printNote(`You believed this genesis on ${genesis.before?.at}; it is the same output.`)
  tellManifest(under, await record.latest(under.namespace.name))
  tellTarget(target, genesis.node)
  if (me.alias !== key.alias) printNote(`Your key goes there by the name ${me.alias}.`)
}

/** The manifest that the target runs under: that of the genesis, or an approved one that follows it. */
async function manifestOfTarget(
  ceremony: Ceremony,
  manifest: CustodyManifest,
  path: string | undefined,
): Promise<CustodyManifest> {
  if (path === undefined) return manifest
  const { envelope } = await readCustodyDocument(path)
  if (custodyManifestHash(envelope.manifest) === custodyManifestHash(manifest)) return manifest
  await believeSuccessor(ceremony, envelope.manifest, manifest)
  holdToApprovals(envelope)
  return envelope.manifest
}

async function targetOf(
  ceremony: Ceremony,
  genesis: BelievedGenesis,
  { flags, under }: { readonly flags: ShareFlags; readonly under: CustodyManifest },
) {
  if (flags.target !== 'genesis') return await believedTarget(ceremony, flags.target, under)
  if (under !== genesis.output.manifest) {
    throw new PeerFault(
      'MANIFEST_MISMATCH',
      'The node of the genesis runs under the first manifest.',
      {
        next: 'Name evidence of a node that runs under the later one with --target.',
      },
    )
  }
  // A share that was believed in long ago still goes to a node that is believed in now.
  return genesis.node ?? (await believedMaker(ceremony, genesis))
}

/** @throws {PeerFault} `SHARE_NOT_MINE`, `SHARE_WRONG`. */
function openShare(
  { output }: BelievedGenesis,
  { under, keys }: { readonly under: CustodyManifest; readonly keys: HolderKeys },
): Secret {
  const mine = toHex(keys.publicKey)
  const { members } = output.manifest.shareSet
  const place = members.findIndex(({ key }) => key === mine)
  const [holder, held] = [members[place], output.shares[place]]
  const share =
    holder && held && openAsHolder(held.sealed, heldShareContext(output.manifest, holder), keys)
  if (share === undefined) {
    throw new PeerFault(
      'SHARE_NOT_MINE',
      'Your share does not open: it was sealed to another key.',
      {
        next: 'Approve nothing. Whoever made this genesis cannot give you your share; run another.',
      },
    )
  }
  const commitments = [
    output.manifest.shares[place],
    under.shares[under.shareSet.members.findIndex(({ key }) => key === mine)],
  ]
  const commitment = toHex(shareCommitment(share))
  if (commitments.every(each => each === commitment)) return share
  share[Symbol.dispose]()
  throw new PeerFault('SHARE_WRONG', 'Your share is not the one that the manifest commits to.', {
    next: 'Approve nothing. With this share nobody could rebuild the key; run another genesis.',
  })
}

interface Carried {
  readonly me: Holder
  readonly under: CustodyManifest
  readonly target: AttestedNode
  readonly isApprover: boolean
}

function carriedBytes(
  { me, under, target, isApprover }: Carried,
  share: Secret,
  keys: HolderKeys,
): Uint8Array {
  const manifest = custodyManifestHash(under)
  const route = { alias: me.alias, manifest }
  const wrapped = carryShare(route, share, { to: target, random: systemRandom })
  if (wrapped === undefined) {
    throw new PeerFault('KEM_KEY_INVALID', 'Nothing can be sealed to the key of that node.', {
      next: 'Start that node anew, and get its evidence again.',
    })
  }
  const node = keyOfNodeId(target.node)
  return carriedShareCodec.encode({
    alias: me.alias,
    manifest: bytesOfDigest(manifest),
    node,
    ...wrapped,
    approval: keys.sign(approvalMessage('share', manifest, node)),
    manifestApproval: isApprover ? keys.sign(approvalMessage('manifest', manifest)) : null,
  })
}
