/**
 * Reads of a stream no faster than they are used. What libp2p makes of a stream for its pipes takes whatever comes into a list
 * without end; this pauses the stream while too much waits, and the muxer's window stops the sender.
 */
import type { Stream, StreamMessageEvent } from '@libp2p/interface'

type Chunk = StreamMessageEvent['data']

/** As much of a stream as a reader needs. Without events: libp2p's pipes would listen to those and never ask for more. */
export interface PacedStream extends AsyncIterable<Chunk>, Pick<Stream, 'close' | 'abort'> {}

/**
 * `stream` for one reader, held back while more than `bytesMax` bytes wait to be read. What the muxer's window lets through
 * meanwhile, the stream keeps itself.
 */
export function paced(stream: Stream, bytesMax: number): PacedStream {
  return {
    [Symbol.asyncIterator]: () => chunksOf(stream, bytesMax),
    close: options => stream.close(options),
    abort: error => stream.abort(error),
  }
}

async function* chunksOf(stream: Stream, bytesMax: number): AsyncGenerator<Chunk> {
  if (stream.readStatus !== 'readable' && stream.readStatus !== 'paused') return
  const waiting: Chunk[] = []
  let bytes = 0
  let end: { readonly error: Error | undefined } | undefined
  let changed = Promise.withResolvers<void>()
  const holdBack = (): void => {
    if (bytes > bytesMax && stream.readStatus === 'readable') stream.pause()
  }
  let isResuming = false
  const onMessage = ({ data }: { readonly data: Chunk }): void => {
    waiting.push(data)
    bytes += data.byteLength
    if (!isResuming) holdBack()
    changed.resolve()
  }
  // What gathered comes while the stream resumes. Paused in the middle of it, a stream would open its window all the same.
  const resume = (): void => {
    isResuming = true
    stream.resume()
    isResuming = false
    holdBack()
  }
  const onEnd = (event: { readonly error?: Error }): void => {
    end ??= { error: event.error }
    changed.resolve()
  }
  const onRemoteEnd = (): void => onEnd({})
  stream.addEventListener('message', onMessage)
  stream.addEventListener('close', onEnd)
  stream.addEventListener('remoteCloseWrite', onRemoteEnd)
  try {
    for (;;) {
      const chunk = waiting.shift()
      if (chunk !== undefined) {
        bytes -= chunk.byteLength
        // Before the end of the stream is believed.
        if (waiting.length === 0 && stream.readStatus === 'paused') resume()
        yield chunk
        continue
      }
      if (end?.error !== undefined) throw end.error
      if (end !== undefined) return
      await changed.promise
      changed = Promise.withResolvers()
    }
  } finally {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('close', onEnd)
    stream.removeEventListener('remoteCloseWrite', onRemoteEnd)
  }
}
