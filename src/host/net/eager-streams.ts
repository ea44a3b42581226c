/**
 * Streams that are used before the other side has agreed to their protocol.
 *
 * multistream-select costs a round trip for each stream: name, echo, then the first byte of use. Here the name goes out
 * alone and use follows at once; the echo is read off when an answer is (go-multistream's `NewMSSelect`, lazy since
 * 2014: the bytes are the same, so either side may do without). A member that does not speak the protocol answers `na`,
 * and nothing it was sent was meant for anybody else.
 *
 * Through the option of a muxer that is made for it (`CreateStreamOptions.protocol`, @libp2p/interface 3.3.0): a muxer
 * that returns a stream with its protocol set spares it libp2p's own negotiation.
 */
import type { Stream, StreamMuxerFactory } from '@libp2p/interface'
import type { LengthPrefixedStream } from '@libp2p/utils'
import { concatBytes, fromUtf8, utf8 } from '../../base/bytes.ts'
import { HostError } from '../../base/errors.ts'
import { inOnePiece } from './noise-crypto.ts'

const negotiation = '/multistream/1.0.0'

/** Whether streams of this protocol are opened and read by `streams.ts`, which knows of the echo. */
function isEager(protocol: string): boolean {
  return /^\/coterie\/(?:ask\/|tell\/|step-up\/)/.test(protocol)
}

type MakeMuxer<Components> = (components: Components) => StreamMuxerFactory

/** The same muxer, its own streams of member protocols named at once. */
export function eager<Components>(make: MakeMuxer<Components>): MakeMuxer<Components> {
  return components => {
    const factory = make(components)
    return {
      protocol: factory.protocol,
      createStreamMuxer(channel) {
        const muxer = factory.createStreamMuxer(channel)
        const createStream = muxer.createStream.bind(muxer)
        muxer.createStream = async options => {
          const stream = await createStream(options)
          const protocol = options?.protocol
          if (protocol !== undefined && isEager(protocol)) {
            stream.protocol = protocol
            stream.send(concatBytes(lineOf(negotiation), lineOf(protocol)))
          }
          return stream
        }
        return muxer
      },
    }
  }
}

/**
 * Reads the echo off a stream that this side opened; before its first frame.
 *
 * @throws {HostError} `PROTOCOL_UNKNOWN` if the other side does not speak the protocol.
 */
export async function readEcho(
  frames: LengthPrefixedStream<Stream>,
  protocol: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const expected of [negotiation, protocol]) {
    const line = fromUtf8(inOnePiece(await frames.read(signal === undefined ? {} : { signal })))
    if (line !== `${expected}\n`) {
      throw new HostError('PROTOCOL_UNKNOWN', `the other side does not speak ${protocol}`)
    }
  }
}

/** A line of multistream-select: its length in one byte, for names are short, and a newline. */
function lineOf(name: string): Uint8Array {
  const line = utf8(`${name}\n`)
  return concatBytes(Uint8Array.of(line.length), line)
}
