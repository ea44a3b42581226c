/** `npm run -s bench -- <name> [--json]`: one JSON line, or one readable line, for each ratio. */
import { formatLine, type RatioLine } from './ratio-line.ts'

interface Bench {
  readonly run: () => Promise<readonly RatioLine[]>
}

const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  attestation: () => import('./attestation.ts'),
  copies: () => import('./copies.ts'),
  custody: () => import('./custody.ts'),
  dashboard: () => import('./dashboard.ts'),
  delegation: () => import('./delegation.ts'),
  gossip: () => import('./gossip.ts'),
  handshake: () => import('./handshake.ts'),
  join: () => import('./join.ts'),
  light: () => import('./light.ts'),
  kv: () => import('./kv.ts'),
  memory: () => import('./memory.ts'),
  page: () => import('./page.ts'),
  replica: () => import('./replica.ts'),
  signing: () => import('./signing.ts'),
  sync: () => import('./sync.ts'),
}

const [name = '', ...flags] = process.argv.slice(2)
const load = benches[name]
if (load === undefined) {
  console.error(`There is no bench "${name}". Choose one of ${Object.keys(benches).join(', ')}.`)
  process.exit(2)
}
const bench = await load()
for (const line of await bench.run()) {
  console.log(flags.includes('--json') ? JSON.stringify(line) : formatLine(line))
}
process.exit(0)
