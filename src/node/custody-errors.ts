/** A no of the custody machine as an error: code, facts and next step as they are. */
import { UsageError } from '../base/errors.ts'
import type { CustodyRefusal } from '../protocol/custody/refusals.ts'

export function custodyError({ code, facts, next }: CustodyRefusal): UsageError {
  const why = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  const message = ['Custody refuses this', ...why].join(', ')
  return new UsageError(code, `${message}.`, { next })
}
