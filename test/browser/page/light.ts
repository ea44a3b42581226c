/** What is asked of a light client in a browser, and again in Node: bundles, each as it was saved and with bytes changed. */
import { fromHex, fromUtf8, toHex } from '../../../src/base/bytes.ts'
import { CoterieError } from '../../../src/base/errors.ts'
import { sha256 } from '../../../src/crypto/hash.ts'
import { reportBytes, verifyBundle } from '../../../src/light/client.ts'
import type { Pin } from '../../../src/light/link.ts'

export interface LightQuestion {
  readonly pin: Pin
  /** Hexadecimal. */
  readonly bundle: string
  /** Where a byte is changed, and which bits of it; each change alone. */
  readonly changes: readonly (readonly [at: number, bits: number])[]
}

/** Of each change the verdict and a hash of the report, or the code of why there is none; before them the whole report without changes. */
export async function answerLight({
  pin,
  bundle,
  changes,
}: LightQuestion): Promise<readonly string[]> {
  const bytes = fromHex(bundle) ?? new Uint8Array(0)
  const { report } = await verifyBundle(bytes, { pin })
  const answers = [fromUtf8(reportBytes(report)) ?? '']
  for (const [at, bits] of changes) {
    const changed = bytes.slice()
    changed[at] = (changed[at] ?? 0) ^ bits
    answers.push(await answerTo(changed, pin))
  }
  return answers
}

async function answerTo(bundle: Uint8Array, pin: Pin): Promise<string> {
  try {
    const { report } = await verifyBundle(bundle, { pin })
    return `${report.verdict} ${report.code} ${toHex(sha256(reportBytes(report)))}`
  } catch (error) {
    if (error instanceof CoterieError) return error.code
    throw error
  }
}
