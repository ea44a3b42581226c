/**
 * One Noise XX channel and the facts that attestation binds to. The only file that knows the Noise package.
 * Why this package under this name: docs/decisions/0007-noise-package.md.
 */
import type {
  ComponentLogger,
  Logger,
  MessageStream,
  Metrics,
  PeerId,
  PrivateKey,
  SecureConnectionOptions,
  StreamMuxerFactory,
  Upgrader,
} from '@libp2p/interface'
import { type ICryptoInterface, noise } from '@libp2p/noise'
import { asCrypto, nodeCrypto } from '@libp2p/noise/crypto'
import { HandshakeCrypto, type NoiseStatic } from './noise-crypto.ts'

/** What libp2p lends to an encrypter. */
export interface ChannelComponents {
  readonly privateKey: PrivateKey
  readonly peerId: PeerId
  readonly logger: ComponentLogger
  readonly upgrader: Upgrader
  readonly metrics?: Metrics
}

/** A channel whose both ends proved their peer ids, and nothing else yet. */
export interface NoiseChannel {
  readonly stream: MessageStream
  readonly remotePeer: PeerId
  /** The muxer negotiated within the handshake: must be handed on, or one side waits for the other. */
  readonly streamMuxer: StreamMuxerFactory | undefined
  /** Noise h (rev 34 §11.2), 32 bytes: equal at both ends, new for each connection. */
  readonly handshakeHash: Uint8Array
  /** The other side's static key, 32 bytes. */
  readonly remoteStatic: Uint8Array
}

/** What one handshake is made of. */
export interface ChannelRequest {
  readonly role: 'initiator' | 'responder'
  readonly prologue: Uint8Array
  readonly own: NoiseStatic
  readonly options: SecureConnectionOptions
}

type Cipher = Pick<ICryptoInterface, 'chaCha20Poly1305Encrypt' | 'chaCha20Poly1305Decrypt'>

/**
 * ChaCha20-Poly1305 is the package's: WebAssembly for small messages, native for large ones. Differs from its
 * own choice in the border, which lies at 1,200 bytes there (measured: 10 µs beside 17 µs for 1,400 bytes,
 * 20 µs beside 18 µs for 3,000): a proof of the handshake lies between the two.
 */
const smallCipherBytes = 2_048

const cipher: Cipher = {
  chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) => {
    const { chaCha20Poly1305Encrypt } =
      plaintext.byteLength < smallCipherBytes ? asCrypto : nodeCrypto
    return chaCha20Poly1305Encrypt(plaintext, nonce, ad, key)
  },
  chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, key, into) => {
    const { chaCha20Poly1305Decrypt } =
      ciphertext.byteLength < smallCipherBytes ? asCrypto : nodeCrypto
    return chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, into)
  },
}

const logs = new WeakMap<ComponentLogger, Logger>()

/** The package asks for a logger at each handshake, and libp2p's own costs two system calls to make. */
function withOneLog(components: ChannelComponents): ChannelComponents {
  const { privateKey, peerId, upgrader, metrics } = components
  const log = logs.get(components.logger) ?? components.logger.forComponent('coterie:noise')
  logs.set(components.logger, log)
  const logger = { forComponent: () => log }
  return { privateKey, peerId, logger, upgrader, ...(metrics === undefined ? {} : { metrics }) }
}

/**
 * Runs Noise_XX_25519_ChaChaPoly_SHA256 over `stream`.
 *
 * @throws {Error} `UnexpectedPeerError` for another peer than asked for, `InvalidCryptoExchangeError` for
 * another prologue or changed bytes, and the stream's errors.
 */
export async function openNoiseChannel(
  components: ChannelComponents,
  stream: MessageStream,
  request: ChannelRequest,
): Promise<NoiseChannel> {
  const arithmetic = new HandshakeCrypto(request.own)
  const encrypter = noise({
    crypto: { ...arithmetic, ...cipher },
    prologueBytes: request.prologue,
    // Only a handle: the arithmetic holds the key.
    staticNoiseKey: new Uint8Array(0),
  })(withOneLog(components))
  const secured =
    request.role === 'initiator'
      ? await encrypter.secureOutbound(stream, request.options)
      : await encrypter.secureInbound(stream, request.options)
  return {
    stream: secured.connection,
    remotePeer: secured.remotePeer,
    streamMuxer: secured.streamMuxer,
    handshakeHash: arithmetic.handshakeHash,
    remoteStatic: arithmetic.remoteStatic,
  }
}
