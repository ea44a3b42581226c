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
  readonly met: boolean
}

/** The line for people. */
export function formatLine(line: RatioLine): string {
  const verdict = line.met ? 'met' : 'MISSED'
  const figures = `ours ${round(line.ours)}, plain ${round(line.plain)}, ratio ${round(line.ratio)}`
  return `${line.goal} ${line.nodes} nodes, ${line.name}: ${figures} (${line.bound}: ${verdict})`
}

function round(value: number): string {
  return value.toPrecision(3)
}
