/** One line of `doctor`. */
import { CoterieError } from '../base/errors.ts'

/** `unknown`: it could not be found out. */
export interface Finding {
  readonly name: string
  readonly result: 'ok' | 'warn' | 'fail' | 'unknown'
  readonly text: string
  /** Empty where nothing is to be done. */
  readonly next: string
}

/** What was found, before it has its name. */
export type Found = Omit<Finding, 'name'>

export const ok = (text: string): Found => ({ result: 'ok', text, next: '' })
export const warn = (text: string, next: string): Found => ({ result: 'warn', text, next })
export const fail = (text: string, next: string): Found => ({ result: 'fail', text, next })

/** An error with its code, so that a person finds it in the table of all codes. */
export function failed(error: unknown, next: string): Found {
  if (!(error instanceof CoterieError)) throw error
  return fail(`${error.code}: ${error.message}`, error.next || next)
}
