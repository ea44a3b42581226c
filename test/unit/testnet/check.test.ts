import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { runChecks } from '../../../testnet/check.ts'

const options = { nodes: 3, keep: false, json: true }
const fake = fileURLToPath(new URL('../../fakes/node-process.ts', import.meta.url))

const said: string[] = []
const say = (line: string) => said.push(line)

afterEach(() => {
  // A failure keeps its folder for whoever looks into it.
  const kept = said.splice(0).find(line => line.startsWith('files and logs: '))
  if (kept !== undefined) rmSync(kept.slice('files and logs: '.length), { recursive: true })
})

/** The promises that a report must name. */
const promised = [
  'discovery-from-one-bootstrap',
  'mutual-attestation',
  'wrong-measurement-refused',
  'wrong-network-refused',
  'debug-refused',
  'expired-evidence-refused',
  'replayed-evidence-refused',
  'relayed-evidence-refused',
  'simulated-refused-by-production-policy',
  'light-client-confined',
  'convergence',
  'roots-equal',
  'crash-detected',
  'restart-rejoins',
  'partition-heals',
  'no-plaintext-on-wire',
  'no-plaintext-inside-links',
  'removed-node-excluded',
  'no-secret-in-logs',
]

test('nodes that do not start break every promise: what cannot be tried has failed', async () => {
  const report = await runChecks({ ...options, program: ['-e', 'process.exit(1)'] }, say)
  expect(report.ok).toBe(false)
  expect(report.checks.map(check => check.name).sort()).toEqual(promised.toSorted())
  expect(report.checks.filter(check => check.ok)).toEqual([])
  expect(report.checks[0]?.detail).toContain('NODE_FAILED')
})

test('nodes that believe each other without evidence break the promise of attestation', async () => {
  const only = 'discovery-from-one-bootstrap,mutual-attestation'
  const report = await runChecks({ ...options, only, program: [fake] }, say)
  expect(report.checks.map(({ name, ok }) => ({ name, ok }))).toEqual([
    { name: 'discovery-from-one-bootstrap', ok: true },
    { name: 'mutual-attestation', ok: false },
  ])
  expect(report).toMatchObject({ ok: false, nodes: 3 })
})

test('an unknown name is an error that lists the known ones, not an empty success', async () => {
  const run = runChecks({ ...options, only: 'no-such-check' }, say)
  await expect(run).rejects.toMatchObject({
    code: 'UNKNOWN_CHECK',
    next: expect.stringContaining('partition-heals'),
  })
})
