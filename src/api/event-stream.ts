/** Server-sent events (WHATWG HTML §9.2), as the server writes them. */
import { answerOfError } from './errors.ts'
import type { ServerEvent } from './event-reader.ts'

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
 *
 * Of a `slow` reader, which takes nothing for `patience` milliseconds, `cutOff` ends the connection.
 */
export function eventStream(
  source: AsyncIterator<ServerEvent>,
  end: () => void,
  slow?: { readonly patience: number; readonly cutOff: () => void },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let beat: ReturnType<typeof setInterval> | undefined
  let cutOff: ReturnType<typeof setTimeout> | undefined
  let isEnded = false
  const finish = (): void => {
    clearInterval(beat)
    clearTimeout(cutOff)
    if (!isEnded) end()
    isEnded = true
  }
  const beginPatience = (): void => {
    if (slow === undefined) return
    cutOff = setTimeout(() => {
      finish()
      slow.cutOff()
    }, slow.patience)
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
      clearTimeout(cutOff)
      try {
        const { done, value } = await source.next()
        if (isEnded) return
        if (done !== true) {
          controller.enqueue(encoder.encode(spelled(value)))
          beginPatience()
          return
        }
      } catch (error) {
        if (isEnded) return
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
