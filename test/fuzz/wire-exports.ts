/** What src/wire exports, found by looking: a new decoder is fuzzed without being listed. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../src/wire/', import.meta.url))

export const wireExports: ReadonlyMap<string, unknown> = new Map(
  (
    await Promise.all(
      readdirSync(folder).map(async file => {
        const module: Record<string, unknown> = await import(`${folder}${file}`)
        return Object.entries(module)
      }),
    )
  ).flat(),
)
