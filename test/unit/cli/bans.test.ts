/** `coterie peers ban`, `unban`, and where bans are shown, against a served node. */
import { expect, test } from 'vitest'
import { coterie } from '../../fixtures/command-line.ts'
import { served } from '../api/served.ts'

test('a ban names whom, how long and why; tables and why show it; the end of an id is enough', async () => {
  const { url, node } = await served()
  const other = node.members().find(({ self }) => !self)?.node ?? ''
  const args = ['peers', 'ban', other.slice(-8), '--for', '2h', '--reason', 'floods us']
  const made = await coterie([...args, '--url', url, '--json'])
  expect([made.code, JSON.parse(made.out)]).toMatchObject([0, { subject: other, code: 'BY_HAND' }])
  expect(node.banned).toMatchObject([{ subject: other, seconds: 7_200, reason: 'floods us' }])
  const shown = await coterie(['peers', '--url', url])
  expect(shown.out).toMatch(/banned .* until 2030-01-01T01:00:00, BY_HAND: floods us/)
  const why = await coterie(['peers', 'why', other.slice(-8), '--url', url])
  expect(why.out).toContain('BY_HAND: floods us')
  const json = await coterie(['peers', '--url', url, '--json'])
  expect(JSON.parse(json.out).bans).toHaveLength(2)
})

test('unban says whether there was a ban, by its exit code too', async () => {
  const { url, node } = await served()
  const other = node.members().find(({ self }) => !self)?.node ?? ''
  expect(await coterie(['peers', 'unban', other, '--url', url])).toMatchObject({
    code: 0,
    out: 'The ban is over.\n',
  })
  expect((await coterie(['peers', 'unban', node.id, '--url', url])).code).toBe(1)
})

test('nobody is banned by a name that means none or several, or for a time without a unit', async () => {
  const { url, node } = await served()
  for (const [args, code] of [
    [['ban', 'nobody'], 'NO_SUCH_PEER'],
    [['ban', ''], 'AMBIGUOUS_PEER'],
    [['ban', node.id, '--for', '10'], 'BAD_SPAN'],
    [['ban', node.id, '--for', '0s'], 'BAD_SPAN'],
    [['ban', node.id, '--for', '31d'], 'BAD_BODY'],
  ] as const) {
    const refused = await coterie(['peers', ...args, '--url', url, '--json'])
    expect([refused.code, JSON.parse(refused.err).error.code]).toEqual([2, code])
  }
  expect(node.banned).toEqual([])
})
