/** The law of imports. The first table is the architecture; docs/ARCHITECTURE.md draws it. */
import { isBuiltin } from 'node:module'
import { type Import, importsOf, lineOf, resolveImport, type Tree, visit } from './tree.ts'

const ground = ['base', 'crypto', 'wire', 'attestation'] as const

/** Each room may import the rooms named here, and itself. A room without a row is an offence. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  crypto: ['base'],
  wire: ['base', 'crypto'],
  attestation: ['base', 'crypto', 'wire'],
  light: ground,
  protocol: ground,
  // Leaves: what one of them knows of another, the shell tells it.
  'protocol/liveness': [...ground, 'protocol'],
  'protocol/replica': [...ground, 'protocol'],
  'protocol/membership': [...ground, 'protocol'],
  'protocol/checkpoints': [...ground, 'protocol'],
  'protocol/custody': [...ground, 'protocol'],
  'protocol/audit': ground,
  host: ground,
  node: [
    ...ground,
    'protocol',
    'protocol/liveness',
    'protocol/replica',
    'protocol/membership',
    'protocol/checkpoints',
    'protocol/custody',
    'protocol/audit',
    'host',
  ],
  api: [...ground, 'host', 'node'],
  // Pages in a browser: of the API its contract alone, see `forbidsInside`.
  web: ['base', 'api'],
  // Decides nothing of its own: it shows what a light client found.
  'web/verify': [...ground, 'light'],
  // A record is judged without a node.
  cli: [...ground, 'protocol/audit', 'light', 'host', 'node', 'api'],
  // Of pages: what they ask of a desk.
  testnet: [...ground, 'light', 'host', 'node', 'api', 'web'],
  index: [...ground, 'host', 'node', 'api'],
  'light-libp2p': ['host'],
}

/** Rooms that may touch the operating system and the network. */
const worldly = new Set(['host', 'api', 'cli', 'testnet'])
/** Rooms where time and chance are arguments: they run in the simulator and, but for `node`, in a browser. */
const isPure = (room: string): boolean =>
  !worldly.has(room) && room !== 'index' && !/^web/.test(room)
/** What a page reads of the API: shapes as types, and how events are read. The rest would bring the server along. */
const webReads = /^src\/api\/(look|event-reader)\.ts$/
/** What a testnet reads of a page: the types of its questions. */
const testnetReads = 'src/web/dashboard/desk.ts'

