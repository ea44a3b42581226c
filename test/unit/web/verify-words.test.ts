import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NodeView } from '../../../src/light/report.ts'
import {
  answerOf,
  answerOfNode,
  campsOf,
  commandOf,
  contentText,
  disagree,
  tally,
} from '../../../src/web/verify/words.ts'

test('simulated hardware never reads as trusted', () => {
  const words = (['trusted', 'refused', 'undetermined'] as const).map(verdict =>
    answerOf({ verdict, simulated: true }),
  )
  expect(words.map(({ word }) => word)).toEqual([
    'Simulated, not protected',
    'Refused',
    'Undetermined',
  ])
  expect(words.map(({ tone }) => tone)).not.toContain('good')
  expect(answerOfNode({ verdict: 'trusted', platform: 'simulated' }).word).toMatch(/^Simulated/)
  expect(answerOfNode({ verdict: 'trusted', platform: 'tdx' }).word).toBe('Trusted')
  expect(answerOf({ verdict: 'trusted', simulated: false })).toEqual({
    tone: 'good',
    word: 'Trusted',
  })
})

test('a tally says what failed and what was not asked', () => {
  const check = (outcome: 'pass' | 'fail' | 'skipped') => ({ id: 'a', outcome })
  expect(tally([check('pass'), check('pass')])).toBe('all 2 checks passed')
  expect(tally([check('pass'), check('fail'), check('skipped')])).toBe(
    '1 passed, 1 failed, 1 not asked',
  )
})

const node = (source: string, cut: string, root: string): NodeView =>
  ({ source, head: { cut, root, signers: [] } }) as unknown as NodeView

test('nodes that committed to one state stand together; different states of one moment are a disagreement', () => {
  const nodes = [node('a', '1', 'x'), node('b', '1', 'y'), node('c', '1', 'y')]
  const camps = campsOf(nodes)
  expect(camps.map(({ sources }) => sources)).toEqual([['b', 'c'], ['a']])
  const differing = (count: number) => ({ fields: { differing: count } }) as NodeView
  expect(disagree([differing(0), differing(1)])).toBe(true)
  expect(disagree([differing(0), { fields: null }])).toBe(false)
  expect(campsOf([{ source: 'a', head: null } as unknown as NodeView])).toEqual([])
})

const encoded = (text: string): string => Buffer.from(text).toString('base64')

test('a value is shown as text where it is text, and what could paint over the page as Base64', () => {
  expect(contentText({ kind: 'register', value: encoded('grüße') })).toBe('grüße')
  expect(contentText({ kind: 'register', value: '/w==' })).toBe('/w== (Base64)')
  for (const trick of ['a\u202egnp.exe', 'a\nb', '\u0000']) {
    expect(contentText({ kind: 'register', value: encoded(trick) })).toMatch(/ \(Base64\)$/)
  }
  expect(contentText({ kind: 'set', elements: [encoded('a'), encoded('b')] })).toBe('a\nb')
  expect(contentText({ kind: 'counter', value: '12' })).toBe('12')
  expect(contentText(null)).toMatch(/nothing/)
})

test('the command says to a shell exactly what was asked, whatever the key holds', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter(key => !key.includes('\0')),
      key => {
        const asked = { link: "coterie:00/11?node='x", sources: ['http://a:1', 'http://b:2'], key }
        const command = commandOf(asked).replace(/^coterie /, '')
        const words = execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' })
        const from = ['--from', 'http://a:1', '--from', 'http://b:2']
        const due = ['light', 'get', key, ...from, '--link', asked.link]
        expect(words).toBe(`${due.join('\0')}\0`)
      },
    ),
    { numRuns: 50 },
  )
})
