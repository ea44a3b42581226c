/** Values that must never be seen outside of a TEE, planted where they are looked for. */
import { randomBytes } from 'node:crypto'
import type { NodeSlot, Testnet } from '../network.ts'
import type { PlantedRun } from '../plaintext-search.ts'

/** Three bytes are four characters of base64: a unit of 24 repeats without a seam in that spelling, too. */
const unitBytes = 24
/** So many units that some of them are whole however the value is cut into frames. */
const units = 40

/** A state entry whose key and value are random, and the spellings by which it would be recognised. */
export class Canary {
  readonly key: string
  readonly value: Uint8Array
  readonly runs: readonly PlantedRun[]
  #written: Promise<void> | undefined

  constructor(testnet: Testnet) {
    const unit = new Uint8Array(randomBytes(unitBytes))
    this.key = `canary/${randomBytes(16).toString('hex')}`
    this.value = new Uint8Array(Buffer.concat(Array.from({ length: units }, () => unit)))
    this.runs = [
      { name: 'value', bytes: unit },
      { name: 'value in base64', bytes: Buffer.from(Buffer.from(unit).toString('base64')) },
      { name: 'value in hexadecimal', bytes: Buffer.from(Buffer.from(unit).toString('hex')) },
      { name: 'key', bytes: Buffer.from(this.key) },
    ]
    // Before anything is written: what is relayed from the first byte on is searched.
    for (const run of this.runs) testnet.relays.plant(run)
  }

  /** Writes the entry through the API of a node, once, held by at least one other when it resolves. */
  write(slot: NodeSlot): Promise<void> {
    this.#written ??= this.#write(slot)
    return this.#written
  }

  /** Whether a node holds exactly the entry. */
  async isHeldBy(slot: NodeSlot, signal: AbortSignal): Promise<boolean> {
    const entry = await slot.api.get(this.key, signal)
    if (entry?.kind !== 'register') return false
    const { value } = entry
    const bytes = 'base64' in value ? Buffer.from(value.base64, 'base64') : Buffer.from(value.text)
    return bytes.equals(this.value)
  }

  async #write(slot: NodeSlot): Promise<void> {
    await slot.api.set(this.key, { base64: Buffer.from(this.value).toString('base64') })
  }
}
