import canonicalize from 'canonicalize'
import { InvariantError } from '../base/errors.ts'

/**
 * JSON in the one spelling of RFC 8785 (JCS).
 *
 * @throws {InvariantError} for what is not JSON: callers parse first.
 */
export function canonicalJson(value: object): string {
  const text = canonicalize(value)
  if (text === undefined) throw new InvariantError('only JSON values have a canonical form')
  return text
}
