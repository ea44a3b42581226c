import { InvariantError } from '../src/base/errors.ts'

export interface AskOptions {
  readonly dir?: string
  readonly json: boolean
}

/** Answers the exit status. */
export async function status(options: AskOptions): Promise<number> {
  throw new InvariantError(`status is being built: ${options.dir}`)
}

/** Answers the exit status. */
export async function down(options: AskOptions): Promise<number> {
  throw new InvariantError(`down is being built: ${options.dir}`)
}
