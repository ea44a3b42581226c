/**
 * The contract as an OpenAPI 3.1 document. Made from the tables alone, so it is the same for every node of one
 * version and tells nothing of any.
 */
import { z } from 'zod'
import { version } from '../base/version.ts'
import { type Access, type Route, type RouteName, routes } from './contract.ts'
import { custodyRoutes } from './custody-contract.ts'
import { custodyErrorAnswerShape, custodyStatuses, custodyStatusOf } from './custody-errors.ts'
import { type ErrorCode, statusOfCode } from './errors.ts'
import { type RouteExample, routeExamples } from './examples.ts'
import { readyShape } from './views.ts'

type Json = Readonly<Record<string, unknown>>

/** An OpenAPI document; its inside is JSON without types of ours. */
export type OpenApiDocument = {
  readonly openapi: '3.1.1'
  readonly info: Json
  readonly tags: readonly Json[]
  readonly paths: Record<string, Json>
  readonly components: Json
  /** Asked nowhere unless a route says so. */
  readonly security: readonly []
}

/** Codes that any request can meet before it reaches a route. */
const doorErrors: readonly ErrorCode[] = [
  'HOST_REFUSED',
  'ORIGIN_REFUSED',
  'TOKEN_IN_URL',
  'BAD_REQUEST',
  'METHOD_NOT_ALLOWED',
  'INTERNAL',
]

/** Every code that `route` can answer with: of the door, of who may call, of what it reads, and its own. */
export function errorsOf(route: Route): readonly ErrorCode[] {
  const of = (holds: boolean, ...codes: readonly ErrorCode[]): readonly ErrorCode[] =>
    holds ? codes : []
  return [
    ...new Set([
      ...doorErrors.filter(code => route.access !== 'light' || code !== 'ORIGIN_REFUSED'),
      ...of(route.access === 'operator', 'TOKEN_REQUIRED', 'TOKEN_REFUSED'),
      ...of(route.access === 'state', 'NOT_FOR_THE_HOST', 'NO_RIGHT', 'OUTSIDE_PREFIXES'),
      ...of(route.access === 'state', route.stream ? 'NOT_SEALED' : 'ANSWER_TOO_LARGE'),
      ...of(route.access === 'custody', 'NOT_FOR_THE_HOST', 'NO_RIGHT', 'ANSWER_TOO_LARGE'),
      ...of(route.path.includes(':key'), 'BAD_KEY'),
      ...of(route.body !== null && route.takes === undefined, 'JSON_REQUIRED', 'BAD_BODY'),
      ...of(route.takes !== undefined, 'CBOR_REQUIRED'),
      ...of(route.body !== null, 'BODY_TOO_LARGE'),
      ...of(route.stream, 'TOO_MANY_STREAMS'),
      ...route.errors,
    ]),
  ]
}

/** The document of this version. */
export function openApi(): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {}
  const add = (name: string, route: Route, said: Said): void => {
    const path = route.path.replace(':key', '{key}')
    paths[path] ??= {}
    paths[path][route.method.toLowerCase()] = operation(name, route, said)
  }
  for (const [name, route] of Object.entries<Route>(routes)) {
    add(name, route, { language: own, example: routeExamples[name as RouteName] })
  }
  for (const [name, route] of Object.entries<Route>(custodyRoutes)) {
    add(name, route, { language: older, example: {} })
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Coterie: the local API of a node',
      description:
        'See docs/spec/api.md. Errors carry a stable code, a sentence and the next step.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      version,
    },
    tags: [own.tag, older.tag],
    paths,
    components: {
      securitySchemes: {
        hostToken: {
          type: 'http',
          scheme: 'bearer',
          description: 'The content of api.token in the data directory. A testnet asks for none.',
        },
      },
      schemas: { Error: errorShape, CustodyError: jsonSchema(custodyErrorAnswerShape) },
    },
    security: [],
  }
}

const errorShape = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'next'],
      properties: {
        code: { type: 'string', description: 'Stable.' },
        message: { type: 'string', description: 'One sentence for people.' },
        next: { type: 'string', description: 'What to do; empty if there is nothing.' },
      },
    },
  },
} as const

/** What stands in a path. */
const keyTexts: Readonly<Partial<Record<Access, string>>> = {
  light: 'Digest of the evidence: 64 hexadecimal digits.',
  state: 'The whole key as one segment, percent-encoded, slashes included.',
  custody: 'Group id of any epoch of the key: 64 hexadecimal digits.',
}

/** Said in words, because a testnet opens every route and no scheme of OpenAPI speaks of the TEE. */
const accessTexts = {
  public: 'Anybody who reaches the socket may call it.',
  light: 'Anybody may call it, web pages of any origin too; the answer proves itself.',
  operator: "It wants the host's token, except on a testnet.",
  state:
    'From the host it answers on testnets only: inside the TEE, use the library. Listed clients call it sealed, but for streams.',
  custody:
    'From the host it answers on testnets only: inside the TEE, use the library. Listed clients with the right custody call it sealed.',
} as const

/** What one table of routes has in common. */
interface Language {
  readonly tag: { readonly name: string; readonly description: string }
  /** The shape of errors. */
  readonly error: Json
  readonly statusOf: (code: ErrorCode) => number
  /** Of codes that no table of routes has. */
  readonly others: Json
}

