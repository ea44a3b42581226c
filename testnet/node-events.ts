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
        for await (const event of slot.api.events(signal)) tell(told(slot.name, event))
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

function told(node: string, event: Answer<'events'>): TestnetEvent {
  const facts = Object.entries(event.facts).map(([name, value]) => `${name}=${shorten(value)}`)
  return { at: new Date(event.at), node, text: [event.text, ...facts].join('  ') }
}

/** Ids and hashes by their ends, as people compare them. */
function shorten(value: string | number | boolean | null): string {
  const text = String(value)
  return text.length > 32 ? `…${text.slice(-8)}` : text
}
