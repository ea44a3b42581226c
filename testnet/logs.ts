import { InvariantError } from '../src/base/errors.ts'

export type LogsOptions = {
  node?: string
  dir?: string
  follow: boolean
  lines: number
  json: boolean
}

/** Answers the exit status. */
export async function logs(options: LogsOptions): Promise<number> {
  throw new InvariantError(`logs is being built: ${Object.keys(options)}`)
}
