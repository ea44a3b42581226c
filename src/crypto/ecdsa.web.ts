/** ECDSA verification by the arithmetic at hand. */
import { holds } from './arithmetic.ts'
import type { PointSigned } from './ecdsa-algorithms.ts'

/** Whether it holds; a point that is not on the curve signed nothing. */
export function verifyPoint(signed: PointSigned): boolean {
  return holds({ kind: 'ecdsa', ...signed })
}
