import { spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const launcher = fileURLToPath(new URL('../../../src/cli/bin/coterie.cjs', import.meta.url))

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** An installed package: the launcher, a stand-in for the modern code, perhaps a Node of its own. */
function installed(options: { readonly node?: string } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-launcher-'))
  folders.push(folder)
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
    chmodSync(join(folder, path), 0o755)
  }
  mkdirSync(join(folder, 'dist/bin'), { recursive: true })
  copyFileSync(launcher, join(folder, 'dist/bin/coterie.cjs'))
  write('dist/bin/run.cjs', `console.log('modern', ...process.argv.slice(2)); process.exit(7)`)
  write(
    'old.cjs',
    `Object.defineProperty(process.versions, 'node', { value: process.env.AS_NODE })`,
  )
  if (options.node !== undefined) {
    const name = `node_modules/node-${process.platform}-${process.arch}`
    write(`${name}/package.json`, '{}')
    write(`${name}/bin/node`, options.node)
  }
  return folder
}

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly output: string
}

/** Runs the launcher as a Node of version `as` would; `onOutput` may send it a signal. */
function launch(
  folder: string,
  as: string,
  onOutput: (kill: (signal: NodeJS.Signals) => void) => void = () => {},
): Promise<Ended> {
  const script = join(folder, 'dist/bin/coterie.cjs')
  const child = spawn(
    process.execPath,
    ['-r', join(folder, 'old.cjs'), script, 'status', '--json'],
    {
      env: { ...process.env, AS_NODE: as },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  const read = (chunk: Buffer): void => {
    output += chunk.toString()
    onOutput(signal => child.kill(signal))
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  return new Promise(resolve => {
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}

test.each(['22.12.0', '22.30.1', '24.0.0', '100.1.0'])(
  'Node %s runs the command line itself',
  async as => {
    const ended = await launch(installed(), as)
    expect(ended).toEqual({ code: 7, signal: null, output: 'modern status --json\n' })
  },
)

test.each(['22.11.9', '20.20.2', '4.9.1', '0.12.18'])(
  'Node %s hands over to the Node that came with the package, arguments and exit code included',
  async as => {
    const folder = installed({ node: '#!/bin/sh\nshift; echo "own node $*"; exit 5\n' })
    const ended = await launch(folder, as)
    expect(ended).toEqual({ code: 5, signal: null, output: 'own node status --json\n' })
  },
)

test('without such a Node one sentence says what is missing, and the exit code is 2', async () => {
  const ended = await launch(installed(), '20.20.2')
  expect(ended.code).toBe(2)
  expect(ended.output).toBe(
    'coterie needs Node 22.12 or later, this is 20.20.2, and no package ' +
      `node-${process.platform}-${process.arch} is installed beside it.\n`,
  )
})

test('a signal reaches the process that does the work, and its exit code comes back', async () => {
  const node =
    '#!/bin/sh\ntrap "echo stopped; exit 3" TERM\necho ready\nwhile :; do sleep 0.05; done\n'
  let isSent = false
  const ended = await launch(installed({ node }), '20.0.0', kill => {
    if (!isSent) kill('SIGTERM')
    isSent = true
  })
  expect(ended).toEqual({ code: 3, signal: null, output: 'ready\nstopped\n' })
})

test('any Node can read the launcher: it is written in the syntax of 2009', () => {
  const code = readFileSync(launcher, 'utf8').replace(/\/\/.*$/gm, '')
  expect(code).not.toMatch(/=>|`|\b(const|let|class|async|await|import|export)\b|\.\.\.|\?\.|\?\?/)
})
