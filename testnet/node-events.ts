/** Follows what the nodes of a testnet tell about themselves. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Answer } from '../src/api/contract.ts'
import { CoterieError } from '../src/base/errors.ts'
import type { NodeSlot, Testnet, TestnetEvent } from './network.ts'

/** Milliseconds until a node that does not answer is asked again. */
const retryWait = 500

/** Hands the events of every node to `tell` until `signal` aborts. Never rejects before. */
export async function followEvents(
  testnet: Testnet,
  tell: (event: TestnetEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(testnet.slots().map(slot => followNode(testnet, slot, tell, signal)))
}

async function followNode(
  testnet: Testnet,
  slot: NodeSlot,
  tell: (event: TestnetEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if (testnet.isRunning(slot)) {
      try {
        for await (const event of slot.api.events(signal)) tell(told(testnet, slot.name, event))
      } catch (error) {
        // The node is starting or stopping, or the connection broke with it: asked again below.
        if (!(error instanceof CoterieError) && !isConnectionError(error) && !signal.aborted)
          throw error
      }
    }
    await wait(retryWait, undefined, { signal }).catch(() => {})
  }
}

function isConnectionError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}

function told(testnet: Testnet, node: string, event: Answer<'events'>): TestnetEvent {
  const facts = Object.entries(event.facts).map(([name, value]) => {
    const text = String(value)
    return `${name}=${testnet.nameOf(text) ?? shorten(text)}`
  })
  return { at: new Date(event.at), node, text: [event.text, ...facts].join('  ') }
}

/** Hashes, and ids of strangers, by their ends. */
function shorten(text: string): string {
  return text.length > 32 ? `…${text.slice(-8)}` : text
}
