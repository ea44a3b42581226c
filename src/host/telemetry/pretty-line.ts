/** A JSON log line for the eyes: time of day, level, sentence, facts. */
import { styleText } from 'node:util'
import { z } from 'zod'

const logLine = z.object({
  level: z.string(),
  time: z.string(),
  text: z.string(),
  facts: z.record(z.string(), z.unknown()).default({}),
})

const levelStyles = { error: 'red', warn: 'yellow', info: 'green', debug: 'gray' } as const

/** Control characters, which would let a fact move the cursor or forge a second line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const controls = /[\u0000-\u001f\u007f-\u009f]/g

/** Ids are shortened for people; the JSON form keeps them whole. */
const longId = /\b(12D3KooW)\w{36,}(\w{6})\b/g

/**
 * One line of text with its end. Colours follow `NO_COLOR` and `FORCE_COLOR`. A line that is not ours is
 * passed on as it is.
 */
export function prettyLine(json: string): string {
  const line = logLine.safeParse(JSON.parse(json)).data
  if (line === undefined) return json
  const { level } = line
  const style = isLevel(level) ? levelStyles[level] : 'white'
  const facts = Object.entries(line.facts).map(([name, value]) => `${name}=${shownFact(value)}`)
  const parts = [
    paint('gray', line.time.slice(11, 23)),
    paint(style, level.padEnd(5)),
    line.text,
    paint('gray', facts.join(' ')),
  ]
  return `${parts.join(' ').trimEnd()}\n`
}

function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stderr })
}

function isLevel(level: string): level is keyof typeof levelStyles {
  return Object.hasOwn(levelStyles, level)
}

function shownFact(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const clean = text.replace(controls, '�').replace(longId, '$1…$2')
  return clean.includes(' ') ? JSON.stringify(clean) : clean
}
