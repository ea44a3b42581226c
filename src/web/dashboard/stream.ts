/** The page's two connections: looks of its own node, and of the whole testnet by its desk. Each is asked anew when it breaks. */
import { readEvents } from '../../api/event-reader.ts'
import type { Look } from '../../api/look.ts'
import type { DeskAnswer, DeskLook, DeskRequest } from './desk.ts'
import type { News } from './model.ts'

/** Milliseconds until a broken stream is asked for again: longer after each failure, up to the last. */
const retryWaits = [500, 1_000, 2_000, 5_000]
/**
 * Milliseconds without a word after which a stream counts as broken: what stands still keeps its connections open, and a page that
 * goes on calling it live would lie. A node speaks once a second; a desk waits for nodes that do not answer before it speaks.
 */
const silenceMax = { node: 6_000, desk: 40_000 }

/**
 * Tells every look until `signal` aborts. A node that wants a token, or another one, is told as `locked` and not asked again:
 * whoever has a token begins anew.
 */
export async function watchNode(
  tell: (news: News) => void,
  { token, signal }: { readonly token: string; readonly signal: AbortSignal },
): Promise<void> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
  await untilAborted(
    { signal, silence: silenceMax.node },
    async (heard, signal) => {
      const response = await fetch('/v1/look', { headers, signal })
      if (response.status === 401) {
        tell({ kind: 'locked', why: token === '' ? '' : 'TOKEN_REFUSED' })
        return 'over'
      }
      if (response.ok && response.body !== null) {
        for await (const event of readEvents(chunksOf(response.body))) {
          if (event.event === 'error') break
          heard()
          const look: Look = JSON.parse(event.data)
          tell({ kind: 'look', look })
        }
      }
      tell({ kind: 'lost' })
      return 'again'
    },
    () => tell({ kind: 'lost' }),
  )
}

/** Tells the look of the whole testnet until `signal` aborts; `null` while the desk does not answer. */
export async function watchDesk(
  tell: (news: News) => void,
  { desk, signal }: { readonly desk: string; readonly signal: AbortSignal },
): Promise<void> {
  await untilAborted(
    { signal, silence: silenceMax.desk },
    async (heard, signal) => {
      const response = await fetch(`${desk}/looks`, { signal })
      if (response.ok && response.body !== null) {
        for await (const event of readEvents(chunksOf(response.body))) {
          heard()
          const look: DeskLook = JSON.parse(event.data)
          tell({ kind: 'desk', look })
        }
      }
      tell({ kind: 'desk', look: null })
      return 'again'
    },
    () => tell({ kind: 'desk', look: null }),
  )
}

/** Asks for a fault; what the desk answers, its refusals included. */
export async function askDesk(desk: string, request: DeskRequest): Promise<DeskAnswer> {
  try {
    const response = await fetch(`${desk}/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    })
    const answer = await response.json()
    return response.ok ? answer : answer.error
  } catch {
    // The browser says no more than that it failed.
    const message = 'The testnet does not answer.'
    return { code: 'TESTNET_GONE', message, next: 'See whether coterie testnet up still runs.' }
  }
}

/** `attempt` calls what it is given whenever it hears something; it is aborted after a silence, and its next wait is short again. */
async function untilAborted(
  { signal, silence }: { readonly signal: AbortSignal; readonly silence: number },
  attempt: (heard: () => void, signal: AbortSignal) => Promise<'again' | 'over'>,
  failed: () => void,
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    const silent = new AbortController()
    const listen = (): ReturnType<typeof setTimeout> => setTimeout(() => silent.abort(), silence)
    let alarm = listen()
    const heard = (): void => {
      failures = 0
      clearTimeout(alarm)
      alarm = listen()
    }
    try {
      if ((await attempt(heard, AbortSignal.any([signal, silent.signal]))) === 'over') return
    } catch {
      // The network's reasons are the browser's secret: the page can only ask again.
      if (signal.aborted) return
      failed()
    } finally {
      clearTimeout(alarm)
    }
    const wait = retryWaits[Math.min(failures++, retryWaits.length - 1)]
    await new Promise(resolve => setTimeout(resolve, wait))
  }
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Not every browser iterates over a stream by itself.
  const reader = body.getReader()
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value
  } finally {
    // Whoever stops reading hangs up; of a stream that is broken already there is nothing to hang up.
    await reader.cancel().catch(() => undefined)
  }
}
