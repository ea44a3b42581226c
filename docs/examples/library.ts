/**
 * A node in this process, which is how an application inside a TEE uses the state.
 *
 *     node docs/examples/library.ts <data directory made by coterie init>
 */
import { createNode } from 'coterie'

const [dataDir = ''] = process.argv.slice(2)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const node = await createNode({ dataDir, preset: 'local', found: true, foundWait: 0 as never })
await node.start()
try {
  // Alone there is nobody to hold a copy. With other members leave `ack` out: one more then holds the write.
  const ack = 'local'
  const stop = new AbortController()
  const changes = node.state.watch({ prefix: 'greetings/', signal: stop.signal })
  const first = changes[Symbol.asyncIterator]().next()

  await node.state.set('greetings/en', bytes('hello'), { ack })
  const greeting = node.state.get('greetings/en')
  if (greeting?.kind === 'register') console.log('get', text(greeting.value))

  const change = await first
  if (change.done !== true) console.log('watch', change.value.key)
  stop.abort()

  await node.state.increment('visits', 2, { ack })
  await node.state.increment('visits', 3, { ack })
  const visits = node.state.get('visits')
  if (visits?.kind === 'counter') console.log('counter', visits.value.toString())
} finally {
  await node.stop()
}
