/** `coterie testnet fault …`: breaks a running testnet on purpose. */
import { Command, InvalidArgumentError, Option } from 'commander'

interface FaultFlags {
  dir?: string
  json: boolean
}

/** As in testnet/fault-request.ts, which only the running testnet loads and checks. */
type Request = Readonly<Record<string, unknown>> & { readonly kind: string }

/** The `fault` command with a subcommand for each kind. */
export function faultCommand(): Command {
  const fault = new Command('fault').description('break something in the running testnet')
  for (const [name, about] of Object.entries(onNodes)) {
    fault.addCommand(
      verb(name, about)
        .argument('<nodes...>', 'numbers or names, or all')
        .action((nodes: string[], flags: FaultFlags) => {
          return send({ kind: name, nodes: nodes.flatMap(listed) }, flags)
        }),
    )
  }
  fault.addCommand(partitionCommand())
  fault.addCommand(
    verb('heal', 'end every partition, delay and loss').action((flags: FaultFlags) => {
      return send({ kind: 'heal' }, flags)
    }),
  )
  fault.addCommand(delayCommand())
  fault.addCommand(lossCommand())
  fault.addCommand(clockCommand())
  fault.addCommand(
    verb('wrong-measurement', 'start a node with other software, which all must refuse').action(
      (flags: FaultFlags) => send({ kind: 'wrong-measurement' }, flags),
    ),
  )
  fault.addCommand(
    verb('remove', 'remove a member for ever, signed by the manifest set')
      .argument('<node>', 'number or name')
      .action((node: string, flags: FaultFlags) => send({ kind: 'remove', node }, flags)),
  )
  return fault
}

const onNodes: Readonly<Record<string, string>> = {
  kill: 'crash nodes with SIGKILL',
  pause: 'stop nodes where they stand, connections open (SIGSTOP)',
  resume: 'let paused nodes go on',
  restart: 'stop nodes and start them again, each as a new identity',
}

function partitionCommand(): Command {
  return verb('partition', 'cut every link between two sides')
    .argument('<left>', 'nodes of one side, separated by commas')
    .argument('[right]', 'nodes of the other side; all others unless given')
    .addOption(
      new Option('--how <kind>', 'silent: bytes stop; reset: connections break')
        .choices(['silent', 'reset', 'one-way'])
        .default('silent'),
    )
    .option('--one-way', 'only what left sends to right is lost', false)
    .action((left: string, right: string | undefined, flags: PartitionFlags) => {
      const how = flags.oneWay ? 'one-way' : flags.how
      const sides = { left: listed(left), right: right === undefined ? [] : listed(right) }
      return send({ kind: 'partition', ...sides, how }, flags)
    })
}

interface PartitionFlags extends FaultFlags {
  how: string
  oneWay: boolean
}

function delayCommand(): Command {
  return verb('delay', 'make what one node sends to another arrive late; 0 ends it')
    .argument('<from>', 'nodes, separated by commas, or all')
    .argument('<to>', 'nodes, separated by commas, or all')
    .argument('<ms>', 'milliseconds', number(60_000))
    .option('--jitter <ms>', 'up to so much earlier or later', number(60_000), 0)
    .action((from: string, to: string, delay: number, flags: FaultFlags & { jitter: number }) => {
      const { jitter } = flags
      return send({ kind: 'delay', from: listed(from), to: listed(to), delay, jitter }, flags)
    })
}

function lossCommand(): Command {
  return verb('loss', 'lose a share of what one node sends to another; 0 ends it')
    .argument('<from>', 'nodes, separated by commas, or all')
    .argument('<to>', 'nodes, separated by commas, or all')
    .argument('<rate>', 'share of chunks, 0 to 1', number(1))
    .addOption(
      new Option('--how <kind>', 'a stream loses nothing: it stalls for a second, or breaks')
        .choices(['stall', 'reset'])
        .default('stall'),
    )
    .action((from: string, to: string, rate: number, flags: FaultFlags & { how: string }) => {
      const { how } = flags
      return send({ kind: 'loss', from: listed(from), to: listed(to), rate, how }, flags)
    })
}

function clockCommand(): Command {
  return (
    verb('clock', 'set the wall clock of nodes off, at once and over restarts; 0 sets it right')
      .argument('<nodes>', 'numbers or names, separated by commas, or all')
      .argument('<offset>', '+10y, -1d, +90s, 0')
      // `-1d` looks like an option and is none.
      .allowUnknownOption()
      .action((nodes: string, offset: string, flags: FaultFlags) => {
        return send({ kind: 'clock', nodes: listed(nodes), offset }, flags)
      })
  )
}

function verb(name: string, about: string): Command {
  return new Command(name)
    .description(about)
    .option('--dir <path>', 'folder of the testnet (default: .coterie/testnet)')
    .option('--json', 'print one JSON document', false)
}

async function send(request: Request, { dir, json }: FaultFlags): Promise<void> {
  const { fault } = await import('../../../testnet/ask.ts')
  const { parseFault } = await import('../../../testnet/fault-request.ts')
  process.exitCode = await fault(parseFault(request), { json, ...(dir !== undefined && { dir }) })
}

/** `0,1` and `{0,1}`. */
function listed(text: string): string[] {
  return text
    .replace(/^\{(.*)\}$/, '$1')
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
}

function number(max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!/^\d+(\.\d+)?$/.test(text) || value > max) {
      throw new InvalidArgumentError(`Expected a number in 0..${max}.`)
    }
    return value
  }
}
