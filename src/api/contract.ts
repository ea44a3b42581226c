/**
 * The API in one table: every route with who may call it and what goes in and out. Server and client are
 * both made from it, so that neither can drift.
 */
import { z } from 'zod'
import { auditRoutes } from './audit-contract.ts'
import type { ErrorCode } from './errors.ts'
import { lightRoutes } from './light-contract.ts'
import { lookShape } from './look.ts'
import { signingRoutes } from './signing-contract.ts'
import { base64Shape, entryShape, proofShape, valueShape } from './values.ts'
import {
  banShape,
  bansShape,
  eventShape,
  healthShape,
  membersShape,
  peersShape,
  readyShape,
  refusalsShape,
  statusShape,
} from './views.ts'

/**
 * Who may call a route from the host's socket, which is not the TEE:
 * - `public`: anybody who reaches the socket; says nothing but whether the node is well.
 * - `light`: the same, web pages of any origin included; what it says proves itself and is public by the manifest.
 * - `operator`: the holder of the host's token; neither keys nor values of the state pass.
 * - `state`: nobody, because what is read or written would leave the TEE in the clear. Listed clients ask inside sealed calls.
 * - `custody`: nobody, for the same reason: what comes out is made with keys that members hold.
 *
 * A testnet has nothing to hide and opens all of them to loopback.
 */
export type Access = 'public' | 'light' | 'operator' | 'state' | 'custody'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** One row of the table. The types follow from the shapes: a handler writes `Written`, and a client reads `Out`. */
export interface Route<Query = unknown, Body = unknown, Out = unknown, Written = unknown> {
  readonly method: Method
  /** One segment may be `:key`: a state key or a group id, percent-encoded as a whole, slashes included. */
  readonly path: string
  readonly access: Access
  /** One sentence for people. */
  readonly about: string
  readonly query: z.ZodType<Query>
  /** `null` where a body is not read. */
  readonly body: z.ZodType<Body> | null
  /** Bytes of a JSON body; 1 MiB unless said. */
  readonly bodyBytesMax?: number
  /** The body is bytes of this media type in place of JSON. */
  readonly takes?: { readonly type: string; readonly bytesMax: number }
  /** Of the JSON answer, or of each event's data if `stream`. */
  readonly answer: z.ZodType<Out, Written>
  readonly stream: boolean
  /** The answer is a text of this media type in place of JSON. */
  readonly text?: string
  /** The answer is bytes of this media type; `answer` is the shape of their base64, for examples. */
  readonly bytes?: string
  /** Codes that this route answers with, besides those of the door and of a request that does not fit. */
  readonly errors: readonly ErrorCode[]
}

const none = z.strictObject({})
const limitParameter = z.coerce.number().int().min(1).max(1000)
const logLevelShape = z.strictObject({ level: z.enum(['error', 'warn', 'info', 'debug']) })
const ackQuery = z.strictObject({
  ack: z
    .string()
    .regex(/^(local|majority|\d{1,4})$/)
    .transform(text => (text === 'local' || text === 'majority' ? text : Number(text)))
    .optional(),
})
const receiptShape = z.object({ key: z.string(), acknowledgedBy: z.int() })
const get = {
  method: 'GET',
  query: none,
  body: null,
  stream: false,
  errors: ['NOT_RUNNING', 'STOPPING'],
} as const
const write = {
  access: 'state',
  query: ackQuery,
  answer: receiptShape,
  stream: false,
  errors: [
    'KEY_TOO_LONG',
    'VALUE_TOO_LARGE',
    'NO_WRITE_RULE',
    'NOT_FOR_MEMBERS',
    'BAD_VALUE',
    'QUOTA_FULL',
    'WRONG_KIND',
    'COUNTER_STAYS',
    'NOT_YOURS',
    'READ_ONLY',
    'QUEUE_FULL',
    'NOT_READY',
    'NOT_ADMITTED',
    'NO_PEER_TO_ACK',
    'ACK_TIMEOUT',
    'NOT_RUNNING',
    'STOPPING',
  ],
} as const

