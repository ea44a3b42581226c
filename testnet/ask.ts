/** `coterie testnet status`, `fault` and `down`: what another terminal asks of a running testnet. */
import { z } from 'zod'
import { membersShape, statusShape } from '../src/api/views.ts'
import { HostError } from '../src/base/errors.ts'
import { askControl } from './control.ts'
import { activeFaultShape, type FaultRequest, faultAnswerShape } from './fault-request.ts'
import { folderOf } from './folder.ts'
import { readLock, type TestnetLock } from './lock.ts'
import { paint } from './screen.ts'
import { divergenceOf } from './snapshot.ts'
import { banner, nodeTable } from './view.ts'

export interface AskOptions {
  readonly dir?: string
  readonly json: boolean
}

const factsShape = z.object({ network: z.string(), folder: z.string(), basePort: z.int() })

const statusAnswer = factsShape.extend({
  seed: z.string(),
  faults: z.array(activeFaultShape),
  nodes: z.array(
    z.object({
      name: z.string(),
      isExtra: z.boolean(),
      pid: z.int().nullable(),
      http: z.string(),
      p2p: z.string(),
      status: statusShape.nullable(),
      members: membersShape.shape.members,
    }),
  ),
})
const downAnswer = factsShape.extend({ stopped: z.int() })

/**
 * Prints how every node is.
 *
 * @returns 0 if the nodes have converged, 1 if not.
 * @throws {HostError} `TESTNET_NOT_RUNNING`.
 */
export async function status(options: AskOptions): Promise<number> {
  const lock = await lockOf(options)
  const answer = statusAnswer.parse(await askControl(lock.socket, { command: 'status' }))
  const divergence = divergenceOf(answer.nodes) ?? null
  if (options.json) {
    print(JSON.stringify({ ...answer, converged: divergence === null, divergence }, null, 2))
    return divergence === null ? 0 : 1
  }
  print(`coterie testnet in ${answer.folder}, seed ${answer.seed}: ${banner}`)
  print(divergence ?? `${answer.nodes.filter(node => !node.isExtra).length} nodes have converged`)
  const ids = new Map(answer.nodes.map(node => [node.name, node.status?.node ?? '']))
  for (const line of nodeTable({ nodes: answer.nodes, ids })) print(paint(line, process.stdout))
  for (const fault of answer.faults) print(`fault: ${fault.text}. Undo: ${fault.undo}`)
  return divergence === null ? 0 : 1
}

/**
 * Breaks something in the running testnet and prints what it did, what to watch and how to undo it.
 *
 * @throws {HostError} `TESTNET_NOT_RUNNING`; {UsageError} for what cannot be broken.
 */
export async function fault(request: FaultRequest, options: AskOptions): Promise<number> {
  const lock = await lockOf(options)
  const asked = await askControl(lock.socket, { command: 'fault', fault: request })
  const answer = faultAnswerShape.parse(asked)
  if (options.json) {
    print(JSON.stringify(answer, null, 2))
    return 0
  }
  print(`Did:   ${answer.did}.`)
  print(`Watch: ${answer.watch}.`)
  print(`Undo:  ${answer.undo}`)
  return 0
}

/**
 * Stops the running testnet and waits until nothing of it runs.
 *
 * @throws {HostError} `TESTNET_NOT_RUNNING`.
 */
export async function down(options: AskOptions): Promise<number> {
  const lock = await lockOf(options)
  if (!options.json) {
    print('The state lives in the memory of the members: with the last one it is lost.')
    print(`Stopping ${lock.nodes} nodes …`)
  }
  const answer = downAnswer.parse(await askControl(lock.socket, { command: 'down' }))
  const lost = 'state'
  if (options.json) print(JSON.stringify({ ...answer, lost }, null, 2))
  else print(`Stopped. Keys and machines stay in ${answer.folder} for the next: testnet up.`)
  return 0
}

async function lockOf(options: AskOptions): Promise<TestnetLock> {
  const folder = folderOf(options.dir)
  const lock = await readLock(folder)
  if (lock !== undefined) return lock
  throw new HostError('TESTNET_NOT_RUNNING', `no testnet runs in ${folder.path}`, {
    next: 'Start one with: coterie testnet up. Or name its folder with --dir.',
  })
}

function print(line: string): void {
  console.log(line)
}
