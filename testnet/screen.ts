/**
 * Draws lines in place on a terminal, without flicker: each line is overwritten and only its rest erased, and
 * terminals that know it show the frame at once (synchronised output, mode 2026). Colours obey `NO_COLOR`.
 */
import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import type { Line, Tone } from './view.ts'

const csi = '\x1b['
const hideCursor = `${csi}?25l`
const showCursor = `${csi}?25h`
const beginFrame = `${csi}?2026h`
const endFrame = `${csi}?2026l`
const eraseRestOfLine = `${csi}K`
const eraseBelow = `${csi}J`

type TextFormat = Parameters<typeof styleText>[0]

const formats: Readonly<Record<Tone, TextFormat | undefined>> = {
  plain: undefined,
  title: 'bold',
  alarm: ['bold', 'inverse', 'red'],
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  faint: 'dim',
}

/** What of a terminal the screen needs. */
export type Terminal = Pick<WriteStream, 'write' | 'columns' | 'rows' | 'isTTY'>

export class Screen {
  readonly #terminal: Terminal & NodeJS.WritableStream
  #drawn = 0

  constructor(terminal: Terminal & NodeJS.WritableStream) {
    this.#terminal = terminal
  }

  /** How many lines cut: the cursor rests below the last one. */
  get rows(): number {
    return Math.max(1, (this.#terminal.rows || 24) - 1)
  }

  /** Replaces what was drawn before. */
  draw(lines: readonly Line[]): void {
    const columns = this.#terminal.columns || 80
    const shown = lines.slice(0, this.rows)
    const text = shown
      .map(line => `${paint(cut(line, columns), this.#terminal)}${eraseRestOfLine}\n`)
      .join('')
    const back = this.#drawn > 0 ? `${csi}${this.#drawn}A` : ''
    this.#terminal.write(`${beginFrame}${hideCursor}${back}\r${text}${eraseBelow}${endFrame}`)
    this.#drawn = shown.length
  }

  /** After a resize nobody knows where the old lines went: begins anew on an empty screen. */
  clear(): void {
    this.#terminal.write(`${csi}2J${csi}H`)
    this.#drawn = 0
  }

  /** Leaves the last frame where it is and gives the cursor back. Idempotent. */
  close(): void {
    this.#terminal.write(showCursor)
    this.#drawn = 0
  }
}

/** A line cut to `columns` characters: a wrapped line would break the count of lines. */
export function cut(line: Line, columns: number): Line {
  let left = columns
  return line.map(({ text, tone }) => {
    const characters = [...text].slice(0, left)
    left -= characters.length
    return { text: characters.join(''), tone }
  })
}

/** Text with the csi codes that `stream` can show. */
export function paint(line: Line, stream: NodeJS.WritableStream): string {
  return line
    .map(({ text, tone }) => {
      const format = formats[tone]
      return format === undefined || text === '' ? text : styleText(format, text, { stream })
    })
    .join('')
}
