/**
 * Preloaded into each process of a testnet (`node --import`): its wall clock is off by as many milliseconds
 * as a file says, and follows when the file changes. That is what a host can do to the clock of a TEE.
 *
 * The file is named in the query of this module's URL. The monotonic clock is left alone.
 */
import { readFileSync, watchFile } from 'node:fs'

const path = new URL(import.meta.url).searchParams.get('offset') ?? ''
/** How often the file is looked at, in milliseconds. */
const lookInterval = 100
const RealDate = Date
let offset = 0

function look(): void {
  try {
    const found = Number(readFileSync(path, 'utf8'))
    offset = Number.isFinite(found) ? found : 0
  } catch {
    // No file: the clock is right.
    offset = 0
  }
}

class ShiftedDate extends RealDate {
  constructor(...given: ConstructorParameters<typeof Date> | []) {
    if (given.length === 0) super(ShiftedDate.now())
    else super(...given)
  }

  static override now(): number {
    return RealDate.now() + offset
  }
}

look()
watchFile(path, { interval: lookInterval, persistent: false }, look)
globalThis.Date = new Proxy(ShiftedDate, {
  // Called without `new`, Date is a function that tells the time as text.
  apply: () => new ShiftedDate().toString(),
}) as DateConstructor
