/**
 * Reads of a stream no faster than they are used. The iterator of libp2p's streams takes whatever comes into a list
 * without end; this one pauses the stream while too much waits, and the muxer's window stops the sender.
 */
import type { Stream, StreamMessageEvent } from '@libp2p/interface'

type Chunk = StreamMessageEvent['data']

/**
 * Whoever iterates over `stream` from now on holds it back while more than `bytesMax` bytes wait to be read. What the
 * muxer's window lets through meanwhile, the stream keeps itself.
 */
export function paceReads(stream: Stream, bytesMax: number): void {
  Object.defineProperty(stream, Symbol.asyncIterator, { value: () => chunksOf(stream, bytesMax) })
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
