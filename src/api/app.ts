/** The API over one node: the table of the contract, a door in front, a handler behind each row. */
import { Hono } from 'hono'
import { CoterieError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { AppSocket } from '../node/app-sockets.ts'
import type { CoterieNode } from '../node/handle.ts'
import { confinedState } from './confined-state.ts'
import { type Route, routes } from './contract.ts'
import { custodyRoutes, isCustodyPath } from './custody-contract.ts'
import { custodyErrorOf } from './custody-errors.ts'
import { answerOfError, apiError } from './errors.ts'
import { admitRequest, type GuardOptions } from './guard.ts'
import { isLightPath } from './light-contract.ts'
import { jsonResponse, registerOn } from './register.ts'
import { callerOf } from './request.ts'
import { registerChannelRoutes } from './routes/channel.ts'
import { hostDoor, registerCustodyRoutes } from './routes/custody.ts'
import { registerLightRoutes } from './routes/light.ts'
import {
  type NodeRouteOptions,
  registerOperatorRoutes,
  registerPublicRoutes,
} from './routes/node.ts'
import { type PageRouteOptions, registerPageRoutes } from './routes/page.ts'
import { registerSigningRoutes } from './routes/signing.ts'
import { registerStateRoutes } from './routes/state.ts'

/** What an app is made with. */
export interface AppOptions extends GuardOptions, NodeRouteOptions, PageRouteOptions {
  /** The application whose socket this is: it meets its part of the state and no operator's route. */
  readonly confinedTo?: AppSocket | undefined
  readonly log: Logger
  /** Ends all open event streams. */
  readonly signal: AbortSignal
}

const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** No cookie and no token opens these routes, so a page may read what whoever runs it could read anyway. */
const openHeaders = {
  'access-control-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
} as const

/** The routes of the contract over `node`. */
export function createApp(node: CoterieNode, options: AppOptions): Hono {
  const app = new Hono()
  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(securityHeaders)) context.header(name, value)
    // A kept-alive connection would be cut off by the stop between two requests.
    if (isLightPath(context.req.path)) {
      for (const [name, value] of Object.entries(openHeaders)) context.header(name, value)
    }
    if (options.signal.aborted) context.header('connection', 'close')
    admitRequest(options, callerOf(context))
    await next()
  })
  app.onError((error, context) => {
    const found = answerOfError(error)
    const { status, answer } = isCustodyPath(context.req.path) ? custodyErrorOf(found) : found
    const caller = context.req.raw.signal
    // Nobody is left to read this; the handler gave up because of it.
    const isCallerGone = caller.aborted && error === caller.reason
    if (status === 500 && !isCallerGone) {
      const code = error instanceof CoterieError ? error.code : error.name
      options.log.error('request met a bug', { code, stack: error.stack ?? '' })
    }
    return jsonResponse(answer, status, new Headers(context.res.headers))
  })
  const register = registerOn(app, options, options.signal)
  registerPublicRoutes(register, node, options)
  registerLightRoutes(register, node)
  registerChannelRoutes(app, register, { node, log: options.log })
  const { confinedTo } = options
  if (confinedTo === undefined) {
    registerOperatorRoutes(register, node, options)
    registerStateRoutes(register, node.state)
    const asker = { caller: hostDoor, isPermitted: true }
    registerCustodyRoutes(register, node, asker)
    registerSigningRoutes(register, node, asker)
    registerPageRoutes(app, options)
  } else {
    registerStateRoutes(register, confinedState(node.state, confinedTo))
  }
  const known = Object.values<Route>({ ...routes, ...custodyRoutes }).filter(
    ({ access }) => confinedTo === undefined || (access !== 'operator' && access !== 'custody'),
  )
  refuseOtherMethods(app, known)
  app.notFound(() => {
    throw apiError('NOT_FOUND', 'There is no such route.', 'See docs/spec/api.md for all routes.')
  })
  return app
}

/** A known path with another method is told so, behind the same door as everything else. */
function refuseOtherMethods(app: Hono, known: readonly Route[]): void {
  const methods = Map.groupBy<string, Route>(known, route => route.path)
  for (const [path, rows] of methods) {
    const allowed = rows.map(route => route.method).join(', ')
    app.all(path, context => {
      context.header('allow', allowed)
      throw apiError('METHOD_NOT_ALLOWED', `This path takes ${allowed}.`)
    })
  }
}
