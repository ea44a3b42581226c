/**
 * `coterie testnet …`: a real network of real processes on this machine, with simulated TEEs.
 *
 * The testnet itself lives outside of `src` and is loaded only when asked for: nothing of it is part of a
 * node, and `coterie --help` does not pay for it.
 */
import { Command, InvalidArgumentError } from 'commander'
import { faultCommand } from './testnet-fault.ts'

/** A process takes some 100 MB. */
const nodesMax = 50
/** HTTP is base + i, p2p base + 600 + i: both must stay below 65,536. */
const basePortMax = 65_535 - 600 - nodesMax

/** The `testnet` command with its subcommands; actions reject with a `CoterieError` or set `process.exitCode`. */
export function testnetCommand(): Command {
  const testnet = new Command('testnet').description(
    'run and check a local network with simulated TEEs (never secure)',
  )
  testnet.addCommand(upCommand())
  testnet.addCommand(statusCommand())
  testnet.addCommand(faultCommand())
  testnet.addCommand(logsCommand())
  testnet.addCommand(checkCommand())
  testnet.addCommand(drillCommand())
  testnet.addCommand(downCommand())
  return testnet
}

function upCommand(): Command {
  return new Command('up')
    .description('start the nodes and show them until Ctrl-C')
    .option('--nodes <count>', 'how many nodes', wholeNumber(1, nodesMax), 5)
    .option('--base-port <port>', 'HTTP of node 0; p2p is 600 higher', wholeNumber(1, basePortMax))
    .option('--dir <path>', 'folder of the testnet (default: .coterie/testnet)')
    .option('--seed <text>', 'makes machines and faults the same again; printed if drawn')
    .option('--fresh', 'forget keys and machines of the last testnet in this folder', false)
    .option('--plain', 'print lines instead of a live view', false)
    .action(async (options: UpFlags) => {
      const { up } = await import('../../../testnet/up.ts')
      process.exitCode = await up(options)
    })
}

interface UpFlags {
  nodes: number
  basePort?: number
  dir?: string
  seed?: string
  fresh: boolean
  plain: boolean
}

function statusCommand(): Command {
  return new Command('status')
    .description('show members, states and roots of the running testnet')
    .option('--dir <path>', 'folder of the testnet (default: .coterie/testnet)')
    .option('--json', 'print one JSON document', false)
    .action(async (options: { dir?: string; json: boolean }) => {
      const { status } = await import('../../../testnet/ask.ts')
      process.exitCode = await status(options)
    })
}

function logsCommand(): Command {
  return new Command('logs')
    .description('print the logs of all nodes, or of one')
    .argument('[node]', 'number or name of a node, such as 2 or node-2')
    .option('--dir <path>', 'folder of the testnet (default: .coterie/testnet)')
    .option('-f, --follow', 'go on printing until Ctrl-C', false)
    .option('--lines <count>', 'how many last lines of each node', wholeNumber(0, 100_000), 50)
    .option('--json', 'print log lines as they are written, as JSON', false)
    .action(async (node: string | undefined, options: LogsFlags) => {
      const { logs } = await import('../../../testnet/logs.ts')
      process.exitCode = await logs({ ...options, ...(node === undefined ? {} : { node }) })
    })
}

interface LogsFlags {
  dir?: string
  follow: boolean
  lines: number
  json: boolean
}

function checkCommand(): Command {
  return new Command('check')
    .description('try every promise on a fresh testnet of its own; exit 1 if one is broken')
    .option('--nodes <count>', 'how many nodes', wholeNumber(3, nodesMax), 5)
    .option('--only <names>', 'comma-separated names of checks')
    .option('--keep', 'keep the folder of the testnet afterwards', false)
    .option('--json', 'print one JSON document', false)
    .action(async (options: { nodes: number; only?: string; keep: boolean; json: boolean }) => {
      const { check } = await import('../../../testnet/check.ts')
      process.exitCode = await check(options)
    })
}

function drillCommand(): Command {
  const recovery = new Command('recovery')
    .description('lose every node, and bring the state back with the holders’ shares')
    .option('--keep', 'keep the folder of the testnet afterwards', false)
    .option('--json', 'print one JSON document', false)
    .action(async (options: { keep: boolean; json: boolean }) => {
      const { drillRecovery } = await import('../../../testnet/drill.ts')
      process.exitCode = await drillRecovery(options)
    })
  return new Command('drill')
    .description('try a disaster on a testnet of its own; exit 1 if it ends badly')
    .addCommand(recovery)
}

function downCommand(): Command {
  return new Command('down')
    .description('stop the running testnet; its state lives in memory and is lost')
    .option('--dir <path>', 'folder of the testnet (default: .coterie/testnet)')
    .option('--json', 'print one JSON document', false)
    .action(async (options: { dir?: string; json: boolean }) => {
      const { down } = await import('../../../testnet/ask.ts')
      process.exitCode = await down(options)
    })
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number in ${min}..${max}.`)
    }
    return value
  }
}
