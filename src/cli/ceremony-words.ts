/** What a holder is about to approve, in plain words on standard error. */
import type { BelievedNode } from '../attestation/custody/attested-node.ts'
import {
  type CustodyManifest,
  custodyManifestHash,
} from '../attestation/custody/custody-manifest.ts'
import { custodyChanges, explainCustodyManifest } from '../attestation/custody/custody-text.ts'
import { manifestHash } from '../attestation/manifest.ts'
import type { Decision } from '../host/approval-record.ts'
import type { OpenedManifest } from './manifest-file.ts'
import { printNote, printWarning } from './output.ts'

/** Says which manifest of the network everything was held against: the pin. */
export function tellPin({ manifest, name }: OpenedManifest): void {
  const hash = manifestHash(manifest)
  printNote(`Held against manifest ${manifest.nonce} of the network ${name}, which is ${hash}.`)
}

/** Says what a manifest means, and what changes from the last one that this key approved. */
export function tellManifest(manifest: CustodyManifest, last: Decision | undefined): void {
  for (const sentence of explainCustodyManifest(manifest)) printNote(sentence)
  if (last === undefined)
    printNote('It is the first of its name that this key is asked to approve.')
  else {
    printNote(`Since nonce ${last.manifest.namespace.nonce}, which you approved on ${last.at}:`)
    const { gone, comes } = custodyChanges(last.manifest, manifest)
    for (const sentence of gone) printNote(`- ${sentence}`)
    for (const sentence of comes) printNote(`+ ${sentence}`)
    if (gone.length + comes.length === 0) printNote('  nothing changes.')
  }
  printNote(`Its hash is ${custodyManifestHash(manifest)}.`)
}

/** Says where a share goes; of the node that made the key everything was said before. */
export function tellTarget(target: BelievedNode, maker: BelievedNode | null): void {
  if (target.node !== maker?.node) tellNode('Your share goes to', target)
  else printNote('Your share goes to that node, and to no other.')
}

/** Says which software on which machine evidence has proven. */
export function tellNode(deed: string, { node, verdict }: BelievedNode): void {
  const { platform, instance, measurement, registers, tcb, testnet } = verdict
  printNote(`${deed} the node ${node}.`)
  printNote(
    `It runs the software ${measurement} on ${platform}, machine ${instance}, firmware ${tcb}:`,
  )
  for (const [register, value] of Object.entries(registers)) printNote(`    ${register} ${value}`)
  if (testnet) printWarning('This is a testnet: its evidence proves nothing about hardware.')
}
