/** Where secrets of a holder must not be: arguments, environment, what is printed. */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { makeKey } from '../../../../src/cli/holder-files.ts'
import { passphraseOf } from '../../../../src/cli/passphrase.ts'
import { readHolderKeyFile } from '../../../../src/host/holder-key-file.ts'
import { cliPath } from '../../../../testnet/network.ts'
import { coterie, startCoterie, temporaryFolder } from '../../../fixtures/command-line.ts'
import { hashOf, holderDesk, openedBy } from '../../../fixtures/holder-desk.ts'

const canary = 'a canary that nobody may hear'

/** Every spelling in which bytes might be printed. */
function spellings(bytes: Uint8Array): readonly string[] {
  const buffer = Buffer.from(bytes)
  return [
    buffer.toString('hex'),
    buffer.toString('base64'),
    buffer.toString('base64url'),
    [...bytes].join(','),
  ]
}

test('neither seeds nor share nor passphrase are printed, written down or seen by other processes', async () => {
  const desk = await holderDesk(2)
  const genesis = await desk.genesis()
  const [key = ''] = desk.keys
  const args = [
    'keys',
    'decrypt-share',
    genesis.file,
    '--key',
    key,
    '--manifest',
    desk.manifest,
    '--yes',
  ]
  const { child, ended } = startCoterie(args)
  const seen =
    readFileSync(`/proc/${child.pid}/cmdline`) + String(readFileSync(`/proc/${child.pid}/environ`))
  const { out, err, code } = await ended
  expect(code).toBe(0)
  const share = openedBy(desk.node, out)
  const seeds = Buffer.from(JSON.parse(readFileSync(key, 'utf8')).seeds, 'hex')
  const record = readFileSync(join(`${key}.approved`, 'qos-namespace.12345.json'), 'utf8')
  const journal = readFileSync(join(`${key}.approved`, 'journal.jsonl'), 'utf8')
  const hidden = [
    seeds,
    seeds.subarray(0, 32),
    seeds.subarray(32),
    share?.use(bytes => bytes.slice()) ?? seeds,
  ]
  for (const secret of hidden.flatMap(spellings)) {
    expect(out + err + seen + record + journal).not.toContain(secret)
  }
})

test('a passphrase is no argument and no variable: there is none that takes it', async () => {
  const folder = temporaryFolder()
  const flags = ['keys', 'generate', '--alias', 'a', '--out', join(folder, 'k')]
  expect((await coterie([...flags, '--passphrase', canary])).code).toBe(2)
  const variables = {
    COTERIE_PASSPHRASE: canary,
    PASSPHRASE: canary,
    COTERIE_PASSPHRASE_FILE: canary,
  }
  const { code, err, out } = await coterie(flags, variables)
  expect([code, err.includes('PASSPHRASE_MISSING')]).toEqual([2, true])
  expect(out + err).not.toContain(canary)
})

/** Types into a terminal of its own, with the program that util-linux brings; resolves to all that the terminal showed. */
function onTerminal(args: readonly string[], typed: readonly (readonly [RegExp, string])[]) {
  const words = [process.execPath, cliPath, ...args].map(word => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', words, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', TERM: 'dumb' },
  })
  let shown = ''
  const left = [...typed]
  child.stdout.on('data', data => {
    shown += data
    const [next] = left
    if (next === undefined || !next[0].test(shown)) return
    left.shift()
    child.stdin.write(next[1])
  })
  return new Promise<{ code: number | null; shown: string }>(resolve =>
    child.once('close', code => resolve({ code, shown })),
  )
}

/** Elsewhere there is no terminal to type into. */
const hasTerminal = existsSync('/usr/bin/script')

test.runIf(hasTerminal)(
  'a passphrase that is typed is not shown, may be corrected, and opens the key that it sealed',
  async () => {
    const folder = temporaryFolder()
    const key = join(folder, 'k.json')
    const generate = ['keys', 'generate', '--alias', 'a', '--out', key]
    const made = await onTerminal(generate, [
      // One letter too many, taken back; then a character of two bytes as well.
      [/New passphrase: /, `${canary}xé\u007f\u007f\r`],
      [/same again: /, `${canary}\r`],
    ])
    expect(made.code).toBe(0)
    expect(made.shown).toContain('Made ')
    expect(made.shown).not.toContain('canary')
    const file = join(folder, 'p')
    writeFileSync(file, canary, { mode: 0o600 })
    using keys = await (await readHolderKeyFile(key)).open(await passphraseOf(file))
    expect(keys.publicKey).toHaveLength(1248)
    const other = await onTerminal(
      ['keys', 'generate', '--alias', 'a', '--out', join(folder, 'l')],
      [
        [/New passphrase: /, `${canary}\r`],
        [/same again: /, 'another canary that differs\r'],
      ],
    )
    expect([other.code, other.shown.includes('PASSPHRASES_DIFFER')]).toEqual([2, true])
  },
)

test.runIf(hasTerminal)('Ctrl-C at the question ends the program, and no key is made', async () => {
  const key = join(temporaryFolder(), 'k.json')
  const ended = await onTerminal(
    ['keys', 'generate', '--alias', 'a', '--out', key],
    [[/New passphrase: /, '\u0003']],
  )
  expect(ended.code).toBe(130)
  expect(() => readFileSync(key)).toThrow()
})

test.runIf(hasTerminal)(
  'who types the digits of the hash and then the passphrase approves; other digits sign nothing',
  async () => {
    const desk = await holderDesk(2)
    const key = join(desk.folder, 'sealed.json')
    const sealed = await makeKey(key, { alias: 'sealed', passphrase: new Secret(utf8(canary)) })
    const genesis = await desk.genesis({ holders: [sealed.holder, ...desk.holders] })
    const share = join(desk.folder, 'share.json')
    const args = [
      'keys',
      'decrypt-share',
      genesis.file,
      '--key',
      key,
      '--manifest',
      desk.manifest,
      '--out',
      share,
    ]
    const wrong = await onTerminal(args, [[/of the hash to go on: /, '00000000\r']])
    expect([wrong.code, wrong.shown.includes('NOT_CONFIRMED'), existsSync(share)]).toEqual([
      2,
      true,
      false,
    ])
    chmodSync(key, 0o644)
    const done = await onTerminal(args, [
      [/of the hash to go on: /, `${hashOf(genesis).slice(0, 8)}\r`],
      [/Passphrase: /, `${canary}\r`],
    ])
    expect([done.code, done.shown.includes(canary)]).toEqual([0, false])
    expect(done.shown).toContain('Others can read')
    expect(openedBy(desk.node, readFileSync(share, 'utf8'))).toBeDefined()
  },
)
