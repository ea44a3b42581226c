/** What the page remembers between visits, in the storage of its origin: how far each network was followed. */
import { base64 } from '@scure/base'
import type { NetworkId } from '../../base/ids.ts'
import type { LightMemory } from '../../light/memory.ts'

/** What of the browser's storage is used. */
export type PageStorage = Pick<Storage, 'getItem' | 'setItem'>

/** A memory of one network. What another program wrote there is handed over as it is, and refused by whoever reads it. */
export function pageMemory(storage: PageStorage, network: NetworkId): LightMemory {
  const name = `coterie light ${network}`
  return {
    async load() {
      const text = storage.getItem(name)
      return text === null ? undefined : bytesOf(text)
    },
    async save(bytes) {
      storage.setItem(name, base64.encode(bytes))
    },
  }
}

function bytesOf(text: string): Uint8Array {
  try {
    return base64.decode(text)
  } catch {
    // Not what this page wrote: no bytes are no memory either, and to read them fails with a reason.
    return new Uint8Array(0)
  }
}
