/**
 * The routes that listed clients reach inside sealed calls: those of access `state`, but for streams, and of access `custody`, as far as the
 * rights of the client go. The same handlers as on the socket, behind another door: the seal is the admission.
 */
import { Hono } from 'hono'
import type { ApiClient } from '../attestation/manifest-document.ts'
import { assert, CoterieError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { AskedCall } from '../node/channel-api.ts'
import type { CoterieNode } from '../node/handle.ts'
import { limits } from '../wire/limits.ts'
import type { Call, CallAnswer } from '../wire/sealed-call.ts'
import { clientState } from './client-state.ts'
import type { Route } from './contract.ts'
import { isCustodyPath } from './custody-contract.ts'
import { custodyErrorOf } from './custody-errors.ts'
import { answerOfError, apiError } from './errors.ts'
import { jsonResponse, type Register, registerOn } from './register.ts'
import { registerCustodyRoutes } from './routes/custody.ts'
import { registerSigningRoutes } from './routes/signing.ts'
import { registerStateRoutes } from './routes/state.ts'

/** Carries out calls of listed clients; never rejects. `signal` aborts when the caller has gone. */
export type ServeCall = (asked: AskedCall, signal: AbortSignal) => Promise<CallAnswer>

/** What serves the sealed calls of one node. */
export function sealedCalls(parts: {
  readonly node: Pick<CoterieNode, 'state' | 'custody' | 'signing' | 'sign' | 'id'>
  readonly log: Logger
}): ServeCall {
  // A newer manifest brings new clients: what was made for those of before is dropped with them.
  const apps = new WeakMap<ApiClient, Hono>()
  return async ({ client, call }, signal) => {
    const app = apps.get(client) ?? appOf(client, parts)
    apps.set(client, app)
    const request = requestOf(call, signal)
    const isAskable = request !== undefined
    const response = isAskable ? await app.fetch(request) : answerTo(bodyOfGet())
    return await answerOf(response)
  }
}

function appOf(client: ApiClient, { node, log }: Parameters<typeof sealedCalls>[0]): Hono {
  const app = new Hono()
  app.onError((error, { req }) => {
    const found = answerOfError(error)
    const { status, answer } = isCustodyPath(req.path) ? custodyErrorOf(found) : found
    const response = jsonResponse(answer, status, new Headers())
    if (response.status === 500) {
      const code = error instanceof CoterieError ? error.code : error.name
      log.error('sealed call met a bug', { code, stack: error.stack ?? '' })
    }
    return response
  })
  app.notFound(() => answerTo(apiError('NOT_FOUND', 'There is no such route for clients.')))
  // The signature of a listed client opened this door, so neither token nor testnet counts here.
  const guard = { token: '', opensToHost: true, hosts: [], origins: [] }
  const register = forClients(app, registerOn(app, guard, new AbortController().signal))
  registerStateRoutes(register, clientState(node.state, client))
  const asker = { caller: client.name, isPermitted: client.rights.includes('custody') }
  registerCustodyRoutes(register, node, asker)
  registerSigningRoutes(register, node, asker)
  return app
}

/** Passes on what clients may reach, and nothing that a later change might put here by mistake. */
function forClients(app: Hono, register: Register): Register {
  const admits = ({ access, path }: Pick<Route, 'access' | 'path'>): void =>
    assert(access === 'state' || access === 'custody', `${path} is not for clients`)
  return {
    answer(route, handler, status) {
      admits(route)
      register.answer(route, handler, status)
    },
    bytes(route, handler) {
      admits(route)
      register.bytes(route, handler)
    },
    stream(route) {
      admits(route)
      app.on(route.method, route.path, () => {
        const next = 'List the state again from time to time.'
        throw apiError('NOT_SEALED', 'Streams are not served inside sealed calls.', next)
      })
    },
  }
}

/** The call as the routes read it; `undefined` for what is no request. */
function requestOf({ method, path, type, body }: Call, signal: AbortSignal): Request | undefined {
  if (method === 'GET' && body.length > 0) return undefined
  return new Request(`http://localhost${path}`, {
    method,
    signal,
    headers: type === '' ? {} : { 'content-type': type },
    ...(body.length === 0 ? {} : { body: body.slice() }),
  })
}

function bodyOfGet(): Error {
  return apiError('BAD_REQUEST', 'A GET has no body.')
}

async function answerOf(response: Response): Promise<CallAnswer> {
  const body = new Uint8Array(await response.arrayBuffer())
  if (body.length > limits.callAnswerBytesMax) {
    const what = `The answer has more than ${limits.callAnswerBytesMax} bytes.`
    return answerOf(answerTo(apiError('ANSWER_TOO_LARGE', what, 'Ask for less at once.')))
  }
  return { status: response.status, type: response.headers.get('content-type') ?? '', body }
}

function answerTo(error: unknown): Response {
  const { status, answer } = answerOfError(error)
  return jsonResponse(answer, status, new Headers())
}
