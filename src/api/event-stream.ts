/** Server-sent events (WHATWG HTML §9.2): written by the server, read by the client. */
import { HostError } from '../base/errors.ts'
import { answerOfError } from './errors.ts'

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

/** A comment now and then, so that a dead connection is noticed and no proxy closes a quiet one. */
const beatSpan = 15_000

/** How long a reader waits before it resumes, in milliseconds. */
const retryWait = 1000

function spelled({ id, event, data }: ServerEvent): string {
  const lines = [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...data.split('\n').map(line => `data: ${line}`),
  ]
  return `${lines.join('\n')}\n\n`
}

/**
 * A response body that takes the next event only when the reader took the last one: a slow reader makes the
 * source wait, and the source's own bound decides what happens then. An error of the source is told as an
 * `error` event. `end` is called exactly once.
 */
export function eventStream(
  source: AsyncIterator<ServerEvent>,
  end: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let beat: ReturnType<typeof setInterval> | undefined
  const finish = (): void => {
    clearInterval(beat)
    end()
  }
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(`retry: ${retryWait}\n\n`))
      beat = setInterval(() => {
        // No comment behind what is still unread: a reader that never reads must not grow the queue.
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': beat\n\n'))
      }, beatSpan)
    },
    async pull(controller) {
      try {
        const { done, value } = await source.next()
        if (done !== true) {
          controller.enqueue(encoder.encode(spelled(value)))
          return
        }
      } catch (error) {
        const data = JSON.stringify(answerOfError(error).answer)
        controller.enqueue(encoder.encode(spelled({ event: 'error', data })))
      }
      finish()
      controller.close()
    },
    cancel: finish,
  })
}

/**
 * The source, once it had a chance to fail: a source that refuses its arguments does so at its first step, and
 * the caller then gets a status code, on which browsers stop asking, instead of a stream that breaks.
 */
export async function primed<T>(source: AsyncGenerator<T>): Promise<AsyncIterator<T>> {
  const first = source.next()
  await Promise.race([first, new Promise(resolve => setImmediate(resolve))])
  // Whoever drops the stream before reading would leave a later rejection without an owner.
  first.catch(() => {})
  let isFirst = true
  return {
    next: () => {
      if (!isFirst) return source.next()
      isFirst = false
      return first
    },
  }
}

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
