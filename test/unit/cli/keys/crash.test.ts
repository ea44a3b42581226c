/** A holder's program that dies: at no moment does it make two quorum keys of one name and nonce approved. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { coterie } from '../../../fixtures/command-line.ts'
import { codeIn, decryptShare, holderDesk, journalOf } from '../../../fixtures/holder-desk.ts'

const killer = fileURLToPath(new URL('../../../fixtures/killed-at.ts', import.meta.url))

/** Steps of `decrypt-share` that reach the disk or standard output: the test finds the last by running it whole. */
const stepsMax = 20

test('killed before any write, a holder has approved one key of two, or none, and the other never after', {
  timeout: 600_000,
}, async () => {
  const counts = { before: 0, after: 0 }
  for (let at = 1; at <= stepsMax; at++) {
    const desk = await holderDesk(2)
    const [first, second] = [await desk.genesis(), await desk.genesis({}, 'second.json')]
    const own = ['--key', desk.keys[0] ?? '', '--manifest', desk.manifest, '--yes']
    const environment = { NODE_OPTIONS: `--import ${killer}`, KILLED_AT: String(at) }
    const killed = await coterie(['keys', 'decrypt-share', first.file, ...own], environment)
    if (killed.code === 0) {
      expect(counts.before).toBeGreaterThan(1)
      expect(counts.after).toBeGreaterThan(3)
      return
    }
    // By the signal, and nothing left the program.
    expect([killed.code, killed.out]).toEqual([null, ''])
    const other = await decryptShare(desk, second.file)
    const same = await decryptShare(desk, first.file)
    const isDecided = other.code !== 0
    expect([other.code, same.code]).toEqual(isDecided ? [1, 0] : [0, 1])
    expect(codeIn(isDecided ? other.err : same.err)).toBe('SECOND_QUORUM_KEY')
    expect(
      journalOf(desk.keys[0] ?? '').filter(({ code }) => code === 'SECOND_QUORUM_KEY'),
    ).toHaveLength(1)
    counts[isDecided ? 'after' : 'before']++
  }
  throw new Error('there are fewer steps')
})

test('of two programs that run at once on two keys, one is refused', async () => {
  const desk = await holderDesk(2)
  const both = [await desk.genesis(), await desk.genesis({}, 'second.json')]
  const ended = await Promise.all(both.map(({ file }) => decryptShare(desk, file)))
  expect(ended.map(({ code }) => code).toSorted()).toEqual([0, 1])
  const loser = ended.find(({ code }) => code === 1)
  expect([codeIn(loser?.err ?? ''), loser?.out]).toEqual(['SECOND_QUORUM_KEY', ''])
})
