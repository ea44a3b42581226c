/** One figure of ours beside the twin's, measured alternating in one run; medians of the rounds. */
export interface RatioLine {
  /** Name of the goal that it belongs to. */
  readonly goal: string
  readonly name: string
  readonly nodes: number
  readonly ours: number
  readonly plain: number
  readonly ratio: number
  readonly bound: string
  /** `null`: the twin was not measured. */
  readonly met: boolean | null
}

/** The line for people. */
export function formatLine(line: RatioLine): string {
  const title = `${line.goal} ${line.nodes} nodes, ${line.name}`
  if (line.met === null) {
    return `${title}: ours ${round(line.ours)}, twin not measured (${line.bound})`
  }
  const verdict = line.met ? 'met' : 'MISSED'
  const figures = `ours ${round(line.ours)}, plain ${round(line.plain)}, ratio ${round(line.ratio)}`
  return `${title}: ${figures} (${line.bound}: ${verdict})`
}

/** Whether `ratio` keeps its bound; `null` when it is no number because one side was not measured. */
export function verdictOf(
  ratio: number,
  { isAtLeast, bound }: { readonly isAtLeast: boolean; readonly bound: number },
): boolean | null {
  if (Number.isNaN(ratio)) return null
  return isAtLeast ? ratio >= bound : ratio <= bound
}

function round(value: number): string {
  return value.toPrecision(3)
}