const own: Language = {
  tag: { name: 'coterie', description: 'The API of Coterie.' },
  error: { $ref: '#/components/schemas/Error' },
  statusOf: code => statusOfCode[code],
  others: {},
}

const custodyError = { $ref: '#/components/schemas/CustodyError' }
const older: Language = {
  tag: {
    name: 'older-tools',
    description:
      "Custody in the language of the tools that went before: bytes are lists of numbers, and errors are CustodyError, in no envelope. In plain they answer on testnets alone. In production the host's socket gets 403 NOT_FOR_THE_HOST, and listed clients with the right custody send them sealed: docs/spec/attested-channel.md.",
  },
  error: custodyError,
  statusOf: code => custodyStatusOf(code, statusOfCode[code]),
  others: {
    default: {
      description:
        'A refusal of custody. What the caller brought and is wrong is 422; x-statuses has the others. The codes are in docs/reference/errors.md.',
      'x-statuses': custodyStatuses,
      content: { 'application/json': { schema: custodyError } },
    },
  },
}

/** None where the shapes say enough. */
type Example = Partial<RouteExample>

interface Said {
  readonly language: Language
  readonly example: Example
}

function operation(name: string, route: Route, { language, example }: Said): Json {
  return {
    operationId: name,
    tags: [language.tag.name],
    summary: route.about,
    description: accessTexts[route.access],
    'x-access': route.access,
    ...(route.access === 'operator' ? { security: [{ hostToken: [] }] } : {}),
    parameters: parametersOf(route, example),
    ...(route.body === null
      ? {}
      : {
          requestBody: {
            required: true,
            content: bodyContent(route, route.body, example),
          },
        }),
    responses: {
      200: success(route, example),
      ...refusals(route, language),
      ...language.others,
    },
  }
}

function bodyContent({ takes }: Route, body: z.ZodType, example: Example): Json {
  if (takes === undefined) {
    return { 'application/json': { schema: jsonSchema(body), example: example.body } }
  }
  return { [takes.type]: { ...encoded(takes.type), example: example.body } }
}

/** Bytes, as a document of JSON can show them. */
function encoded(media: string): Json {
  return { schema: { type: 'string', contentEncoding: 'base64', contentMediaType: media } }
}

function parametersOf(route: Route, example: Example): readonly Json[] {
  const { properties = {}, required = [] } = jsonSchema(route.query)
  const query = Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
    ...(example.query?.[name] === undefined ? {} : { example: example.query[name] }),
  }))
  const key = {
    name: 'key',
    in: 'path',
    required: true,
    description: keyTexts[route.access],
    schema: { type: 'string', minLength: 1 },
    example: example.key,
  }
  const resume = {
    name: 'Last-Event-ID',
    in: 'header',
    required: false,
    description: 'The id of the last event that was read; the stream goes on after it.',
    schema: { type: 'string' },
  }
  const canResume = Object.hasOwn(properties, 'cursor')
  return [...(route.path.includes(':key') ? [key] : []), ...query, ...(canResume ? [resume] : [])]
}

function success(route: Route, example: Example): Json {
  const schema = jsonSchema(route.answer)
  if (!route.stream) {
    if (route.bytes !== undefined) {
      const content = { ...encoded(route.bytes), example: example.answer }
      return { description: 'Bytes, shown here in base64.', content: { [route.bytes]: content } }
    }
    const media = route.text?.split(';')[0] ?? 'application/json'
    return {
      description: 'It happened.',
      content: { [media]: { schema, example: example.answer } },
    }
  }
  return {
    description: 'Server-sent events; the data of each is JSON of the shape x-event.',
    content: {
      'text/event-stream': {
        schema: { type: 'string', contentMediaType: 'text/event-stream' },
        'x-event': schema,
        example: `data: ${JSON.stringify(example.answer)}\n\n`,
      },
    },
  }
}

/** One response for each status, with the codes that come under it. */
function refusals(route: Route, { error, statusOf }: Language): Json {
  const byStatus = Map.groupBy(errorsOf(route), statusOf)
  const sorted = [...byStatus].sort(([left], [right]) => left - right)
  // A probe says no by its status, in the shape of its yes.
  const isProbe = route.answer === readyShape
  const probed = { anyOf: [jsonSchema(route.answer), error] }
  return Object.fromEntries(
    sorted.map(([status, codes]) => [
      status,
      {
        description: codes.join(', '),
        'x-codes': codes,
        content: { 'application/json': { schema: isProbe && status === 503 ? probed : error } },
      },
    ]),
  )
}

interface ObjectSchema {
  readonly properties?: Json
  readonly required?: readonly string[]
}

/** A shape as JSON Schema 2020-12, as callers write it: before texts become numbers. */
function jsonSchema(shape: z.ZodType): ObjectSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, {
    io: 'input',
    // What is looked at by hand says itself what it is.
    unrepresentable: 'any',
    override: ({ jsonSchema: made }) => {
      // What every JSON number is held to anyway says nothing.
      if (made.minimum === Number.MIN_SAFE_INTEGER) delete made.minimum
      if (made.maximum === Number.MAX_SAFE_INTEGER) delete made.maximum
      delete made.readOnly
    },
  })
  return schema as ObjectSchema
}
