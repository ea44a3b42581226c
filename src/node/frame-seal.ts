import type { NodeId } from '../base/ids.ts'

/** Protocols whose frames carry state and are sealed under the traffic key besides the link. */
export type SealedProtocol = 'sync' | 'ack'

/** Seals and opens frames of member streams under the traffic key in force. */
export interface FrameSeal {
  /** `undefined` while no key is usable. */
  seal(protocol: SealedProtocol, payload: Uint8Array): Uint8Array | undefined
  /** Calls `use` with the sealed frame, now or once a key is usable; oldest frames are let go beyond a bound. */
  whenSealable(
    protocol: SealedProtocol,
    payload: Uint8Array,
    use: (sealed: Uint8Array) => void,
  ): void
  /** `undefined` if the key is not held (it is then asked for) or anything was changed. */
  open(protocol: SealedProtocol, frame: Uint8Array, from: NodeId): Uint8Array | undefined
}
