import type { ComponentLogger, Logger as Libp2pLogger } from '@libp2p/interface'

/**
 * What libp2p says goes nowhere: its lines quote peers and addresses as they come, at every level, and what
 * matters of it this room tells in its own words.
 */
export const silentLibp2pLogger: ComponentLogger = { forComponent: () => silent() }

function silent(): Libp2pLogger {
  const log = (): void => {}
  return Object.assign(log, {
    error: log,
    trace: log,
    enabled: false,
    newScope: () => silentScope,
  })
}

const silentScope: Libp2pLogger = silent()
