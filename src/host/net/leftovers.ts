/**
 * Timers that libp2p and gossipsub leave running when they are stopped, each of which keeps its process alive for
 * up to a second and then works on what is closed (libp2p 3.3.11: the debounced update of the address manager;
 * gossipsub 17.1.1: the heartbeat, whose handle `stop` drops with the status that holds it). Both are private, so
 * what is not there any more is passed over, and a test watches a stopped process.
 */
import type { Libp2p } from '@libp2p/interface'
import type { Services } from './libp2p-node.ts'

/** Stops a node and then what it forgot. */
export async function stopWhole(libp2p: Libp2p<Services>): Promise<void> {
  const status = field(libp2p.services.gossip, 'status')
  const update = field(field(field(libp2p, 'components'), 'addressManager'), updateName)
  await libp2p.stop()
  const heartbeat = field(status, 'heartbeatTimeout')
  if (heartbeat instanceof Object) clearTimeout(heartbeat as NodeJS.Timeout)
  const stopUpdate = field(update, 'stop')
  if (typeof stopUpdate === 'function') stopUpdate()
}

const updateName = '_updatePeerStoreAddresses'

function field(of: unknown, name: string): unknown {
  return of instanceof Object ? Reflect.get(of, name) : undefined
}
