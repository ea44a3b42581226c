/**
 * Preloaded into a process of a testnet (`node --import`) whose health is measured: writes what only the inside
 * of a process knows to the file named in the query of this module's URL, every second.
 *
 * With `gc` in the query the heap is collected before it is measured, now and then: what is left is what is kept.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { VitalSigns } from './vitals.ts'

const query = new URL(import.meta.url).searchParams
const path = query.get('file') ?? ''
const interval = 1_000
/** Measurements between two collections: a full one stops the process for some 20 ms. */
const collectEvery = 15
const resolution = 10

const lag = monitorEventLoopDelay({ resolution })
/** Milliseconds of a processor between two looks, one look each `resolution` at most. */
let works: number[] = []
let usedBefore = threadUsed()
const collect = query.has('gc') ? exposedCollector() : undefined
let count = 0
let heapKept = 0

function exposedCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

/** Milliseconds of a processor that the thread of the event loop has used; before Node 23.9, that all threads have. */
function threadUsed(): number {
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage()
  return (user + system) / 1_000
}

/** A turn of the loop lasts longer where the machine has other work, but takes no more of a processor. */
function look(): void {
  const used = threadUsed()
  works.push(used - usedBefore)
  usedBefore = used
}

function write(): void {
  // Read before the collection, which is this module's own doing.
  const lagMs = { p50: delay(50), p99: delay(99), max: Math.max(0, lag.max / 1e6 - resolution) }
  const workMaxMs = Math.max(0, ...works)
  works = []
  if (collect !== undefined && count++ % collectEvery === 0) {
    collect()
    heapKept = process.memoryUsage().heapUsed
  }
  const { rss, heapUsed } = process.memoryUsage()
  const open = Object.groupBy(process.getActiveResourcesInfo(), kind => kind)
  const resources = Object.fromEntries(
    Object.entries(open).map(([kind, each]) => [kind, each?.length ?? 0]),
  )
  const at = Date.now()
  const { user, system } = process.cpuUsage()
  const cpuMs = Math.round((user + system) / 1_000)
  const signs: VitalSigns = {
    ...{ pid: process.pid, at, rss, heapUsed, heapKept, lagMs, workMaxMs, cpuMs, resources },
  }
  lag.reset()
  writeFileSync(`${path}.tmp`, JSON.stringify(signs), { mode: 0o600 })
  renameSync(`${path}.tmp`, path)
}

/** The histogram counts the sampling interval itself as delay. */
function delay(percentile: number): number {
  return Math.max(0, lag.percentile(percentile) / 1e6 - resolution)
}

lag.enable()
setInterval(look, resolution).unref()
setInterval(write, interval).unref()
