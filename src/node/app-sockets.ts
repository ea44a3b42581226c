/** Applications beside one node: each has a socket of its own, and a part of the keys that it cannot leave. */
import { z } from 'zod'

/** One application. */
export interface AppSocket {
  /** For people, and unique. */
  readonly name: string
  /** An absolute path; mode 0600 in a directory of mode 0700. */
  readonly socket: string
  /** What all its keys begin with in the state; it neither sees nor writes this part. Ends in a slash. */
  readonly prefix: string
  readonly rights: 'read' | 'read-write'
}

/** Few words of few letters: what one prefix holds can then be told by eye, and no spelling means another. */
const prefixPattern = /^([a-z0-9-]+\/)+$/

const appSocket = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,32}$/),
  socket: z.string().startsWith('/').max(107),
  // The rules of `own/` name nodes, not applications.
  prefix: z
    .string()
    .max(128)
    .regex(prefixPattern)
    .refine(prefix => !prefix.startsWith('own/')),
  rights: z.enum(['read', 'read-write']),
})

export const appSocketsShape: z.ZodType<readonly AppSocket[]> = z.array(appSocket).max(16)

/** Whether each application has its own name, socket and part of the keys. */
export function areApart(apps: readonly AppSocket[]): boolean {
  return apps.every((app, i) =>
    apps
      .slice(i + 1)
      .every(
        other =>
          app.name !== other.name &&
          app.socket !== other.socket &&
          !app.prefix.startsWith(other.prefix) &&
          !other.prefix.startsWith(app.prefix),
      ),
  )
}

/** The JSON that a flag or a variable holds; what is none is left for the shape to refuse. */
export function appSocketsOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse throws SyntaxError and nothing else.
    return text
  }
}
