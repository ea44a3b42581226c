/** What probes ask: named checks, public, so none names a node, an address or a number of anything. */
import { CoterieError } from '../base/errors.ts'
import type { Telemetry } from '../host/telemetry/port.ts'
import type { CoterieNode, NodePhase, StatusView } from '../node/handle.ts'

export interface ProbeCheck {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

interface Probe {
  readonly ok: boolean
  readonly checks: ProbeCheck[]
}

/** A loop that was held up so long answers beats too late as well: others begin to suspect the node. */
const loopLagMax = 2_000

const phaseDetails: Readonly<Record<NodePhase, string>> = {
  starting: 'starting',
  joining: 'joining: waits for keys and state of an active member',
  alone: 'no active member in reach',
  active: 'active',
  refused: 'was active; no member lets it in any more',
  removed: 'removed from the network for good',
  stopping: 'stopping',
  stopped: 'stopped',
}

/** Whether all hold, with all of them. */
export function all(checks: readonly ProbeCheck[]): Probe {
  return { ok: checks.every(({ ok }) => ok), checks: [...checks] }
}

/** Whether all hold, with those that do not. */
export function failing(checks: readonly ProbeCheck[]): Probe {
  const failed = checks.filter(({ ok }) => !ok)
  return { ok: failed.length === 0, checks: failed }
}

/** That these run at all is the first proof: a blocked loop answers nobody. */
export function liveChecks(telemetry: Telemetry): readonly ProbeCheck[] {
  const isQuick = telemetry.loopLag() < loopLagMax
  const detail = isQuick ? 'answers in time' : 'was held up for more than two seconds lately'
  return [{ name: 'event-loop', ok: isQuick, detail }]
}

export function startupChecks(node: CoterieNode): readonly ProbeCheck[] {
  const phase = statusOf(node)?.phase ?? 'starting'
  return [{ name: 'started', ok: phase !== 'starting', detail: phaseDetails[phase] }]
}

/** Whether this node serves others: its writes spread and its answers are of the network. */
export function readyChecks(node: CoterieNode, telemetry: Telemetry): readonly ProbeCheck[] {
  const status = statusOf(node)
  const phase = status?.phase ?? 'starting'
  const warned = new Set(status?.warnings.map(({ code }) => code))
  const isKeyed = (status?.keys.traffic ?? 0) > 0
  const check = (name: string, ok: boolean, yes: string, no: string): ProbeCheck => ({
    ...{ name, ok, detail: ok ? yes : no },
  })
  return [
    { name: 'active', ok: phase === 'active', detail: phaseDetails[phase] },
    // An active node that all others turn away, as a removed one, serves nobody: its writes spread nowhere.
    check(
      'admitted',
      !warned.has('TURNED_AWAY') && !warned.has('NOT_ADMITTED'),
      'not refused',
      'the manifest or others refuse this node: see its status',
    ),
    check('keyed', isKeyed, 'holds a traffic key', 'holds no traffic key: writes wait'),
    check(
      'clock',
      !warned.has('CLOCK_BEHIND'),
      'not behind',
      'the clock of the host is behind: set it',
    ),
    ...liveChecks(telemetry),
  ]
}

/** `undefined` until there is anything to tell. */
function statusOf(node: CoterieNode): StatusView | undefined {
  try {
    return node.status()
  } catch (error) {
    if (error instanceof CoterieError && error.code === 'NOT_RUNNING') return undefined
    throw error
  }
}
