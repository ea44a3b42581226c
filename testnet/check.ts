import { InvariantError } from '../src/base/errors.ts'

export type CheckOptions = { nodes: number; only?: string; keep: boolean; json: boolean }

/** Answers the exit status. */
export async function check(options: CheckOptions): Promise<number> {
  throw new InvariantError(`check is being built: ${Object.keys(options)}`)
}
