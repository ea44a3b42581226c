/** Routes of sealed calls: whoever carries them reads nothing, so they are open to everybody, pages of every origin included. */
import type { Hono } from 'hono'
import type { Logger } from '../../base/log.ts'
import type { CoterieNode } from '../../node/handle.ts'
import { routes } from '../contract.ts'
import type { Register } from '../register.ts'
import { sealedCalls } from '../sealed-app.ts'

export function registerChannelRoutes(
  app: Hono,
  register: Register,
  parts: {
    readonly node: Pick<CoterieNode, 'channel' | 'state' | 'custody' | 'signing' | 'sign' | 'id'>
    readonly log: Logger
  },
): void {
  const { node } = parts
  const serve = sealedCalls(parts)
  register.bytes(routes.lightChannel, () => node.channel.offer())
  register.bytes(routes.lightSealed, ({ body, signal }) =>
    node.channel.answer(body, asked => serve(asked, signal)),
  )
  // Pages ask before they send bytes that are no form (Fetch §4.8): any of them may, as any stranger.
  app.options(routes.lightSealed.path, context => {
    context.header('access-control-allow-methods', 'POST')
    context.header('access-control-allow-headers', 'content-type')
    context.header('access-control-max-age', '3600')
    return context.body(null, 204)
  })
}
