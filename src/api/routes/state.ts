/** Routes of the replicated state. */
import { unreachable } from '../../base/errors.ts'
import type { AckLevel, StateApi, StateEntry, WriteOptions } from '../../node/handle.ts'
import { slotBytes } from '../../wire/entry.ts'
import { routes } from '../contract.ts'
import { apiError } from '../errors.ts'
import type { Register } from '../register.ts'
import type { Request } from '../request.ts'
import { bytesOfValue, type JsonEntry, jsonEntry, jsonProof } from '../values.ts'

/** A page stops after so many bytes of values: it always holds one entry, and rarely more than a few MiB. */
const pageBytesMax = 2 * 1024 * 1024

export function registerStateRoutes(register: Register, state: StateApi): void {
  register.answer(routes.list, ({ query }) => {
    const { prefix, after, limit } = query
    const found = state.list({
      limit,
      ...(prefix === undefined ? {} : { prefix }),
      ...(after === undefined ? {} : { after }),
    })
    const entries = pageOf(found)
    const isLast = entries.length === found.length && found.length < limit
    return { entries, after: isLast ? null : (entries.at(-1)?.key ?? null) }
  })
  register.answer(routes.get, ({ key }) => {
    const entry = state.get(key)
    if (entry === undefined) throw apiError('NOT_FOUND', 'Nothing is under this key.')
    return jsonEntry(entry)
  })
  register.answer(routes.prove, ({ key }) => {
    const made = state.prove(key)
    if (made.isPublic) return jsonProof(made)
    // It would open the salt of the key, and may show where another key stands to whoever guesses its name.
    throw apiError(
      'NOT_PUBLIC',
      'The key is below no public prefix of the manifest, so its proof is not for everybody.',
      'Use a key below one of api.publicPrefixes, or the library inside the TEE: node.state.prove(key).',
    )
  })
  register.answer(routes.set, request =>
    state.set(request.key, bytesOfValue(request.body), writeOptions(request)),
  )
  register.answer(routes.delete, request => state.delete(request.key, writeOptions(request)))
  register.answer(routes.add, request =>
    state.add(request.key, bytesOfValue(request.body), writeOptions(request)),
  )
  register.answer(routes.remove, request =>
    state.remove(request.key, bytesOfValue(request.body), writeOptions(request)),
  )
  register.answer(routes.assign, request =>
    state.assign(request.key, bytesOfValue(request.body), writeOptions(request)),
  )
  register.answer(routes.increment, request =>
    state.increment(request.key, request.body.by, writeOptions(request)),
  )
  register.stream(routes.watch, async function* ({ query, header, signal }) {
    const cursor = header('last-event-id') ?? query.cursor
    const { prefix } = query
    const changes = state.watch({
      signal,
      ...(prefix === undefined ? {} : { prefix }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    for await (const change of changes) {
      const entry = change.entry === null ? null : jsonEntry(change.entry)
      yield { id: change.cursor, event: { cursor: change.cursor, key: change.key, entry } }
    }
  })
}

function pageOf(found: readonly StateEntry[]): JsonEntry[] {
  const page: JsonEntry[] = []
  let bytes = 0
  for (const entry of found) {
    bytes += bytesIn(entry)
    if (page.length > 0 && bytes > pageBytesMax) break
    page.push(jsonEntry(entry))
  }
  return page
}

function bytesIn(entry: StateEntry): number {
  switch (entry.kind) {
    case 'register':
      return entry.value.length
    case 'counter':
      return slotBytes
    case 'set':
      return entry.elements.reduce((sum, { length }) => sum + length, 0)
    case 'multi':
      return entry.values.reduce((sum, { length }) => sum + length, 0)
    default:
      return unreachable(entry)
  }
}

function writeOptions(
  request: Request<{ readonly ack?: AckLevel | undefined }, unknown>,
): WriteOptions {
  const { ack } = request.query
  return { signal: request.signal, ...(ack === undefined ? {} : { ack }) }
}
