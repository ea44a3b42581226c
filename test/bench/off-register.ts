/**
 * Goal G13: loaded before a worker, puts twins without effect in the place of what protects gossip and state. Production
 * has no such switch; here the loader of modules is the port, as it is where a browser gets its own cryptography.
 */
import { registerHooks } from 'node:module'

const source = new URL('../../src/', import.meta.url).href
const twins = new Map(
  [
    ['crypto/aead.node.ts', 'off-aead.ts'],
    ['crypto/sign.node.ts', 'off-sign.ts'],
    ['wire/replay-window.ts', 'off-replay-window.ts'],
  ].map(([real = '', twin = '']) => [source + real, new URL(twin, import.meta.url).href]),
)
const twinUrls = new Set(twins.values())

registerHooks({
  resolve: (specifier, context, next) => {
    const found = next(specifier, context)
    const twin = twins.get(found.url)
    // A twin may stand on the real one.
    if (twin === undefined || twinUrls.has(context.parentURL ?? '')) return found
    return { ...found, url: twin }
  },
})
