/** A copy of the project with one thing broken. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'

/** One change of one place: `before` must stand in the file exactly once. */
export interface Mutation {
  readonly file: string
  readonly before: string
  readonly after: string
}

const copied = ['src', 'test', 'testnet', 'package.json', 'tsconfig.json']
const reportShape = z.object({
  ok: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
})

export type Report = z.infer<typeof reportShape>

export class Mutant {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** @throws {Error} for a mutation whose place is not there once: the source moved on, and so must it. */
  static async make(mutations: readonly Mutation[]): Promise<Mutant> {
    const folder = await mkdtemp(join(tmpdir(), 'coterie-mutant-'))
    for (const name of copied) await cp(resolve(name), join(folder, name), { recursive: true })
    await symlink(resolve('node_modules'), join(folder, 'node_modules'))
    for (const { file, before, after } of mutations) {
      const path = join(folder, file)
      const parts = (await readFile(path, 'utf8')).split(before)
      if (parts.length !== 2) throw new Error(`${file} holds ${JSON.stringify(before)} not once`)
      await writeFile(path, parts.join(after))
    }
    return new Mutant(folder)
  }

  /** What the copy's own `testnet check` says, and its exit status. */
  async check(
    names: readonly string[],
  ): Promise<{ readonly code: number; readonly report: Report }> {
    const only = names.join(',')
    const { code, stdout, stderr } = await this.#node([
      ...['src/cli/main.ts', 'testnet', 'check', '--nodes', '3', '--json', '--only', only],
    ])
    const parsed = reportShape.safeParse(jsonOrUndefined(stdout))
    if (!parsed.success) throw new Error(`no report: ${stdout}${stderr}`)
    return { code, report: parsed.data }
  }

  /** Runs one test file of the copy; answers whether it passed and what was printed. */
  async test(file: string): Promise<{ readonly passed: boolean; readonly output: string }> {
    const { code, stdout, stderr } = await this.#node([
      ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', file],
    ])
    return { passed: code === 0, output: stdout + stderr }
  }

  async discard(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }

  #node(
    args: readonly string[],
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const options = { cwd: this.#folder, maxBuffer: 64 * 1024 * 1024, env: quietEnvironment() }
    return new Promise(done => {
      const child = execFile(process.execPath, [...args], options, (_error, stdout, stderr) =>
        done({ code: child.exitCode ?? 1, stdout, stderr }),
      )
    })
  }
}

/** Without what this test runner sets for its own workers, which a runner inside would take for its own. */
function quietEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))
  return { ...Object.fromEntries(kept), NO_COLOR: '1' }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Anything else than a document: the caller shows what was printed.
    return undefined
  }
}
