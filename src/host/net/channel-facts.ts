import type { Digest, NetworkId } from '../../base/ids.ts'

/** The keys by which one end of a channel is known. */
export interface ChannelSide {
  /** Ed25519, 32 bytes. */
  readonly identity: Uint8Array
  /** X25519 static key of Noise, 32 bytes. */
  readonly noise: Uint8Array
}

/** What both ends of one connection know alike, for its whole life: a binder commits to all of it. */
export interface ChannelFacts {
  readonly network: NetworkId
  /** Full protocol id of the encrypter. */
  readonly protocol: string
  /** Which end this one is. */
  readonly own: 'initiator' | 'responder'
  /** Hash of the manifest that both agreed on when the connection was made. */
  readonly manifest: Digest
  readonly initiator: ChannelSide
  readonly responder: ChannelSide
  /** Noise h, 32 bytes. */
  readonly handshakeHash: Uint8Array
}
