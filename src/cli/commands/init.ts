/** `coterie init`: makes a data directory that `coterie start` runs from. */
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { defaultDataDir } from '../../api/load-config.ts'
import { UsageError } from '../../base/errors.ts'
import { openDataDir } from '../../host/data-dir.ts'
import { presetNames } from '../../node/presets.ts'
import { type Imported, importFiles, importTestnet, writeDataDir } from '../new-data-dir.ts'
import { paint, printJson, printLine } from '../output.ts'

interface InitFlags {
  readonly dataDir?: string
  readonly testnetFrom?: string
  readonly manifest?: string
  readonly machine?: string
  readonly bootstrap: readonly string[]
  readonly preset?: (typeof presetNames)[number]
  readonly httpPort: string
  readonly json: boolean
}

export function initCommand(): Command {
  return new Command('init')
    .option('--data-dir <path>', 'the directory to make (default: $XDG_DATA_HOME/coterie)')
    .option('--testnet-from <folder>', 'join the testnet in this folder, as one more machine')
    .option('--manifest <file>', 'the manifest envelope of the network to join')
    .option('--machine <file>', 'the machine file of the simulated TEE')
    .option('--bootstrap <address>', 'a multiaddr to find the network by; repeat', collect, [])
    .addOption(new Option('--preset <name>', 'speeds and sizes').choices(presetNames))
    .option('--http-port <port>', 'port of the local API; 0 takes any free one', '0')
    .option('--json', 'print one JSON document', false)
    .addHelpText('after', `\n${aboutSimulation}`)
    .action(init)
}

const aboutSimulation =
  'It sets up a simulated TEE: a machine file stands in for the hardware and proves nothing. On real hardware start with --tee auto.\n' +
  'Only testnets, whose manifest names the root that signed it, admit such a machine; all others refuse it.'

async function init(flags: InitFlags): Promise<void> {
  const dataDir = resolve(
    flags.dataDir ?? process.env['COTERIE_DATA_DIR'] ?? defaultDataDir(process.env),
  )
  const imported = await importedBy(flags)
  await openDataDir(dataDir)
  const preset = flags.preset ?? imported.preset
  const bootstrap = [...imported.bootstrap, ...flags.bootstrap]
  await writeDataDir(dataDir, { ...imported, preset, bootstrap, httpPort: Number(flags.httpPort) })
  const next = `coterie start --data-dir ${dataDir}`
  if (flags.json) {
    return printJson({
      dataDir,
      network: imported.network,
      networkName: imported.networkName,
      next,
    })
  }
  printLine(
    `Made ${dataDir} for network ${imported.networkName} (${imported.network.slice(0, 16)}…).`,
  )
  printLine('Its manifest, which this directory now follows, says:')
  for (const sentence of imported.explained) printLine(`  ${sentence}`)
  printLine(paint('yellow', aboutSimulation))
  printLine(`next: ${next}`)
}

async function importedBy(flags: InitFlags): Promise<Imported> {
  if (flags.testnetFrom !== undefined) return await importTestnet(resolve(flags.testnetFrom))
  if (flags.manifest !== undefined && flags.machine !== undefined) {
    return await importFiles({ manifest: flags.manifest, machine: flags.machine })
  }
  throw new UsageError(
    'NOTHING_TO_JOIN',
    'init needs to know which network to join, as what machine.',
    {
      next: `Give --testnet-from <folder>, or --manifest and --machine; coterie testnet up makes a network. ${join('.coterie', 'testnet')} is where it does.`,
    },
  )
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}
