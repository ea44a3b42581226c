/** `coterie status`: one snapshot of a running node. */
import { Command } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { exitCodes, paint, printable, printJson, printLine } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'

export function statusCommand(): Command {
  return addReachOptions(new Command('status')).action(async (flags: ReachFlags) => {
    const status = await withNode(flags, (client, signal) => client.status(signal))
    if (flags.json === true) printJson(status)
    else printStatus(status)
    // A script that waits for the node asks by exit code.
    if (status.phase !== 'active') process.exitCode = exitCodes.negative
  })
}

/** One row for each software: how far an upgrade has rolled. */
function measurementRow(row: Answer<'status'>['measurements'][number]): readonly [string, string] {
  const { name, members, share, validUntil } = row
  const end = validUntil === null ? 'not in the manifest' : `until ${validUntil.slice(0, 10)}`
  return ['software', `${name}: ${members} (${Math.round(share * 100)} %), ${end}`]
}

function quorumKeyText(view: Answer<'status'>['quorumKey']): string {
  const { phase, fingerprint, shares } = view
  const name = fingerprint === null ? '' : `, ${fingerprint.slice(0, 16)}…`
  return `${phase}${name}${shares === null ? '' : `, ${shares.have} of ${shares.need} shares`}`
}

function printStatus(status: Answer<'status'>): void {
  if (status.tee === 'simulated') {
    printLine(paint('yellow', 'SIMULATED TEE: nothing is protected from this machine'))
  }
  const { members, state, keys, removals, manifest, lease, quorumKey } = status
  const rows: readonly (readonly [string, string])[] = [
    ['node', status.node],
    ['network', `${status.networkName} (${status.network.slice(0, 16)}…)`],
    ['phase', status.phase],
    ['manifest', `nonce ${manifest.nonce}, ${manifest.hash.slice(0, 16)}…`],
    ...status.measurements.map(measurementRow),
    ['members', `${members.active} active, ${members.live} live, ${members.known} known`],
    ['state', `${state.entries} entries, root ${state.root.slice(0, 16)}…`],
    [
      'traffic',
      `${state.writesPerSecond.toFixed(1)} writes/s, ${state.deliveriesPerSecond.toFixed(1)} deliveries/s`,
    ],
    ['keys', `${keys.traffic} traffic, ${keys.storage} storage, ${keys.commit} commit`],
    ['quorum key', quorumKeyText(quorumKey)],
    ['lease', `${lease.state}, heard by ${lease.citing} of ${lease.instances} machines`],
    ['removals', String(removals.count)],
    ['addresses', status.addresses.join(' ')],
    ['version', status.version],
    ['up', `${Math.floor(status.uptimeSeconds)} s`],
  ]
  for (const [name, value] of rows) printLine(`${name.padEnd(10)} ${printable(value)}`)
  for (const { code, text } of status.warnings) {
    printLine(paint('yellow', `warning ${printable(code)}: ${printable(text)}`))
  }
  if (status.next !== '') printLine(`next: ${printable(status.next)}`)
}
