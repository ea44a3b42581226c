/**
 * What a peer speaks, noted once.
 *
 * For each stream that either side opens, libp2p merges the stream's protocol into the peer's record: the record is
 * read, every address in it parsed, written, and parsed again (libp2p 3.3.11, connection.ts; peer-store 12, store.ts).
 * Questions are streams, and a node that many are in doubt about is asked hundreds of times in a second: of 25 nodes
 * on two cores each spent a fifth of its time on noting what the record said already.
 */
import type { Libp2p, Peer, PeerData } from '@libp2p/interface'
import { after, type Clock, type Instant, minutes } from '../../base/time.ts'

/** A record that nobody touches for long expires (6 h, peer-store): until then it is touched often enough. */
const notedFor = minutes(10)

interface Note {
  readonly until: Instant
  readonly peer: Peer
}

/** Lets a merge that adds one protocol through once in ten minutes while the peer is connected, and every other merge always. */
export function noteProtocolsOnce(
  libp2p: Pick<Libp2p, 'peerStore' | 'addEventListener' | 'getConnections'>,
  clock: Clock,
): void {
  const { peerStore } = libp2p
  const notes = new Map<string, Map<string, Note>>()
  const merge = peerStore.merge.bind(peerStore)
  peerStore.merge = async (id, data, options) => {
    const protocol = protocolAlone(data)
    if (protocol === undefined) return await merge(id, data, options)
    const name = id.toString()
    const now = clock.monotonic()
    const known = notes.get(name)?.get(protocol)
    if (known !== undefined && now < known.until) return known.peer
    const peer = await merge(id, data, options)
    if (libp2p.getConnections(id).length === 0) return peer
    const ofPeer = notes.get(name) ?? new Map<string, Note>()
    notes.set(name, ofPeer.set(protocol, { until: after(now, notedFor), peer }))
    return peer
  }
  libp2p.addEventListener('peer:disconnect', event => void notes.delete(event.detail.toString()))
}

/** The protocol, if a merge adds that one and nothing else. */
function protocolAlone({ protocols, ...others }: PeerData): string | undefined {
  const isAlone = Object.values(others).every(value => value === undefined)
  return isAlone && protocols?.length === 1 ? protocols[0] : undefined
}
