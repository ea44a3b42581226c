/** Server-sent events (WHATWG HTML §9.2), as clients read them: programs and pages alike. */
import { HostError } from '../base/errors.ts'

/** One event of a stream. */
export interface ServerEvent {
  /** What `Last-Event-ID` gives back after a break; no line ends. */
  readonly id?: string
  /** `error` carries an `ErrorAnswer` and ends the stream; otherwise `message`. */
  readonly event?: string
  readonly data: string
}

/** Longest event that is read, in UTF-16 units: the largest value in base64, and sets of many. */
const eventLengthMax = 64 * 1024 * 1024

/** The events of a stream of bytes, in order. @throws {HostError} `EVENT_TOO_LARGE`. */
export async function* readEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let pending: string[] = []
  let length = 0
  for await (const chunk of bytes) {
    const text = decoder.decode(chunk, { stream: true })
    length += text.length
    if (length > eventLengthMax) throw new HostError('EVENT_TOO_LARGE', 'An event is too long.')
    pending.push(text)
    // Joined only when an end may have come: a long event costs its length once, not per chunk.
    if (!text.includes('\n')) continue
    const blocks = pending.join('').split('\n\n')
    const rest = blocks.pop() ?? ''
    pending = [rest]
    length = rest.length
    for (const block of blocks) {
      const event = parsed(block)
      if (event !== undefined) yield event
    }
  }
}

function parsed(block: string): ServerEvent | undefined {
  const data: string[] = []
  const fields: { id?: string; event?: string } = {}
  for (const line of block.split('\n')) {
    const value = line.slice(line.indexOf(':') + 1).replace(/^ /, '')
    if (line.startsWith('data:')) data.push(value)
    else if (line.startsWith('id:')) fields.id = value
    else if (line.startsWith('event:')) fields.event = value
  }
  return data.length === 0 ? undefined : { ...fields, data: data.join('\n') }
}
