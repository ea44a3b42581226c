/** One dial through libp2p, whose progress and failures are told in this network's words. */
import type { Libp2p } from '@libp2p/interface'
import { HostError } from '../../base/errors.ts'
import { type NodeId, nodeId } from '../../base/ids.ts'
import { dialCode, parseAddress } from './addresses.ts'
import type { DialOptions } from './dial-loop.ts'

/**
 * Dials any of these addresses of one node; resolves to who answered.
 *
 * @throws {HostError} with the code of `dialCode`, also at the start of the message.
 */
export async function dialAny(
  libp2p: Pick<Libp2p, 'dial'>,
  addresses: readonly string[],
  { signal, answered }: DialOptions,
): Promise<NodeId> {
  const onProgress = ({ type }: { readonly type: string }): void => {
    if (type === 'upgrader:encrypt-outbound-connection') answered()
  }
  try {
    const connection = await libp2p.dial(addresses.map(parseAddress), { signal, onProgress })
    return nodeId(connection.remotePeer.toString())
  } catch (cause) {
    throw new HostError(dialCode(cause), `${dialCode(cause)}: cannot dial`, { cause })
  }
}
