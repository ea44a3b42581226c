/** The metrics of a real node, and the dashboard and alerts that are built on them. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { active, clientOf, dataDir, started } from '../fixtures/node-process.ts'
import { expressionsOf, namesIn } from '../law/monitoring.ts'
import { top } from '../law/tree.ts'

async function scraped(): Promise<string> {
  const data = await dataDir('testnet')
  const run = started(data)
  const { http } = await run.ready
  const client = clientOf(http, data)
  await active(client)
  await client.set('k', { text: 'canary-value-of-the-state' }, { ack: 'local' })
  const response = await fetch(`${http}/metrics`)
  expect(response.headers.get('content-type')).toContain('text/plain')
  return await response.text()
}

test('a real node tells what the dashboard and the alerts ask, and no id, key or value', async () => {
  const text = await scraped()
  const names = new Set([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '']) => name))
  for (const page of ['docs/monitoring/dashboard.json', 'docs/monitoring/alerts.json']) {
    const asked = expressionsOf(JSON.parse(readFileSync(top + page, 'utf8'))).flatMap(namesIn)
    expect(asked.length, page).toBeGreaterThan(5)
    // A histogram is asked for by its parts.
    const missing = asked.filter(
      name => !names.has(name) && !names.has(name.replace(/_(bucket|sum|count)$/, '')),
    )
    expect(missing, page).toEqual([])
  }
  for (const name of names) {
    expect(name).toMatch(/^(coterie|libp2p|nodejs|process)_[a-z0-9_]+$/)
  }
  for (const name of [...names].filter(name => name.startsWith('coterie_'))) {
    const [, kind] = new RegExp(`^# TYPE ${name} (\\w+)$`, 'm').exec(text) ?? []
    expect(name.endsWith('_total'), name).toBe(kind === 'counter')
    expect(name, name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb|percent)(_|$)/)
  }
  expect(names).toContain('libp2p_data_transfer_bytes_total')
  expect(text).not.toMatch(/12D3KooW|canary-value|[{,]key=/)
})

test('an unknown metric in an expression would be found, functions and labels are none', () => {
  const expression =
    'sum by (reason) (rate(coterie_net_peer_disconnects_total{reason!="BYE"}[5m])) > on() up_x / 2'
  expect(namesIn(expression)).toEqual(['coterie_net_peer_disconnects_total', 'up_x'])
  expect(expressionsOf({ panels: [{ targets: [{ expr: 'a' }] }], rules: [{ expr: 'b' }] })).toEqual(
    ['a', 'b'],
  )
})
