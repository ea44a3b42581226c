import { randomFillSync } from 'node:crypto'
import type { Random } from '../base/random.ts'

/**
 * The generator of the operating system. `Buffer`-backed helpers draw from a shared pool; a fresh array
 * is filled here, so that wiping it wipes the only copy.
 */
export const systemRandom: Random = {
  bytes: count => randomFillSync(new Uint8Array(count)),
}
