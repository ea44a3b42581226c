/** Multiaddrs as texts, and what a failed dial says. */
import type { PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { UsageError } from '../../base/errors.ts'
import { codeOfMessage } from './attested-noise.ts'

/** @throws {UsageError} `BAD_ADDRESS` if it is not a multiaddr. */
export function parseAddress(address: string): Multiaddr {
  try {
    return multiaddr(address)
  } catch (cause) {
    throw new UsageError('BAD_ADDRESS', `${address} is not a multiaddr`, {
      next: 'write it like /ip4/192.0.2.1/tcp/9600',
      cause,
    })
  }
}

/** The address with the peer id behind it. */
export function withPeer(address: Multiaddr, peer: PeerId): string {
  const text = address.toString()
  return text.includes('/p2p/') ? text : `${text}/p2p/${peer.toString()}`
}

/** The code of a failed dial, however deep libp2p wrapped it. */
export function dialCode(error: unknown): string {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  for (const each of errors) {
    const code = each instanceof Error ? codeOfMessage(each.message) : undefined
    if (code !== undefined) return code
  }
  return errors.length > 0 && errors.every(isRefusedByMachine) ? 'DIAL_REFUSED' : 'UNREACHABLE'
}

/**
 * Whether the machine at the other end said that nobody is there: it refused the connection, or (a relay, a port
 * forwarder) took it and ended it before a byte of the handshake came. Silence is something else, and so are a
 * stranger's answer and a timeout of this node: all of them reach here as the same error, told apart by its text.
 */
function isRefusedByMachine(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return true
  return error.name === 'EncryptionFailedError' && endedUnheard.test(error.message)
}

/**
 * What libp2p 3.3.11 says of a stream that ended, was reset, or was destroyed while its first byte was awaited; the
 * last has no text of its own. The upgrader keeps nothing of an error but its message. A test with real sockets
 * holds each of them.
 */
const endedUnheard = /closed while reading 0\/1 bytes$|^read ECONNRESET$|^Encryption failed$/
