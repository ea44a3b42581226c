/** How fast a figure grows, and how sure that is. */

export interface Fit {
  /** Per unit of x. */
  readonly slope: number
  /** Standard error of the slope. */
  readonly error: number
}

/** Ordinary least squares of three points or more. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Fit {
  const count = points.length
  const mean = (pick: 0 | 1): number => points.reduce((sum, point) => sum + point[pick], 0) / count
  const [meanX, meanY] = [mean(0), mean(1)]
  let [squares, products] = [0, 0]
  for (const [x, y] of points) {
    squares += (x - meanX) ** 2
    products += (x - meanX) * (y - meanY)
  }
  const slope = products / squares
  const residue = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return { slope, error: Math.sqrt(residue / (count - 2) / squares) }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which a share of all lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