/** Which rooms may import a package: the first row that fits decides, and a package without a row is an offence. */
const packageRows: readonly (readonly [RegExp, RegExp])[] = [
  [
    /^(@libp2p\/|@chainsafe\/libp2p|libp2p$|@multiformats\/|multiformats|it-|uint8array)/,
    /^host\/net\//,
  ],
  // Noise is handed its own key and curve by the attested wrapper.
  [/^@noble\//, /^(crypto|host\/net)\//],
  [/^@scure\/base$/, /^(base|crypto|wire|attestation|light|host|api|cli|web)\//],
  [/^(shamir-secret-sharing$|@scure\/bip39($|\/))/, /^crypto\//],
  [/^canonicalize$/, /^attestation\//],
  // Built into the page, and no part of what is installed with the package.
  [/^(preact|uplot|cytoscape)($|\/)/, /^web\//],
  [/^zod$/, /^(attestation|node|host|api|cli|testnet)\//],
  [/^(hono|@hono\/node-server)($|\/)/, /^api\//],
  [/^commander$/, /^cli\//],
  [/^pino$/, /^host\/telemetry\//],
  [/^prom-client$/, /^host\/(telemetry|net)\//],
  [/^classic-level$/, /^host\/store\//],
]

/** What programs import by name: each re-exports and holds nothing. */
const faces: ReadonlySet<string> = new Set([
  'src/index.ts',
  'src/attestation.ts',
  'src/light.ts',
  'src/light-libp2p.ts',
])

/** The room of a path under `src` or `testnet`; `null` for anything else. */
export function roomOf(path: string): string | null {
  const [first, second, third, ...rest] = path.split('/')
  if (first === 'testnet') return 'testnet'
  if (first !== 'src' || second === undefined) return null
  if (third === undefined) return second.replace(/\.ts$/, '')
  if (second === 'web' && third === 'verify') return 'web/verify'
  return second === 'protocol' && rest.length > 0 ? `protocol/${third}` : second
}

/** Every import of `tree` that the law forbids, as `path -> target: reason`. */
export function importOffences(tree: Tree): readonly string[] {
  return [...tree].flatMap(([path, text]) => {
    const room = roomOf(path)
    if (room === null) return []
    if (mayImport[room] === undefined) return [`${path}: the room ${room} is not in the law`]
    return importsOf(path, text).flatMap(({ target, kind }) => {
      if (target === null) return [`${path} -> (computed): an import names its target`]
      const reason = forbids({ path, room, target, kind })
      return reason === undefined ? [] : [`${path} -> ${target}: ${reason}`]
    })
  })
}

interface Crossing {
  readonly path: string
  readonly room: string
  readonly target: string
  readonly kind: Import['kind']
}

function forbids(crossing: Crossing): string | undefined {
  const { path, room, target } = crossing
  const inside = resolveImport(path, target)
  if (target.startsWith('#') && room !== 'crypto') return 'twins are chosen in crypto only'
  if (inside.length > 0) {
    return inside.map(to => forbidsInside(crossing, to)).find(reason => reason !== undefined)
  }
  if (isBuiltin(target)) {
    if (!target.startsWith('node:')) return 'built-in modules are written with node:'
    const isNative = room === 'crypto' && path.endsWith('.node.ts')
    return worldly.has(room) || isNative ? undefined : 'only worldly rooms touch node:'
  }
  const row = packageRows.find(([names]) => names.test(target))
  if (row === undefined) return 'this package has no row in the law'
  return row[1].test(path.replace(/^src\//, ''))
    ? undefined
    : 'this room may not import this package'
}

function forbidsInside({ path, room, target, kind }: Crossing, to: string): string | undefined {
  if (target.startsWith('.') && !/\.tsx?$/.test(target)) return 'relative imports carry .ts'
  const other = roomOf(to)
  if (other === null) return 'only src and testnet are imported'
  if (faces.has(to)) return 'nothing imports the public face'
  if (other === room) return undefined
  if (other === 'testnet') {
    const isItsCommand = /^src\/cli\/commands\/testnet[^/]*\.ts$/.test(path)
    return isItsCommand && kind === 'dynamic'
      ? undefined
      : 'only its command loads testnet, at run time'
  }
  // A testnet is made of real processes: it starts the command line as people do.
  const isProcess = room === 'testnet' && kind === 'started' && to === 'src/cli/main.ts'
  if (isProcess) return undefined
  if (!mayImport[room]?.includes(other)) return `${room} does not import ${other}`
  if (room === 'web' && other === 'api' && !webReads.test(to)) return 'pages read the contract'
  if (other === 'web' && to !== testnetReads)
    return 'what a page asks of a desk is all there is to read'
  if (room === 'node' && other === 'host' && !to.endsWith('/port.ts')) {
    return 'node sees host through its ports'
  }
  return undefined
}

/** Import cycles of `tree`, types included, each as the paths along it. A process that is started is no import. */
export function importCycles(tree: Tree): readonly string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const trail: string[] = []
  const walk = (path: string): void => {
    const start = trail.indexOf(path)
    if (start >= 0) cycles.push([...trail.slice(start), path].join(' -> '))
    const text = tree.get(path)
    if (start >= 0 || done.has(path) || text === undefined) return
    trail.push(path)
    for (const { target, kind } of importsOf(path, text)) {
      if (target === null || kind === 'started') continue
      for (const to of resolveImport(path, target)) walk(to)
    }
    trail.pop()
    done.add(path)
  }
  for (const path of tree.keys()) walk(path)
  return cycles
}

const worldlyCalls = /^(setTimeout|setInterval|setImmediate|queueMicrotask|fetch)$/
const worldlyObjects = /^(process|performance|console|Buffer|localStorage|globalThis|crypto)$/

/** Uses of the clock, of chance and of other globals of the world in rooms that are handed them. */
export function purityOffences(tree: Tree): readonly string[] {
  return [...tree].flatMap(([path, text]) => {
    const room = roomOf(path)
    const isTwin = /^src\/crypto\/[^/]+\.(node|web)\.ts$/.test(path)
    if (room === null || !isPure(room) || isTwin) return []
    const offences: string[] = []
    const offend = (start: number, what: string): void => {
      offences.push(`${path}:${lineOf(text, start)}: ${what} is an argument here`)
    }
    visit(path, text, {
      CallExpression: ({ callee, start }) => {
        if (callee.type !== 'Identifier') return
        // The shell may put a turn off to the end of the current one: order, not time.
        if (room === 'node' && callee.name === 'queueMicrotask') return
        if (worldlyCalls.test(callee.name)) offend(start, callee.name)
      },
      NewExpression: ({ callee, arguments: given, start }) => {
        const isNow = callee.type === 'Identifier' && callee.name === 'Date' && given.length === 0
        if (isNow) offend(start, 'the time')
      },
      MemberExpression: ({ object, property, start }) => {
        if (object.type !== 'Identifier') return
        const name = property.type === 'Identifier' ? property.name : ''
        const full = `${object.name}.${name}`
        if (full === 'Date.now' || full === 'Math.random' || worldlyObjects.test(object.name)) {
          offend(start, full)
        }
      },
    })
    return offences
  })
}
