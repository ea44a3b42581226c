/** The command line of the testnet with real nodes; the whole of `testnet check` is a step of its own. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const run = promisify(execFile)

test('testnet check prints one JSON document and exits 0 when the promises that it tried held', async () => {
  const only = 'mutual-attestation,convergence,wrong-measurement-refused,no-plaintext-on-wire'
  const args = ['testnet', 'check', '--nodes', '3', '--json', '--only', only]
  const { stdout, stderr } = await run(process.execPath, [main, ...args])
  const report = JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] }
  expect(report, stderr).toMatchObject({ ok: true, nodes: 3, seconds: expect.any(Number) })
  expect(report.checks.map(check => check.name).sort()).toEqual(only.split(',').sort())
  expect(report.checks.every(check => check.ok && check.detail.length > 0)).toBe(true)
})

test('commands that ask a testnet say that none runs, with the exit status for it', async () => {
  const args = ['testnet', 'status', '--dir', '/nonexistent/testnet']
  await expect(run(process.execPath, [main, ...args])).rejects.toMatchObject({
    code: 4,
    stderr: expect.stringContaining('TESTNET_NOT_RUNNING'),
  })
})
