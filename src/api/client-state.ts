/**
 * The state as a listed client meets it in sealed calls: under its own names, but nothing outside of its prefixes, and only what its
 * rights in the manifest cover.
 */
import type { ApiClient } from '../attestation/manifest-document.ts'
import type { StateApi } from '../node/handle.ts'
import { apiError } from './errors.ts'

/** @throws {UsageError} `NO_RIGHT`, `OUTSIDE_PREFIXES` from every method, and what `state` throws. */
export function clientState(state: StateApi, client: ApiClient): StateApi {
  const read = (key: string): string => permitted(client, 'read', key)
  const write = (key: string): string => permitted(client, 'write', key)
  return {
    get: key => state.get(read(key)),
    prove: key => state.prove(read(key)),
    // Every entry of the page stands below the prefix that was asked for.
    list: ({ prefix = '', ...query }) => state.list({ ...query, prefix: read(prefix) }),
    watch: ({ prefix = '', ...query }) => state.watch({ ...query, prefix: read(prefix) }),
    set: async (key, value, options) => await state.set(write(key), value, options),
    delete: async (key, options) => await state.delete(write(key), options),
    add: async (key, element, options) => await state.add(write(key), element, options),
    remove: async (key, element, options) => await state.remove(write(key), element, options),
    assign: async (key, value, options) => await state.assign(write(key), value, options),
    increment: async (key, by, options) => await state.increment(write(key), by, options),
  }
}

/** The key or prefix, if the client may. */
function permitted({ rights, prefixes }: ApiClient, right: 'read' | 'write', key: string): string {
  if (!rights.includes(right)) {
    throw apiError(
      'NO_RIGHT',
      `The manifest gives this client no right to ${right}.`,
      'Ask the manifest set for it.',
    )
  }
  if (prefixes.some(prefix => key.startsWith(prefix))) return key
  throw apiError(
    'OUTSIDE_PREFIXES',
    'This is below none of the prefixes that the manifest gives this client.',
    'Ask below one of them, or the manifest set for another.',
  )
}
