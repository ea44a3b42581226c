/**
 * The state as one application sees it: its own part of the keys, under names that begin after the prefix.
 *
 * Confined by construction: every key that goes in is put behind the prefix, every key that comes out had it and
 * loses it. There is no key, cursor or page that could name anything else, so nothing has to be refused for it.
 */
import { UsageError } from '../base/errors.ts'
import type { AppSocket } from '../node/app-sockets.ts'
import type { StateApi, StateEntry, StateEvent, WriteReceipt } from '../node/handle.ts'
import { apiError } from './errors.ts'

export function confinedState(
  state: StateApi,
  { prefix, rights }: Pick<AppSocket, 'prefix' | 'rights'>,
): StateApi {
  const inside = (key: string): string => {
    // The prefix alone would be a well-formed key, but no name of this application's.
    if (key === '') throw new UsageError('BAD_KEY', 'The key is empty.')
    return prefix + key
  }
  const writable = (key: string): string => {
    if (rights === 'read-write') return inside(key)
    throw apiError('READ_ONLY', 'This application may read and not write.')
  }
  const outside = <T extends { readonly key: string }>(found: T): T => ({
    ...found,
    key: found.key.slice(prefix.length),
  })
  const entryOutside = (entry: StateEntry): StateEntry => outside(entry)
  const receipt = async (written: Promise<WriteReceipt>): Promise<WriteReceipt> =>
    outside(await written)
  return {
    get: key => {
      const entry = state.get(inside(key))
      return entry === undefined ? undefined : entryOutside(entry)
    },
    // With its whole key: nobody could verify the proof under the name that the application knows.
    prove: key => state.prove(inside(key)),
    list: ({ prefix: wanted = '', after, ...query }) =>
      state
        .list({
          ...query,
          prefix: prefix + wanted,
          ...(after === undefined ? {} : { after: prefix + after }),
        })
        .map(entryOutside),
    watch: ({ prefix: wanted = '', ...query }) =>
      watched(state.watch({ ...query, prefix: prefix + wanted }), entryOutside, outside),
    set: async (key, value, options) => await receipt(state.set(writable(key), value, options)),
    delete: async (key, options) => await receipt(state.delete(writable(key), options)),
    add: async (key, element, options) => await receipt(state.add(writable(key), element, options)),
    remove: async (key, element, options) =>
      await receipt(state.remove(writable(key), element, options)),
    assign: async (key, value, options) =>
      await receipt(state.assign(writable(key), value, options)),
    increment: async (key, by, options) =>
      await receipt(state.increment(writable(key), by, options)),
  }
}

async function* watched(
  events: AsyncIterable<StateEvent>,
  entryOutside: (entry: StateEntry) => StateEntry,
  outside: (event: StateEvent) => StateEvent,
): AsyncGenerator<StateEvent> {
  for await (const event of events) {
    const { entry } = event
    yield { ...outside(event), entry: entry === null ? null : entryOutside(entry) }
  }
}
