/** Routes about the node itself: how it is, whom it believes, whom it refused. */
import { base64 } from '@scure/base'
import type { LogLevel } from '../../host/telemetry/json-log.ts'
import type { Telemetry } from '../../host/telemetry/port.ts'
import type { CoterieNode } from '../../node/handle.ts'
import { routes } from '../contract.ts'
import { Looks } from '../looks.ts'
import { openApi } from '../openapi.ts'
import { all, failing, liveChecks, readyChecks, startupChecks } from '../probes.ts'
import type { Register } from '../register.ts'

/** What the routes about the node go by. */
export interface NodeRouteOptions {
  readonly telemetry: Telemetry
  /** Its level is how loud the log is, and may be set. */
  readonly loudness: { level: LogLevel }
  /** Origin of the desk of a testnet, told to whoever watches; empty for none. */
  readonly desk: string
  /** Milliseconds; see `lookPatienceDefault`. */
  readonly lookPatience?: number
}

/** Milliseconds: a page that is open reads at once; what takes nothing for so long is stuck or gone. */
const lookPatienceDefault = 15_000

/** Routes that anybody may ask, an application as well as a stranger. */
export function registerPublicRoutes(
  register: Register,
  node: CoterieNode,
  { telemetry }: NodeRouteOptions,
): void {
  register.answer(routes.health, () => {
    const { phase, testnet, tee } = node.status()
    return { ok: phase === 'active', phase, testnet, tee, custody: node.custody.view().phase }
  })
  const status = ({ ok }: { readonly ok: boolean }): 200 | 503 => (ok ? 200 : 503)
  register.answer(routes.live, () => failing(liveChecks(telemetry)), status)
  register.answer(routes.startup, () => failing(startupChecks(node)), status)
  register.answer(
    routes.ready,
    ({ query }) => {
      const checks = readyChecks(node, telemetry)
      return query.verbose === undefined ? failing(checks) : all(checks)
    },
    status,
  )
  const description = openApi()
  register.answer(routes.openapi, () => description)
}

export function registerOperatorRoutes(
  register: Register,
  node: CoterieNode,
  { telemetry, loudness, desk, lookPatience = lookPatienceDefault }: NodeRouteOptions,
): void {
  register.answer(routes.logLevel, () => ({ level: loudness.level }))
  register.answer(routes.setLogLevel, ({ body }) => {
    loudness.level = body.level
    return body
  })
  register.answer(routes.metrics, () => telemetry.exposition(node.metrics()))
  register.answer(routes.status, () => node.status())
  register.answer(routes.members, () => ({ members: node.members() }))
  register.answer(routes.peers, () => ({ peers: node.peers() }))
  register.answer(routes.refusals, () => ({ refusals: node.refusals() }))
  register.bytes(routes.audit, () => node.audit.export())
  register.answer(routes.bans, () => ({ bans: node.bans() }))
  register.answer(routes.ban, ({ body }) => node.ban(body.subject, body))
  register.answer(routes.unban, ({ body }) => ({ lifted: node.unban(body.subject) }))
  register.answer(routes.removals, ({ body }) =>
    node.remove(body.items.map(item => base64.decode(item))),
  )
  register.answer(routes.manifest, () => ({ file: base64.encode(node.manifestFile()) }))
  register.answer(routes.applyManifest, ({ body }) => node.applyManifest(base64.decode(body.file)))
  register.answer(routes.leave, () => {
    // Throws for a node that runs no more, or not yet: it has nothing to leave.
    node.status()
    return node.leave()
  })
  const looks = new Looks({ node, desk: desk === '' ? null : desk })
  register.stream(
    routes.look,
    async function* ({ signal }) {
      for await (const event of looks.follow(signal)) yield { event }
    },
    lookPatience,
  )
  register.stream(routes.events, async function* ({ signal, query }) {
    const events = node.events(signal)
    const wanted = query.follow === 'true' ? events : heldEvents(events)
    for await (const event of wanted) yield { event }
  })
}

/** Ends where the source would wait: what is held comes without a turn of the event loop between. */
async function* heldEvents<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const events = source[Symbol.asyncIterator]()
  const pause = Symbol('pause')
  for (;;) {
    const next = events.next()
    const paused = new Promise<typeof pause>(resolve => setImmediate(() => resolve(pause)))
    const came = await Promise.race([next, paused])
    if (came === pause || came.done === true) return
    yield came.value
  }
}