export const routes = {
  health: {
    ...get,
    path: '/health',
    access: 'public',
    about: 'Whether the node is up, and in which phase.',
    answer: healthShape,
  },
  live: {
    ...get,
    path: '/livez',
    access: 'public',
    about: 'Whether the process answers: restart it if not.',
    answer: readyShape,
  },
  startup: {
    ...get,
    path: '/startupz',
    access: 'public',
    about: 'Whether the node has started: until then nothing else is worth probing.',
    answer: readyShape,
  },
  ready: {
    ...get,
    path: '/readyz',
    access: 'public',
    about: 'Whether the node serves others; 503 names what fails, `verbose` every check.',
    query: z.strictObject({ verbose: z.string().optional() }),
    answer: readyShape,
  },
  openapi: {
    ...get,
    path: '/openapi.json',
    access: 'public',
    about: 'All routes as an OpenAPI document: the same for every node of this version.',
    answer: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
    errors: [],
  },
  ...{ ...lightRoutes, ...signingRoutes },
  metrics: {
    ...get,
    path: '/metrics',
    access: 'operator',
    about: 'Counters and gauges of the node and its process, for Prometheus.',
    answer: z.string(),
    text: 'text/plain; version=0.0.4; charset=utf-8',
    errors: [],
  },
  status: {
    ...get,
    path: '/v1/status',
    access: 'operator',
    about: 'One snapshot of the node.',
    answer: statusShape,
  },
  members: {
    ...get,
    path: '/v1/members',
    access: 'operator',
    about: 'Every node that this one believes or knows of.',
    answer: membersShape,
  },
  peers: {
    ...get,
    path: '/v1/peers',
    access: 'operator',
    about: 'Open attested connections.',
    answer: peersShape,
  },
  refusals: {
    ...get,
    path: '/v1/refusals',
    access: 'operator',
    about: 'Handshakes that did not end in a connection, with their codes.',
    answer: refusalsShape,
  },
  bans: {
    ...get,
    path: '/v1/bans',
    access: 'operator',
    about: 'Whom this node turns away for a while, by itself or by hand.',
    answer: bansShape,
  },
  // The host could as well drop the packets: a ban steers whom this node talks to and decides nothing for others.
  ban: {
    method: 'POST',
    path: '/v1/bans',
    access: 'operator',
    about: 'Turns a node or a platform instance away here for a while; told to nobody.',
    query: none,
    body: z.strictObject({
      subject: z.string().max(64),
      seconds: z
        .int()
        .min(1)
        .max(30 * 86_400),
      reason: z.string().max(200).default(''),
    }),
    answer: banShape,
    stream: false,
    errors: ['BAD_SUBJECT', 'BAD_BAN', 'NOT_RUNNING', 'STOPPING'],
  },
  unban: {
    method: 'DELETE',
    path: '/v1/bans',
    access: 'operator',
    about: 'Ends a ban; whoever was banned still needs a verdict for everything.',
    query: none,
    body: z.strictObject({ subject: z.string().max(64) }),
    answer: z.object({ lifted: z.boolean() }),
    stream: false,
    errors: ['NOT_RUNNING', 'STOPPING'],
  },
  logLevel: {
    ...get,
    path: '/v1/log-level',
    access: 'operator',
    about: 'How loud the log is.',
    answer: logLevelShape,
  },
  setLogLevel: {
    ...get,
    method: 'PUT',
    path: '/v1/log-level',
    access: 'operator',
    about: 'Makes the log louder or quieter until the node stops.',
    body: logLevelShape,
    answer: logLevelShape,
  },
  events: {
    ...get,
    path: '/v1/events',
    access: 'operator',
    about: 'What happened lately, then what happens; with `follow=false` the former alone.',
    query: z.strictObject({ follow: z.enum(['true', 'false']).default('true') }),
    answer: eventShape,
    stream: true,
  },
  look: {
    ...get,
    path: '/v1/look',
    access: 'operator',
    about:
      'All that a person who watches sees, once a second: what is late is skipped, and who takes nothing for 15 s is cut off.',
    answer: lookShape,
    stream: true,
  },
  // The items prove themselves by the signatures of the manifest set: whoever carries them gains nothing that the
  // signers did not decide, and a gossip peer may bring the same bytes. The token is no authority here; it keeps
  // strangers on this machine from making the node check signatures for them.
  removals: {
    method: 'POST',
    path: '/v1/removals',
    access: 'operator',
    about: 'Takes self-proving removal items and spreads them.',
    query: none,
    body: z.strictObject({ items: z.array(base64Shape).min(1).max(64) }),
    answer: z.object({ added: z.int() }),
    stream: false,
    errors: ['NOT_RUNNING', 'STOPPING'],
  },
  manifest: {
    ...get,
    path: '/v1/manifest',
    access: 'operator',
    about: 'The manifest in force with its approvals, as a file that a new node can be given.',
    answer: z.object({ file: base64Shape }),
  },
  // As with removals, the approvals of the manifest set are the authority, and not whoever carries them here.
  applyManifest: {
    method: 'POST',
    path: '/v1/manifest',
    access: 'operator',
    about: 'Takes an approved manifest with a higher nonce into force and spreads it.',
    query: none,
    body: z.strictObject({ file: base64Shape }),
    answer: z.object({ changed: z.boolean(), nonce: z.int(), hash: z.string() }),
    stream: false,
    errors: ['NOT_RUNNING', 'STOPPING'],
  },
  ...auditRoutes,
  leave: {
    method: 'POST',
    path: '/v1/leave',
    access: 'operator',
    about:
      'Leaves the network for good: answers when the members know it and the node has stopped.',
    query: none,
    body: null,
    answer: z.object({ drained: z.boolean() }),
    stream: false,
    errors: ['NOT_RUNNING'],
  },
  list: {
    ...get,
    path: '/v1/state',
    access: 'state',
    about: 'Entries in key order; `after` of the answer asks for the next page, null at the end.',
    query: z.strictObject({
      prefix: z.string().optional(),
      after: z.string().optional(),
      limit: limitParameter.default(100),
    }),
    answer: z.object({ entries: z.array(entryShape), after: z.string().nullable() }),
  },
  get: {
    ...get,
    path: '/v1/state/:key',
    access: 'state',
    about: 'One entry.',
    answer: entryShape,
    errors: ['NOT_FOUND', 'NOT_RUNNING', 'STOPPING'],
  },
  prove: {
    ...get,
    path: '/v1/state/:key/proof',
    access: 'state',
    about: 'Proof of what a key below a public prefix holds, or that it holds nothing.',
    answer: proofShape,
    errors: [
      'KEY_TOO_LONG',
      'NOT_PUBLIC',
      'PROOF_TOO_LARGE',
      'NOT_READY',
      'PROOF_NOT_READY',
      'NOT_RUNNING',
      'STOPPING',
    ],
  },
  set: {
    ...write,
    method: 'PUT',
    path: '/v1/state/:key',
    about: 'Writes a register.',
    body: valueShape,
  },
  delete: {
    ...write,
    method: 'DELETE',
    path: '/v1/state/:key',
    about: 'Deletes a key.',
    body: null,
  },
  add: {
    ...write,
    method: 'POST',
    path: '/v1/state/:key/elements',
    about: 'Adds an element to a set.',
    body: valueShape,
  },
  remove: {
    ...write,
    method: 'DELETE',
    path: '/v1/state/:key/elements',
    about: 'Removes an element from a set; the body names it, because it may be longer than a URL.',
    body: valueShape,
  },
  assign: {
    ...write,
    method: 'PUT',
    path: '/v1/state/:key/values',
    about:
      'Assigns a multi-value register: concurrent assignments all stay until one that saw them.',
    body: valueShape,
  },
  increment: {
    ...write,
    method: 'POST',
    path: '/v1/state/:key/count',
    about: 'Adds a whole number, of either sign, to a counter.',
    body: z.strictObject({ by: z.int() }),
    errors: [...write.errors, 'BAD_AMOUNT', 'COUNTER_FULL'],
  },
  watch: {
    ...get,
    path: '/v1/state-watch',
    access: 'state',
    about:
      'Changes from now or from a cursor on; each event id is a cursor, so Last-Event-ID resumes.',
    query: z.strictObject({
      prefix: z.string().optional(),
      cursor: z.string().max(256).optional(),
    }),
    answer: z.object({ cursor: z.string(), key: z.string(), entry: entryShape.nullable() }),
    stream: true,
    errors: ['BAD_CURSOR', 'CURSOR_GONE', 'NOT_RUNNING', 'STOPPING'],
  },
} as const satisfies Readonly<Record<string, Route>>

/** The name of a route, as the client calls it. */
export type RouteName = keyof typeof routes
/** What the client gets from a route. */
export type Answer<Name extends RouteName> = z.output<(typeof routes)[Name]['answer']>
