/** WebCrypto where the browser has it: not on origins without TLS, and there the portable arithmetic is loaded. */
import type { Arithmetic } from './arithmetic.ts'
import { withArithmetic } from './arithmetic.ts'
import { inPasses } from './passes.ts'
import { verifyBy } from './subtle.ts'

export async function settled<T>(run: () => T): Promise<T> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
  if (subtle === undefined) return withArithmetic(await loadPortable(), run)
  return inPasses(run, { verify: check => verifyBy(subtle, check), loadPortable })
}

async function loadPortable(): Promise<Arithmetic> {
  return (await import('./portable.ts')).portable
}
