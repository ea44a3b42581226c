/** Routes about the node itself: how it is, whom it believes, whom it refused. */
import { base64 } from '@scure/base'
import type { Telemetry } from '../../host/telemetry/port.ts'
import type { CoterieNode, NodePhase } from '../../node/handle.ts'
import { routes } from '../contract.ts'
import { openApi } from '../openapi.ts'
import type { Register } from '../register.ts'

/** What each phase means to whoever waits for the node; public, so it names nothing. */
const phaseDetails: Readonly<Record<NodePhase, string>> = {
  starting: 'starting',
  joining: 'joining: waits for keys and state of an active member',
  alone: 'no active member in reach',
  active: 'active',
  stopping: 'stopping',
  stopped: 'stopped',
}

export function registerNodeRoutes(
  register: Register,
  node: CoterieNode,
  telemetry: Telemetry,
): void {
  register.answer(routes.health, () => {
    const { phase, testnet, tee } = node.status()
    return { ok: phase === 'active', phase, testnet, tee }
  })
  // That this runs is the proof: a blocked loop answers nobody.
  register.answer(routes.live, () => ({ ok: true, checks: [] }))
  register.answer(
    routes.ready,
    () => {
      const { phase, warnings } = node.status()
      // An active node that all others turn away, as a removed one, serves nobody: its writes spread nowhere.
      const isAdmitted = warnings.every(({ code }) => code !== 'TURNED_AWAY')
      const isActive = phase === 'active'
      const admitted = isAdmitted ? 'not refused' : 'others refuse this node: see its status'
      const checks = [
        { name: 'active', ok: isActive, detail: phaseDetails[phase] },
        { name: 'admitted', ok: isAdmitted, detail: admitted },
      ]
      return { ok: isActive && isAdmitted, checks }
    },
    ({ ok }) => (ok ? 200 : 503),
  )
  const description = openApi()
  register.answer(routes.openapi, () => description)
  register.answer(routes.metrics, () => telemetry.exposition(node.metrics()))
  register.answer(routes.status, () => node.status())
  register.answer(routes.members, () => ({ members: node.members() }))
  register.answer(routes.peers, () => ({ peers: node.peers() }))
  register.answer(routes.refusals, () => ({ refusals: node.refusals() }))
  register.answer(routes.removals, ({ body }) =>
    node.remove(body.items.map(item => base64.decode(item))),
  )
  register.stream(routes.events, async function* ({ signal }) {
    for await (const event of node.events(signal)) yield { event }
  })
}
