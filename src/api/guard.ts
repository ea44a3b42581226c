/**
 * Who may pass at the door. The API listens on loopback, where web pages of the host's browser and other
 * programs reach it too; and the host itself is not the TEE.
 */
import { equalConstantTime, utf8 } from '../base/bytes.ts'
import type { Access } from './contract.ts'
import { apiError } from './errors.ts'
import { isLightPath } from './light-contract.ts'

/** What the door goes by. */
export interface GuardOptions {
  /** The host's token: 43 characters of base64url. */
  readonly token: string
  /** Whether the network is a testnet, which has nothing to hide from the host. */
  readonly opensToHost: boolean
  /** Host names besides the loopback ones. */
  readonly hosts: readonly string[]
  /** Origins of web pages that may call. */
  readonly origins: readonly string[]
}

/** What the door looks at. */
export interface Caller {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly authorization: string | undefined
  /** Path and query as received. */
  readonly target: URL
}

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Query parameters by which tokens are given elsewhere. */
const tokenParameters: ReadonlySet<string> = new Set([
  'token',
  'access_token',
  'api_key',
  'authorization',
  'auth',
])

/**
 * Lets a request in, whatever it asks for.
 *
 * @throws {UsageError} `HOST_REFUSED` for a foreign name, which is how DNS rebinding looks; `ORIGIN_REFUSED` for
 * a web page that is neither listed nor this server's own, `null` included, except on the routes of light clients; `TOKEN_IN_URL`, because URLs end up in logs and histories.
 */
export function admitRequest(options: GuardOptions, caller: Caller): void {
  const name = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/.exec(
    caller.host?.toLowerCase() ?? '',
  )?.[1]
  // The second name stands in a request line of absolute form, and is the one that counts (RFC 9112 §3.2.2).
  const isForeign = name !== caller.target.hostname
  if (
    name === undefined ||
    isForeign ||
    !(loopbackNames.has(name) || options.hosts.includes(name))
  ) {
    throw apiError(
      'HOST_REFUSED',
      'The request names a host that this API does not go by.',
      'Call it as localhost or 127.0.0.1, or list the name in httpHosts.',
    )
  }
  // Of documents from this very server, and its only one is the page: browsers name the origin for a page's own modules, too.
  const isOwn = caller.origin === `http://${caller.host}`
  const isWelcome = isOwn || isLightPath(caller.target.pathname)
  if (caller.origin !== undefined && !isWelcome && !options.origins.includes(caller.origin)) {
    throw apiError(
      'ORIGIN_REFUSED',
      'Web pages of this origin may not call the API.',
      'List the origin in httpOrigins if it is yours.',
    )
  }
  for (const [parameter, value] of caller.target.searchParams) {
    if (tokenParameters.has(parameter.toLowerCase()) || isToken(options.token, value)) {
      throw apiError(
        'TOKEN_IN_URL',
        'A token in a URL ends up in logs and histories, so it is not taken there.',
        'Send it as Authorization: Bearer …, and restart the node if the token was real.',
      )
    }
  }
}

/**
 * Lets a request through to a route.
 *
 * @throws {UsageError} `NOT_FOR_THE_HOST`, `TOKEN_REQUIRED`, `TOKEN_REFUSED`.
 */
export function admitToRoute(options: GuardOptions, access: Access, caller: Caller): void {
  if (access === 'public' || access === 'light' || options.opensToHost) return
  if (access === 'state') {
    throw apiError(
      'NOT_FOR_THE_HOST',
      "The host's socket is not the TEE: outside a testnet the state is neither shown nor taken here.",
      'Use the library inside the TEE: createNode(…).state.',
    )
  }
  if (access === 'custody') {
    throw apiError(
      'NOT_FOR_THE_HOST',
      "The host's socket is not the TEE: outside a testnet keys that members hold are neither made nor used through it.",
      'Use the library inside the TEE: createNode(…).custody and .signing, or seal the call as a client with the right custody: coterie light call.',
    )
  }
  const given = /^Bearer ([\w-]{1,128})$/.exec(caller.authorization ?? '')?.[1]
  if (caller.authorization === undefined) {
    throw apiError(
      'TOKEN_REQUIRED',
      "This route wants the host's token.",
      'Send the content of api.token in the data directory as Authorization: Bearer ….',
    )
  }
  if (given === undefined || !isToken(options.token, given)) {
    throw apiError(
      'TOKEN_REFUSED',
      "This is not the host's token.",
      'Read api.token in the data directory again: every start of the node makes a new one.',
    )
  }
}

function isToken(token: string, given: string): boolean {
  return equalConstantTime(utf8(token), utf8(given))
}
