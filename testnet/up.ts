import { InvariantError } from '../src/base/errors.ts'

export type UpOptions = {
  nodes: number
  basePort?: number
  dir?: string
  fresh: boolean
  plain: boolean
}

/** Answers the exit status. */
export async function up(options: UpOptions): Promise<number> {
  throw new InvariantError(`up is being built: ${Object.keys(options)}`)
}
