/** What a broken member does to those that let it in. */
import { keyOfNodeId } from '../../src/base/ids.ts'
import type { AskProtocol, TellProtocol } from '../../src/host/net/port.ts'
import { BatchWriter, parseBatch } from '../../src/wire/batch.ts'
import { blankEntry, type EntryView, entryKind, slotBytes } from '../../src/wire/entry.ts'
import { limits } from '../../src/wire/limits.ts'
import type { Attack, Captive } from './captive.ts'

const askProtocols: readonly AskProtocol[] = ['hello', 'removals', 'record', 'key', 'sync']
const tellProtocols: readonly TellProtocol[] = ['ack', 'announce', 'signing']
const gossipTopics = ['delta', 'heartbeat'] as const
const year = 365 * 86_400_000
/** How long one request may take, in milliseconds: the next turn comes anyway. */
const askPatience = 2_000

/** By the name of the behaviour. */
export const memberAttacks: Readonly<Record<string, Attack>> = {
  flood: async captive => {
    for (let each = 0; each < 8; each++) {
      await publish(
        captive,
        'delta',
        forged(captive, entry => entry),
      )
    }
  },
  garbage: async captive => {
    for (const size of [0, 1, 300, 60_000]) {
      await publishRaw(captive, captive.random.bytes(size))
      await publish(captive, 'delta', captive.random.bytes(size))
      await everywhere(captive, captive.random.bytes(size))
    }
  },
  oversize: async captive => {
    for (const size of [limits.gossipBytesMax, limits.gossipBytesMax + 1, 1 << 20]) {
      const bytes = new Uint8Array(size).fill(0x81)
      bytes.set(captive.random.bytes(16))
      await publishRaw(captive, bytes)
      await everywhere(captive, bytes)
      captive.tellGossip(names => ({
        subscriptions: [],
        messages: names.map(topic => ({ topic, data: bytes })),
      }))
    }
  },
  replay: captive => {
    const again = captive.recorded.slice(-200)
    captive.tellGossip(() => ({
      subscriptions: [],
      messages: again.map(({ topic, data }) => ({ topic: nameOf(captive, topic), data })),
    }))
  },
  'future-stamps': captive => {
    return publish(
      captive,
      'delta',
      forged(captive, entry => ({ ...entry, ms: entry.ms + 10 * year })),
    )
  },
  'same-stamp': async captive => {
    for (const value of [captive.random.bytes(8), captive.random.bytes(8)]) {
      const one = forged(captive, entry => ({ ...entry, value, valueStart: 0, valueEnd: 8 }))
      await publish(captive, 'delta', one)
    }
  },
  'forged-slots': captive => publish(captive, 'delta', forgedSlot(captive)),
  'stale-keys': async captive => {
    // A key id comes first in an envelope: nobody knows this one, everybody must decide how long to keep it.
    for (let each = 0; each < 8; each++) {
      const last = captive.recorded.at(-1 - each)
      if (last === undefined) return
      const envelope = last.data.slice()
      envelope.set(captive.random.bytes(32))
      await captive.net.publish(last.topic, envelope)
    }
  },
  ihave: captive => {
    const ids = (count: number) => Array.from({ length: count }, () => captive.random.bytes(20))
    captive.tellGossip(names => ({
      subscriptions: [],
      messages: [],
      control: control({
        ihave: names.map(topicID => ({ topicID, messageIDs: ids(500) })),
        iwant: [{ messageIDs: ids(500) }],
      }),
    }))
  },
  graft: captive => {
    captive.tellGossip(names => ({
      subscriptions: names.map(topic => ({ subscribe: true, topic })),
      messages: [],
      control: control({
        graft: names.map(topicID => ({ topicID })),
        prune: names.map(topicID => ({ topicID, peers: [], backoff: 1 })),
      }),
    }))
  },
}

const control = (given: object): object => ({
  ...{ ihave: [], iwant: [], graft: [], prune: [], idontwant: [] },
  ...given,
})

/** The name on the wire of a topic: both are subscribed, in the order of the contract. */
function nameOf(captive: Captive, topic: (typeof gossipTopics)[number]): string {
  return captive.topicNames()[gossipTopics.indexOf(topic)] ?? ''
}

/** Every request, frame and neighbour with these bytes. */
async function everywhere(captive: Captive, bytes: Uint8Array): Promise<void> {
  const asked = captive.net.connections().flatMap(({ node }) => [
    ...askProtocols.map(protocol => {
      return captive.net.ask(node, protocol, bytes, AbortSignal.timeout(askPatience))
    }),
    ...tellProtocols.map(protocol => captive.net.tell(node, protocol, bytes)),
  ])
  await Promise.allSettled(asked)
}

async function publish(
  captive: Captive,
  topic: (typeof gossipTopics)[number],
  payload: Uint8Array | undefined,
): Promise<void> {
  if (payload === undefined || payload.length > limits.batchBytesMax) return
  const envelope = captive.seal(topic, payload)
  if (envelope !== undefined) await captive.net.publish(topic, envelope)
}

/** Unsealed bytes, past the checks of the own node. */
async function publishRaw(captive: Captive, data: Uint8Array): Promise<void> {
  captive.tellGossip(names => ({
    subscriptions: [],
    messages: names.map(topic => ({ topic, data })),
  }))
}

/** A batch of the node's own, with every entry changed; `undefined` before it wrote. */
function forged(captive: Captive, change: (entry: EntryView) => EntryView): Uint8Array | undefined {
  const payload = captive.sealed.at(-1)
  if (payload === undefined) return undefined
  const batch = parseBatch(payload)
  const writer = new BatchWriter()
  batch.forEach(entry => {
    if (entry.kind !== entryKind.register || entry.isRemoved) return
    writer.add(change({ ...entry, signatureStart: -1 }), 0)
  })
  return writer.count === 0 ? undefined : writer.finish(batch.commitKey, () => new Uint8Array(32))
}

/** A slot of a counter that belongs to a neighbour, under the attacker's signature. */
function forgedSlot(captive: Captive): Uint8Array | undefined {
  const payload = captive.sealed.at(-1)
  const victim = captive.net.connections()[0]?.node
  if (payload === undefined || victim === undefined) return undefined
  const { commitKey, forEach } = parseBatch(payload)
  let ms = 0
  forEach(entry => {
    ms = entry.ms
  })
  const key = new TextEncoder().encode('counter/forged')
  const writer = new BatchWriter()
  const slot: EntryView = {
    ...blankEntry(),
    ...{ kind: entryKind.counter, ms, counter: 0, tagMs: ms, tagAuthor: 1 },
    ...{ key, keyStart: 0, keyEnd: key.length },
    ...{ value: captive.random.bytes(slotBytes), valueStart: 0, valueEnd: slotBytes },
    ...{ signature: captive.random.bytes(64), signatureStart: 0 },
  }
  writer.add(slot, 0)
  return writer.finish(commitKey, () => keyOfNodeId(victim))
}
