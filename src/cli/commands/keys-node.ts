/** `coterie keys boot`, `inject` and `status`: the commands of holders that speak to a node. */
import { Command } from 'commander'
import {
  type CustodyInfo,
  carriedShareShape,
  type InjectRequest,
} from '../../api/custody-shapes.ts'
import { custodyManifestHash, quorumKeyName } from '../../attestation/custody/custody-manifest.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { ifReadable, PeerFault, UsageError } from '../../base/errors.ts'
import { type CarriedShare, carriedShareCodec } from '../../wire/custody.ts'
import { holdToApprovals } from '../ceremony.ts'
import { askInfo, bootStandard, injectShares } from '../enclave-client.ts'
import { jsonIn, readApproval, readCustodyDocument } from '../genesis-file.ts'
import { exitCodes, printable, printJson, printLine } from '../output.ts'

interface InjectFlags {
  readonly approval: readonly string[]
  readonly to: string
  readonly under: string
  readonly json: boolean
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]

interface BootFlags {
  readonly to: string
  readonly json: boolean
}

export function bootCommand(): Command {
  return new Command('boot')
    .description('have a node that did not make the key wait for shares of it')
    .argument('<envelope>', 'the approved manifest, as coterie keys combine wrote it')
    .requiredOption('--to <url>', 'address of the node, as http://127.0.0.1:9000')
    .option('--json', 'print one JSON document', false)
    .action(boot)
}

async function boot(file: string, { to, json }: BootFlags): Promise<void> {
  const { envelope } = await readCustodyDocument(file)
  holdToApprovals(envelope)
  const manifest = custodyManifestHash(envelope.manifest)
  const taken = await bootStandard(to, envelope)
  if (taken !== manifest) {
    throw new PeerFault('MANIFEST_MISMATCH', `The node names another manifest: ${taken}.`, {
      next: 'Send no share there: its attestation would be about that one.',
    })
  }
  if (json) return printJson({ success: true, manifest })
  printLine(`The node waits for shares under the custody manifest ${manifest}.`)
  printLine(
    'Save what POST /enclave/generate-attestation answers there: holders name it with --target.',
  )
}

export function injectCommand(): Command {
  return new Command('inject')
    .description('hand shares to the node that they are sealed to')
    .argument('<shares...>', 'as coterie keys decrypt-share printed them')
    .requiredOption('--to <url>', 'address of the node, as http://127.0.0.1:9000')
    .requiredOption('--under <file>', 'what the genesis answered, or the later custody manifest')
    .option('--approval <file>', 'of a holder without a share; may be repeated', gather, [])
    .option('--json', 'print one JSON document', false)
    .action(inject)
}

async function inject(files: readonly string[], flags: InjectFlags): Promise<void> {
  const { manifest } = (await readCustodyDocument(flags.under)).envelope
  const hash = custodyManifestHash(manifest)
  const shares: InjectRequest['shares'][number][] = []
  for (const file of files) {
    const { carried, bytes } = await readCarried(file)
    if (toHex(carried.manifest) !== hash) {
      throw new UsageError('SHARE_OF_ANOTHER_MANIFEST', `${file} is for another manifest.`, {
        next: 'Name with --under the manifest that its holder approved.',
      })
    }
    shares.push({ member_alias: carried.alias, decrypted_share: [...bytes] })
  }
  const { name, nonce } = manifest.namespace
  const approvals = await approvalsIn(flags.approval)
  const body = { namespace_name: name, namespace_nonce: nonce, shares, ...approvals }
  const { success, refused = [], ...rest } = await injectShares(flags.to, body)
  const found = rest.reconstructed_quorum_key
  const isProvisioned = found !== undefined && found !== null
  if (!success || refused.length > 0) process.exitCode = exitCodes.negative
  const quorumKey = isProvisioned ? toHex(found) : null
  if (flags.json) return printJson({ success, quorumKey, refused })
  for (const { member_alias, code } of refused) {
    printLine(printable(`The share of ${member_alias} was refused: ${code}.`))
  }
  const taken = shares.length - refused.length
  const rebuilt = isProvisioned ? ' The quorum key is there.' : ' The quorum key is not there yet.'
  printLine(`${taken} of ${shares.length} shares were taken.${success ? rebuilt : ''}`)
}

async function approvalsIn(files: readonly string[]): Promise<Pick<InjectRequest, 'approvals'>> {
  if (files.length === 0) return {}
  const read = await Promise.all(files.map(readApproval))
  return {
    approvals: read.map(({ alias, signature }) => ({
      member_alias: alias,
      signature: [...(fromHex(signature) ?? [])],
    })),
  }
}

/** A share is read before it is sent: what is none, above all one in clear, never leaves. */
async function readCarried(
  file: string,
): Promise<{ readonly carried: CarriedShare; readonly bytes: Uint8Array }> {
  const bytes = carriedShareShape.safeParse(await jsonIn(file, 64 * 1024)).data
  const carried = bytes && ifReadable(() => carriedShareCodec.decode(bytes))
  if (bytes !== undefined && carried !== undefined) return { carried, bytes }
  throw new UsageError('BAD_SHARE_FILE', `${file} is no share that is sealed to a node.`, {
    next: 'Name a file that coterie keys decrypt-share has written. A share in clear goes nowhere.',
  })
}

export function statusOfCustodyCommand(): Command {
  return new Command('status')
    .description('show how far a ceremony is, as a node tells it')
    .requiredOption('--of <url>', 'address of the node, as http://127.0.0.1:9000')
    .option('--json', 'print one JSON document', false)
    .action(async ({ of, json }: { readonly of: string; readonly json: boolean }) => {
      const info = await askInfo(of)
      if (json) return printJson(factsOf(info))
      for (const line of linesOf(info)) printLine(printable(line))
    })
}

function factsOf({ quorum_public_key: key, manifest_hash, ...rest }: CustodyInfo) {
  const fingerprint = key === null ? null : quorumKeyName(key)
  return { ...rest, manifest: manifest_hash, quorumKeyFingerprint: fingerprint }
}

function linesOf(info: CustodyInfo): readonly string[] {
  const { phase, node, namespace, quorum_public_key: key, manifest_hash, shares, approvals } = info
  return [
    `The node ${node} says that it is in the phase ${phase}.`,
    ...(namespace === null
      ? []
      : [`Its namespace is ${namespace.name}, nonce ${namespace.nonce}.`]),
    ...(key === null ? [] : [`Its quorum key has the fingerprint ${quorumKeyName(key)}.`]),
    ...(manifest_hash === null ? [] : [`Its custody manifest is ${manifest_hash}.`]),
    ...(shares === null ? [] : [`Shares: ${progressText(shares)}.`]),
    ...(approvals === null ? [] : [`Approvals: ${progressText(approvals)}.`]),
  ]
}

function progressText({ have, need, by }: NonNullable<CustodyInfo['shares']>): string {
  const names = by === undefined || by.length === 0 ? '' : ` (${by.join(', ')})`
  return `${have} of the ${need} that it takes${names}`
}
