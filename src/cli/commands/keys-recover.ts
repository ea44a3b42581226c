/** `coterie keys recover`: the state of a network of which no node is left comes back, by somebody who has seen what comes back. */
import { Command } from 'commander'
import { PeerFault, UsageError } from '../../base/errors.ts'
import { confirmHash } from '../confirmation.ts'
import { askRecovery, recover } from '../enclave-client.ts'
import { printable, printJson, printLine, printWarning } from '../output.ts'

interface RecoverFlags {
  readonly of: string
  readonly root?: string
  readonly yes: boolean
  readonly show: boolean
  readonly json: boolean
}

export function recoverCommand(): Command {
  return new Command('recover')
    .description('bring back the state of a network of which no node is left')
    .requiredOption('--of <url>', 'address of the fresh node that holds the quorum key')
    .option('--show', 'only show what would come back', false)
    .option('--root <hash>', 'the state root that is to come back, if not the one written down')
    .option('--yes', 'do not ask: what was shown is meant', false)
    .option('--json', 'print one JSON document', false)
    .action(bringBack)
}

async function bringBack({ of, root, yes, show, json }: RecoverFlags): Promise<void> {
  if (root !== undefined && !/^[0-9a-f]{64}$/.test(root)) {
    throw new UsageError('BAD_ROOT', 'A state root has 64 hexadecimal digits.', {
      next: 'Copy it from what the node says.',
    })
  }
  const offer = await askRecovery(of)
  const { cut_ms: cut, state_root: written, entries } = offer
  const { manifest_nonce: manifest, removals_left_out: removalsLeftOut } = offer
  if (show && json) {
    return printJson({ cut: timeOf(cut), root: written, entries, manifest, removalsLeftOut })
  }
  const says = json ? printWarning : printLine
  const count = `${written === null ? 'at least ' : ''}${entries}`
  says(`This node can bring back ${count} keys as they were at ${timeOf(cut)}.`)
  says(printable(`State root: ${written ?? 'not written down'}.`))
  says(`Manifest ${manifest} of the network was in force.`)
  if (removalsLeftOut > 0) {
    printWarning(`${removalsLeftOut} removals found no room there: give them to the network again.`)
  }
  says('What was written later is lost. Whoever keeps its disk may show an older state: compare.')
  if (show) return
  if (!yes) await confirmHash(root ?? written ?? offer.manifest_hash)
  // What was shown and confirmed, and nothing that the disk shows afterwards.
  const done = await recover(of, { state_root: root ?? written })
  if (written === null && root === undefined && done.cut_ms !== cut) throw anotherCame(done.cut_ms)
  const facts = { cut: timeOf(done.cut_ms), root: done.state_root }
  if (json) return printJson({ ...facts, entries })
  printLine(
    printable(`The state is back, with the root ${facts.root}. Let the other nodes join now.`),
  )
  printLine('Light clients and status say "recovered" until a newer manifest is approved.')
}

function anotherCame(cut: number): PeerFault {
  return new PeerFault(
    'ANOTHER_STATE',
    `The state that came back is that of ${timeOf(cut)}, and not the one that was shown.`,
    { next: 'Stop the node, and ask who runs its disk.' },
  )
}

const timeOf = (ms: number): string => new Date(Math.min(ms, 8.64e15)).toISOString()
