/** The real host: this machine's clock, chance, timers, log, attester and network. */
import type { PlatformName } from '../attestation/platforms.ts'
import { AuditFolder } from './audit-folder.ts'
import { systemClock } from './clock.ts'
import { openShelf } from './endorsements/open-shelf.ts'
import { HintFile } from './hint-file.ts'
import { openNet } from './net/libp2p.ts'
import { netLimits } from './net/options.ts'
import type { Host } from './port.ts'
import { systemRandom } from './random.ts'
import { openLevelStore } from './store/level.ts'
import { chooseAttester } from './tee/choose.ts'
import { systemDeviceFiles } from './tee/device-files.ts'
import type { Attester } from './tee/port.ts'
import { openSimulatedAttester } from './tee/simulated.ts'
import {
  type AdjustableLogger,
  type LogFormat,
  type LogLevel,
  openLog,
} from './telemetry/json-log.ts'
import { LoopLag } from './telemetry/loop-lag.ts'
import type { Telemetry } from './telemetry/port.ts'
import { openTelemetry } from './telemetry/prometheus.ts'
import { systemTimers } from './timers.ts'

export type TeeChoice = PlatformName | 'auto'

/** What the host needs of a configuration; addresses are multiaddrs. */
export interface HostOptions {
  /** Chooses the pace and bounds of the network. */
  readonly preset: 'local' | 'lan' | 'wan'
  /** A platform, or `auto` for the one that this machine offers. */
  readonly tee: TeeChoice
  /** Path of the machine file of the simulated TEE. */
  readonly machine: string
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly bootstrap: readonly string[]
  /** Where the cache lies; `null`: there is none. */
  readonly cacheDir: string | null
  /** Origins of Intel's and AMD's services, or of caches that answer like them; empty: nobody is asked. */
  readonly intelEndorser: string
  readonly amdEndorser: string
  /** Files and folders with endorsements. */
  readonly endorsements: readonly string[]
  /** Where fetched ones are kept over a restart; unless said they are not. */
  readonly endorsementsDir?: string | null
  /** Where bans are kept over a restart; unless said they end with the process. */
  readonly bansFile?: string
  /** Where the audit record is kept; unless said it ends with the process. */
  readonly auditDir?: string
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
}

/** This machine as a host; the loudness of its log changes while it runs. */
export interface OpenHost extends Host {
  readonly log: AdjustableLogger
  readonly telemetry: Telemetry
}

/**
 * Opens everything outside that a node touches; no socket is opened before `openNet`.
 *
 * @throws {HostError | UsageError} of the attester's file or device.
 */
export async function openHost(options: HostOptions): Promise<OpenHost> {
  const log = openLog({ level: options.logLevel, format: options.logFormat })
  const ports = { clock: systemClock, timers: systemTimers, random: systemRandom, log }
  const { listen, announce, bootstrap, cacheDir } = options
  const net = { listen, announce, bootstrap, limits: netLimits[options.preset] }
  const attester = await openAttester(options)
  const endorsements = await openShelf(options, ports)
  // After everything that may fail: a watch that nobody holds is never stopped.
  const lag = new LoopLag()
  const telemetry = openTelemetry(lag)
  const { registry } = telemetry
  return {
    ...ports,
    telemetry,
    attester,
    endorsements,
    ...(options.bansFile === undefined ? {} : { hints: new HintFile(options.bansFile, log) }),
    ...(options.auditDir === undefined ? {} : { audit: new AuditFolder(options.auditDir) }),
    openCache: cacheDir === null ? null : () => openLevelStore(cacheDir),
    openNet: keysAndHandlers => openNet(net, { ...ports, ...keysAndHandlers, registry }),
    release: () => {
      lag.stop()
      endorsements.stop()
    },
  }
}

/**
 * The TEE of this machine. What it is named here gives it no trust: its evidence does, under the manifest.
 *
 * @throws {HostError | UsageError} `TEE_…`, `BAD_MACHINE_FILE`.
 */
export function openAttester({
  tee,
  machine,
}: Pick<HostOptions, 'tee' | 'machine'>): Promise<Attester> {
  if (tee === 'simulated') return openSimulatedAttester(machine)
  return chooseAttester(systemDeviceFiles, tee)
}
