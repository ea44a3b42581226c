/** The page of the ceremonies, command by command on a testnet, and what it says that people see. */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cliPath } from '../../testnet/network.ts'
import { temporaryFolder } from '../fixtures/command-line.ts'
import { absenceOf, skipsWithout } from '../fixtures/programs.ts'
import { runningTestnet } from '../fixtures/testnet.ts'
import { top } from '../law/tree.ts'

const tools = ['curl', 'jq']
const page = readFileSync(`${top}docs/howto/run-the-ceremonies.md`, 'utf8')

interface Step {
  readonly commands: string
  /** Lines that people see, in this order; `…` stands for anything. */
  readonly shown: readonly string[]
}

/** Blocks of commands, each with the first block of text after it, if one comes before the next commands. */
function stepsOf(text: string): readonly Step[] {
  const found: { commands: string; shown: readonly string[] }[] = []
  for (const [, kind, block = ''] of text.matchAll(/```(sh|text)\n([\s\S]*?)```/g)) {
    const last = found.at(-1)
    if (kind === 'sh') found.push({ commands: block, shown: [] })
    else if (last?.shown.length === 0) last.shown = block.trimEnd().split('\n')
  }
  return found
}

const steps = stepsOf(page)
const mark = '@@ step'

/** Everything that each step wrote, on either output. */
function run(folder: string, basePort: number): Promise<{ code: number | null; said: string[] }> {
  const body = steps.map(({ commands }) => `echo '${mark}'\n${commands}`).join('\n')
  const ports = body.replaceAll(/\b900([0-2])\b/g, (_, index) => String(basePort + Number(index)))
  const coterie = `coterie() { '${process.execPath}' '${cliPath}' "$@"; }`
  const { PATH = '', HOME = '' } = process.env
  const child = spawn('bash', ['-euo', 'pipefail', '-c', `exec 2>&1\n${coterie}\n${ports}`], {
    cwd: folder,
    env: { PATH, HOME, no_proxy: '*' },
  })
  let out = ''
  child.stdout.on('data', data => {
    out += data
  })
  return new Promise(resolve => {
    child.once('close', code => resolve({ code, said: out.split(mark).slice(1) }))
  })
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
const patternOf = (lines: readonly string[]): RegExp =>
  new RegExp(lines.map(line => escaped(line).replaceAll('…', '.*')).join('[^]*?\n'))

test.skipIf(skipsWithout(tools))(
  `every ceremony of the page goes as it says, and shows what it says${absenceOf(tools)}`,
  async () => {
    const { testnet, folder } = await runningTestnet(3)
    const checkout = temporaryFolder()
    const desk = join(checkout, 'rehearsal')
    mkdirSync(desk)
    symlinkSync(folder.path, join(checkout, 'testnet'))
    const { code, said } = await run(desk, testnet.slot(0).httpPort)
    for (const [i, { shown }] of steps.slice(0, said.length).entries()) {
      expect(said[i]).toMatch(patternOf(shown))
    }
    expect([code, said.length]).toEqual([0, steps.length])
    expect(steps.filter(({ shown }) => shown.length > 0).length).toBeGreaterThan(7)
  },
)
