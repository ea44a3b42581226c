import { useEffect, useRef } from 'preact/hooks'
import type { Look } from '../../api/look.ts'
import { Card } from './card.tsx'
import { beatSpan, type Watched } from './model.ts'
import { colour, useScheme, useWidth } from './theme.ts'
import { nameOf, toneOf } from './views.ts'

interface Lane {
  readonly name: string
  readonly state: string
  /** Milliseconds before now. */
  readonly ages: readonly number[]
}

const nameWidth = 84
const axisHeight = 20
/** As high as the chart beside it, unless there are many. */
const lanesHeight = 190

/** A line for each other member and a stroke for each of its beats: a rhythm that breaks is seen at once. */
export function HeartbeatsCard({
  watched,
  look,
}: {
  readonly watched: Watched
  readonly look: Look
}) {
  const lanes = lanesOf(watched, look)
  const laneHeight = Math.max(13, Math.min(42, Math.floor(lanesHeight / Math.max(1, lanes.length))))
  const height = lanes.length * laneHeight + axisHeight
  const canvas = useRef<HTMLCanvasElement>(null)
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
  const scheme = useScheme()
  useEffect(() => {
    const { current } = canvas
    if (current === null || width === 0) return
    paint(current, lanes, { width, height, laneHeight })
  }, [look, width, height, scheme])
  const label = lanes
    .map(({ name, state, ages }) => `${name}: ${ages.length} beats, ${state}`)
    .join('; ')
  return (
    <Card id="heartbeats" title="Heartbeats" aside="accepted in the last minute">
      {lanes.length === 0 ? (
        <p class="empty">No other member is heard.</p>
      ) : (
        <div ref={frame}>
          <canvas ref={canvas} role="img" aria-label={`Beats of the last minute. ${label}.`} />
        </div>
      )}
    </Card>
  )
}

function lanesOf(watched: Watched, look: Look): readonly Lane[] {
  const { uptimeMs } = look.vitals
  return look.members
    .filter(({ self }) => !self)
    .map(({ node, state }) => ({
      name: nameOf(watched, node),
      state,
      ages: (watched.beats.get(node) ?? []).map(at => uptimeMs - at),
    }))
    .toSorted((left, right) => left.name.localeCompare(right.name, 'en', { numeric: true }))
}

interface Sizes {
  readonly width: number
  readonly height: number
  readonly laneHeight: number
}

function paint(
  canvas: HTMLCanvasElement,
  lanes: readonly Lane[],
  { width, height, laneHeight }: Sizes,
): void {
  const context = canvas.getContext('2d')
  if (context === null) return
  const scale = devicePixelRatio
  canvas.width = width * scale
  canvas.height = height * scale
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  context.scale(scale, scale)
  context.font = '12px system-ui, sans-serif'
  context.textBaseline = 'middle'
  const right = width - 6
  const xOf = (age: number): number => right - (age / beatSpan) * (right - nameWidth)
  for (const [i, { name, state, ages }] of lanes.entries()) {
    const y = (i + 0.5) * laneHeight
    context.fillStyle = colour('line')
    context.fillRect(nameWidth, y - 0.5, right - nameWidth, 1)
    context.fillStyle = colour('ink')
    context.fillText(name, 0, y, nameWidth - 8)
    context.fillStyle = colour(toneOf(state))
    const stroke = Math.max(7, Math.min(24, laneHeight - 6))
    for (const age of ages)
      if (age <= beatSpan) context.fillRect(xOf(age) - 1, y - stroke / 2, 2, stroke)
  }
  context.fillStyle = colour('faint')
  context.textAlign = 'center'
  for (const seconds of width < 520 ? [60, 30] : [60, 45, 30, 15]) {
    context.fillText(
      `${seconds} s ago`,
      Math.max(nameWidth + 22, xOf(seconds * 1000)),
      height - axisHeight / 2,
    )
  }
  context.textAlign = 'right'
  context.fillText('now', right, height - axisHeight / 2)
}
