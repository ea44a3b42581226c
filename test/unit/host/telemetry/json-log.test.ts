import { expect, test } from 'vitest'
import { Secret } from '../../../../src/base/secret.ts'
import { openLog } from '../../../../src/host/telemetry/json-log.ts'

function recorded(isTTY = false) {
  const lines: string[] = []
  return { lines, sink: { isTTY, write: (line: string) => lines.push(line) } }
}

test('a line is one JSON object with a constant text and its facts beside it', () => {
  const { lines, sink } = recorded()
  const log = openLog({ level: 'info', format: 'auto', sink })
  log.info('peer admitted', { node: 'a', time: 'not the time' })
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] as string)).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    facts: { node: 'a', time: 'not the time' },
    text: 'peer admitted',
  })
})

test('a value under a secret name, or of a type that facts do not have, is not written', () => {
  const { lines, sink } = recorded()
  const log = openLog({ level: 'debug', format: 'json', sink })
  const canary = 'c0ffee'.repeat(5)
  const careless = {
    seed: canary,
    identitySeed: canary,
    token: canary,
    authorization: `Bearer ${canary}`,
    private_key: canary,
    nested: { anything: canary },
    bytes: new TextEncoder().encode(canary),
    secretive: new Secret(new Uint8Array(32)),
    error: new Error(canary),
  }
  log.error('careless', careless as never)
  log.debug('careless', careless as never)
  expect(lines).toHaveLength(2)
  expect(lines.join('')).not.toContain(canary)
  // As a list of numbers; one of them alone is in many a time.
  expect(lines.join('')).not.toContain([...new TextEncoder().encode(canary)].slice(0, 4).join(','))
  expect(lines[0]).toContain('"seed":"[secret]"')
})

test('the level changes while the log is open', () => {
  const { lines, sink } = recorded()
  const log = openLog({ level: 'warn', format: 'json', sink })
  log.info('unheard')
  log.level = 'debug'
  log.debug('heard')
  expect(log.level).toBe('debug')
  expect(lines.map(line => JSON.parse(line).text)).toEqual(['heard'])
})

test('a terminal gets one short line in which a fact cannot move the cursor or forge a line', () => {
  const { lines, sink } = recorded(true)
  const log = openLog({ level: 'info', format: 'auto', sink })
  log.warn('peer refused', {
    node: '12D3KooWGzBZrV1fLEaHKYhmCFUYMGVTjnwXRHpXyXVrjJGKQyzA',
    address: '\u001b[2J\nERROR forged',
  })
  const line = lines[0] as string
  expect(line).toContain('peer refused')
  expect(line).toContain('12D3KooW…KQyzA'.replace('KQyzA', 'GKQyzA'))
  expect(line).not.toContain('\u001b[2J')
  expect(line.trimEnd()).not.toContain('\n')
})

test('long facts and lists are cut, so that no line grows without bound', () => {
  const { lines, sink } = recorded()
  const log = openLog({ level: 'info', format: 'json', sink })
  log.info('much', { text: 'x'.repeat(100_000), many: Array.from({ length: 1000 }, () => 'y') })
  expect((lines[0] as string).length).toBeLessThan(2000)
})
