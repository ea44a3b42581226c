/** Puts handlers behind the door, one for each route of the contract. */
import type { HttpBindings } from '@hono/node-server'
import type { Context, Hono } from 'hono'
import type { Route } from './contract.ts'
import { apiError } from './errors.ts'
import type { ServerEvent } from './event-reader.ts'
import { eventStream, primed } from './event-stream.ts'
import { admitToRoute, type GuardOptions } from './guard.ts'
import { callerOf, parsedRequest, type Request } from './request.ts'

/** How routes are put behind the door. */
export interface Register {
  /** Answers with JSON, or the text of the route; `status` 503 says no without being an error. */
  answer<Query, Body, Out>(
    route: Route<Query, Body, unknown, Out>,
    handler: (request: Request<Query, Body>) => Out | Promise<Out>,
    status?: (answer: Out) => 200 | 503,
  ): void
  /** Answers with the bytes of the route. */
  bytes<Query, Body, Out>(
    route: Route<Query, Body, Out>,
    handler: (request: Request<Query, Body>) => Uint8Array | Promise<Uint8Array>,
  ): void
  /** Answers with server-sent events; who takes nothing for `patience` milliseconds is cut off. */
  stream<Query, Body, Out>(
    route: Route<Query, Body, unknown, Out>,
    handler: (request: Request<Query, Body>) => AsyncIterable<{ id?: string; event: Out }>,
    patience?: number,
  ): void
}

/** Each holds a socket and a place in the node's list of watchers. */
const streamsMax = 64

/**
 * Registers on `app`; `stopping` ends all open streams. It ends nothing else: what became of a write that is
 * under way only the node can say, and it does so when it stops.
 */
export function registerOn(app: Hono, options: GuardOptions, stopping: AbortSignal): Register {
  let streams = 0
  const admitted = async <Query, Body>(
    context: Context,
    route: Route<Query, Body>,
  ): Promise<Request<Query, Body>> => {
    admitToRoute(options, route.access, callerOf(context))
    return await parsedRequest(context, route)
  }
  return {
    answer(route, handler, status = () => 200) {
      app.on(route.method, route.path, async context => {
        const answer = await handler(await admitted(context, route))
        const headers = new Headers(context.res.headers)
        if (route.text === undefined) return jsonResponse(answer, status(answer), headers)
        headers.set('content-type', route.text)
        return new Response(String(answer), { headers })
      })
    },
    bytes(route, handler) {
      app.on(route.method, route.path, async context => {
        const bytes = await handler(await admitted(context, route))
        return bytesResponse(bytes, route.bytes ?? '', new Headers(context.res.headers))
      })
    },
    stream(route, handler, patience) {
      app.on(route.method, route.path, async context => {
        const request = await admitted(context, route)
        // Hono answers HEAD with the GET handler and drops the body: a stream that nobody would ever end.
        if (context.req.method !== 'GET') throw apiError('METHOD_NOT_ALLOWED', 'Streams take GET.')
        if (streams >= streamsMax) {
          throw apiError('TOO_MANY_STREAMS', `More than ${streamsMax} event streams are open.`)
        }
        streams++
        const gone = new AbortController()
        const signal = AbortSignal.any([request.signal, stopping, gone.signal])
        const end = (): void => {
          streams--
          gone.abort()
        }
        try {
          const events = await primed(spelled(handler({ ...request, signal })))
          const headers = new Headers(context.res.headers)
          headers.set('content-type', 'text/event-stream')
          const cutOff = (): void => {
            // The socket itself: what it holds for a reader that does not read would hold it open.
            const { outgoing }: Partial<HttpBindings> = context.env ?? {}
            outgoing?.destroy()
          }
          const slow = patience === undefined ? undefined : { patience, cutOff }
          return new Response(eventStream(events, end, slow), { headers })
        } catch (error) {
          end()
          throw error
        }
      })
    },
  }
}

async function* spelled<Out>(
  source: AsyncIterable<{ id?: string; event: Out }>,
): AsyncGenerator<ServerEvent> {
  for await (const { id, event } of source) {
    yield { ...(id === undefined ? {} : { id }), data: JSON.stringify(event) }
  }
}

function bytesResponse(bytes: Uint8Array, media: string, headers: Headers): Response {
  headers.set('content-type', media)
  return new Response(new Uint8Array(bytes), { headers })
}

/** JSON behind the headers that the door has set. */
export function jsonResponse(answer: unknown, status: number, headers: Headers): Response {
  headers.set('content-type', 'application/json; charset=utf-8')
  return new Response(JSON.stringify(answer), { status, headers })
}
