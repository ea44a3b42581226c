/** The health of the processes of a testnet, as `vital-signs.ts` writes it inside of each. */
import { z } from 'zod'
import { readJson } from './folder.ts'
import { sibling } from './processes.ts'

const signsShape = z.object({
  pid: z.int(),
  /** Milliseconds since 1970. */
  at: z.number(),
  /** Bytes. */
  rss: z.number(),
  heapUsed: z.number(),
  /** Bytes on the heap after the last full collection; 0 before the first. */
  heapKept: z.number(),
  /** How late timers fired in the last second, in milliseconds. */
  lagMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
  /** The most milliseconds of a processor that the event loop took in one go in the last second: its own part of a lag. */
  workMaxMs: z.number(),
  /** Milliseconds of a processor that the process has used since its start. */
  cpuMs: z.number(),
  /** What keeps or would keep the process alive, by kind and number. */
  resources: z.record(z.string(), z.number()),
})

export type VitalSigns = z.infer<typeof signsShape>

/** The module to preload into a process that writes its vital signs to `path`. */
export function vitalsPreload(path: string, options: { readonly collect: boolean }): string {
  const url = sibling('vital-signs')
  url.searchParams.set('file', path)
  if (options.collect) url.searchParams.set('gc', '')
  return url.href
}

/** The last signs of the process `pid`, or `undefined` before the first. */
export async function readVitals(path: string, pid: number): Promise<VitalSigns | undefined> {
  const signs = signsShape.safeParse(await readJson(path)).data
  return signs?.pid === pid ? signs : undefined
}
