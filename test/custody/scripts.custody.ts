/**
 * The scripts of `testnet/`, run as people run them: the steps with curl and jq that the documents of TEE instances print. Without these
 * programs they are skipped, by name; where COTERIE_CUSTODY is `required` that is a failure.
 */
import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findFreeBase } from '../../testnet/ports.ts'
import { temporaryFolder } from '../fixtures/command-line.ts'
import { absenceOf, programAt, skipsWithout } from '../fixtures/programs.ts'
import { openTestnet } from '../fixtures/testnet.ts'

const tools = ['curl', 'jq']
const isSkipped = skipsWithout(tools)
const absence = absenceOf(tools)

interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs `command` of bash with a folder of its own for everything that it leaves. */
function bash(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  watch: (err: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
): Promise<Run> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn('bash', args, { env: { PATH, HOME, ...environment } })
  let [out, err] = ['', '']
  child.stdout.on('data', data => {
    out += data
  })
  child.stderr.on('data', data => {
    err += data
    watch(err, signal => child.kill(signal))
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, out, err }))
  })
}

/** What a script left behind; npm and Node keep compiled code in the folder for temporary files. */
const leftIn = (folder: string): readonly string[] =>
  readdirSync(folder).filter(name => name !== 'node-compile-cache')

/** Ids of processes that were given this text, the asker not among them. */
function processesNaming(text: string): readonly string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)
      } catch {
        // It ended meanwhile.
        return false
      }
    })
}

/** A `curl` in front of the real one. */
function shimmedCurl(body: string): string {
  const folder = temporaryFolder()
  const path = join(folder, 'curl')
  writeFileSync(path, `#!/bin/bash\nreal=${programAt('curl')}\n${body}\n`, { mode: 0o700 })
  return `${folder}:${process.env['PATH']}`
}

async function own(script: string, environment: Readonly<Record<string, string>> = {}) {
  const TMPDIR = temporaryFolder()
  const BASE_PORT = String(await findFreeBase(3))
  const run = await bash([`testnet/${script}`], { TMPDIR, BASE_PORT, ...environment })
  return { ...run, TMPDIR }
}

test.skipIf(isSkipped)(
  `the chain of three TEEs ends with one seed, and nothing that the script made is readable for others or outlives it${absence}`,
  async () => {
    const log = join(temporaryFolder(), 'exposed')
    const PATH = shimmedCurl(
      `find "$TMPDIR" -mindepth 1 -name node-compile-cache -prune -o -perm /077 -print >>${log}; exec "$real" "$@"`,
    )
    const { code, err, TMPDIR } = await own('test_tee_chain.sh', { PATH })
    expect([code, err]).toEqual([0, expect.stringContaining('All steps held.')])
    expect(readFileSync(log, 'utf8')).toBe('')
    expect(leftIn(TMPDIR)).toEqual([])
    expect(processesNaming(TMPDIR)).toEqual([])
  },
)

test.skipIf(isSkipped)(
  `keys of 2 of 3, 3 of 5 and 7 of 7 come out of exactly so many shares${absence}`,
  async () => {
    const { code, err, TMPDIR } = await own('test_threshold_configurations.sh')
    expect([code, err]).toEqual([0, expect.stringContaining('All steps held.')])
    expect(leftIn(TMPDIR)).toEqual([])
  },
)

let running: Awaited<ReturnType<typeof openTestnet>> | undefined
beforeAll(async () => {
  if (!isSkipped) running = await openTestnet(3)
})
afterAll(() => running?.close())

/** A script on the testnet that runs, with its node `first` as TEE1. */
function onRunning(script: string, first: number): Promise<Run> {
  if (running === undefined) throw new Error('a testnet runs')
  const { testnet, folder } = running
  return bash([`testnet/${script}`], {
    TMPDIR: temporaryFolder(),
    BASE_PORT: String(testnet.slot(first).httpPort),
    COTERIE_TESTNET: folder.path,
  })
}

test.skipIf(isSkipped)(
  `scripts use a testnet that runs, leave it running, and begin with new TEEs alone${absence}`,
  async () => {
    const shared = await onRunning('test_tee_to_tee_key_sharing.sh', 0)
    expect([shared.code, shared.err]).toEqual([0, expect.stringContaining('All steps held.')])
    const flow = await onRunning('test_complete_tee_flow.sh', 2)
    expect([flow.code, flow.err]).toEqual([0, expect.stringContaining('All steps held.')])
    expect(running?.testnet.running()).toHaveLength(3)
    const again = await onRunning('test_complete_tee_flow.sh', 2)
    expect(again.code).toBe(1)
    expect(again.err).toContain('FAILED at: find 1 TEEs')
    expect(again.err).toContain('fault restart')
  },
)

test.skipIf(isSkipped)(`a script that is stopped takes its testnet with it${absence}`, async () => {
  const TMPDIR = temporaryFolder()
  const BASE_PORT = String(await findFreeBase(3))
  const { code } = await bash(['testnet/test_tee_chain.sh'], { TMPDIR, BASE_PORT }, (err, kill) => {
    if (err.includes('genesis boot')) kill('SIGTERM')
  })
  expect(code).toBe(143)
  expect(leftIn(TMPDIR)).toEqual([])
  expect(processesNaming(TMPDIR)).toEqual([])
})

test.skipIf(isSkipped)(
  `who stops a script twice leaves nothing behind either${absence}`,
  async () => {
    const TMPDIR = temporaryFolder()
    const slow = `(trap 'echo stopping >&2; sleep 1; exit 0' TERM; echo up >&2; while :; do sleep 0.1; done) & testnet=$!`
    const run = await bash(
      ['-c', `. testnet/ceremony-steps.sh; ${slow}; wait`],
      { TMPDIR },
      (err, kill) => {
        if (err.includes('up')) kill('SIGTERM')
      },
    )
    expect([run.code, run.err]).toEqual([143, expect.stringContaining('stopping')])
    expect(leftIn(TMPDIR)).toEqual([])
  },
)

test.skipIf(isSkipped)(
  `another seed from one TEE fails the script, and the step is named${absence}`,
  async () => {
    // Two nodes that answer: the second one with words of its own.
    const words = (word: string) => new Array(24).fill(word).join(' ')
    const PATH = shimmedCurl(
      `case "$*" in *:9001/*) word='${words('zoo')}';; *) word='${words('art')}';; esac\nprintf '{"seed_phrase": "%s"}' "$word"`,
    )
    const same = (ports: string) =>
      bash(['-c', `. testnet/ceremony-steps.sh; same_seed ${ports}`], {
        PATH,
        TMPDIR: temporaryFolder(),
      })
    expect((await same('9000 9002')).code).toBe(0)
    const { code, err } = await same('9000 9001')
    expect(code).toBe(1)
    expect(err).toContain('FAILED at: the same seed from each of 9000 9001')
    expect(err).toContain('TEE 9001 gives another seed')
  },
)

test('without jq a script says so and begins nothing', async () => {
  const folder = temporaryFolder()
  for (const name of ['bash', 'dirname', 'rm']) {
    symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(folder, name))
  }
  writeFileSync(join(folder, 'curl'), '#!/bin/bash\n', { mode: 0o700 })
  const TMPDIR = temporaryFolder()
  const { code, err } = await bash(['testnet/test_tee_chain.sh'], { PATH: folder, TMPDIR })
  expect(code).toBe(1)
  expect(err).toContain('There is no jq here. On Debian: apt-get install jq.')
  expect(leftIn(TMPDIR)).toEqual([])
})
