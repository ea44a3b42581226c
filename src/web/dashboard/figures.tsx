import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import type { Look } from '../../api/look.ts'
import { Card } from './card.tsx'
import { historySpan, type RatePoint, type Watched } from './model.ts'
import { colour, useScheme, useWidth } from './theme.ts'
import { type Bucket, bucketsOf, shortHash, timeText } from './views.ts'

const chartHeight = 190

export function RatesCard({ watched, look }: { readonly watched: Watched; readonly look: Look }) {
  const { writesPerSecond, deliveriesPerSecond } = look.status.state
  const label = `Now ${writesPerSecond} writes and ${deliveriesPerSecond} deliveries a second; the last two minutes are drawn.`
  return (
    <Card id="rates" title="Writes and deliveries a second" aside="last two minutes">
      <RateChart points={watched.rates} label={label} />
      <ul class="legend">
        <li class="key-writes">writes made here: {writesPerSecond.toFixed(1)}</li>
        <li class="key-deliveries">changes of others merged: {deliveriesPerSecond.toFixed(1)}</li>
      </ul>
    </Card>
  )
}

function RateChart({
  points,
  label,
}: {
  readonly points: readonly RatePoint[]
  readonly label: string
}) {
  const frame = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | null>(null)
  const width = useWidth(frame)
  const scheme = useScheme()
  useEffect(() => {
    if (frame.current === null || width === 0) return
    chart.current = new uPlot(optionsOf(width), dataOf(points), frame.current)
    return () => {
      chart.current?.destroy()
      chart.current = null
    }
  }, [width, scheme])
  useEffect(() => {
    const last = points.at(-1)?.at ?? 0
    chart.current?.batch(() => {
      chart.current?.setData(dataOf(points), false)
      chart.current?.setScale('x', { min: last - historySpan, max: last })
      const most = Math.max(
        1,
        ...points.map(({ writes, deliveries }) => Math.max(writes, deliveries)),
      )
      chart.current?.setScale('y', { min: 0, max: most * 1.1 })
    })
  }, [points, width, scheme])
  return <div ref={frame} class="chart" role="img" aria-label={label} />
}

function dataOf(points: readonly RatePoint[]): uPlot.AlignedData {
  return [
    points.map(({ at }) => at),
    points.map(({ writes }) => writes),
    points.map(({ deliveries }) => deliveries),
  ]
}

function optionsOf(width: number): uPlot.Options {
  const axis = {
    stroke: colour('faint'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
    font: '12px system-ui, sans-serif',
  }
  return {
    width,
    height: chartHeight,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true, auto: false }, y: { auto: false } },
    axes: [
      {
        ...axis,
        space: 90,
        values: (_, ticks) => ticks.map(at => timeText(new Date(at * 1000).toISOString())),
      },
      { ...axis, size: 44 },
    ],
    series: [
      {},
      { stroke: colour('accent'), width: 2, points: { show: false } },
      { stroke: colour('good'), width: 2, dash: [6, 4], points: { show: false } },
    ],
  }
}

export function LatencyCards({
  watched,
  look,
}: {
  readonly watched: Watched
  readonly look: Look
}) {
  const rotations = watched.rotations.toReversed()
  return (
    <>
      <Card id="latency" title="Writes acknowledged within" aside="since the start">
        <Bars
          buckets={bucketsOf(look.vitals.writes)}
          none="No write was made on this node yet."
          unit="writes"
        />
      </Card>
      <Card id="appraisals" title="Attestations appraised within" aside="since the start">
        <Bars
          buckets={bucketsOf(look.vitals.appraisals)}
          none="No evidence was appraised here yet."
          unit="appraisals"
        />
      </Card>
      <Card id="keys" title="Traffic keys" aside="newest first, UTC">
        {rotations.length === 0 ? (
          <p class="empty">No traffic key is held.</p>
        ) : (
          <ol class="events">
            {rotations.map(({ at, isFirst, key }) => (
              <li key={key}>
                <time dateTime={at}>{timeText(at)}</time>
                <span>
                  <code>{shortHash(key)}</code>{' '}
                  {isFirst ? 'was in force when this page opened' : 'took over'}
                </span>
              </li>
            ))}
          </ol>
        )}
      </Card>
    </>
  )
}

/** A histogram as a list: its bars are the decoration, its words the content. */
function Bars({
  buckets,
  none,
  unit,
}: {
  readonly buckets: readonly Bucket[]
  readonly none: string
  readonly unit: string
}) {
  if (buckets.length === 0) return <p class="empty">{none}</p>
  const most = Math.max(...buckets.map(({ count }) => count))
  return (
    <ul class="bars">
      {buckets.map(({ label, count }) => (
        <li key={label}>
          <span class="bar-label">{label}</span>
          <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
            <rect width={(count / most) * 100} height="10" />
          </svg>
          <span class="bar-count">
            {count} <span class="unseen">{unit}</span>
          </span>
        </li>
      ))}
    </ul>
  )
}
