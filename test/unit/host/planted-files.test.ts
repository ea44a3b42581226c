/** Whoever writes to the directories that a program reads can put there a file of any size, or a pipe: neither memory nor time goes into it. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { loadConfig, readSettings } from '../../../src/api/load-config.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { recordFinding } from '../../../src/cli/host-findings.ts'
import { readPolicy, readPolicyBytes } from '../../../src/cli/policy-file.ts'
import { AuditFolder, auditFileBytesMax } from '../../../src/host/audit-folder.ts'
import {
  fileHead,
  fileHeadNow,
  readAtMost,
  textHead,
  wholeText,
} from '../../../src/host/bounded-read.ts'
import { openDataDir, readRunFile, readToken } from '../../../src/host/data-dir.ts'
import { FolderDisk } from '../../../src/host/endorsements/document-disk.ts'
import { HintFile } from '../../../src/host/hint-file.ts'
import { readHolderKeyFile } from '../../../src/host/holder-key-file.ts'
import { readKeyFile } from '../../../src/host/key-file.ts'
import { lockDataDir } from '../../../src/host/process-lock.ts'
import { readPrivateJson } from '../../../src/host/tee/private-file.ts'
import { auditFrame, auditMagic } from '../../../src/wire/audit-entry.ts'
import { temporaryFolder } from '../../fixtures/command-line.ts'
import { gibibyte, plant, plantedSizes } from '../../fixtures/sparse-file.ts'

const entry = auditFrame(utf8('an entry'))
const nameOf = (number: number): string => `${String(number).padStart(10, '0')}.audit`

function recordFolder(): string {
  const path = join(temporaryFolder(), 'audit')
  mkdirSync(path)
  return path
}

describe.each(plantedSizes)('a file of %i bytes', size => {
  test('is read up to the bound by every reader there is, and is never whole', async () => {
    const path = join(temporaryFolder(), 'planted')
    plant(path, size, 'head')
    const head = new Uint8Array(100)
    head.set(utf8('head'))
    expect(await fileHead(path, 100)).toEqual(head)
    expect(fileHeadNow(path, 100)).toEqual(head)
    expect(await textHead(path, 4)).toBe('head')
    expect(await readAtMost(path, 99)).toEqual(head)
    await using file = await open(path)
    expect(await wholeText(file, 100)).toBeUndefined()
  })

  test('among those of an audit record is dropped as the oldest with its name and size, and hides no other', async () => {
    const path = recordFolder()
    plant(join(path, nameOf(1)), size, auditMagic)
    writeFileSync(join(path, nameOf(2)), Buffer.concat([auditMagic, entry]))
    const store = new AuditFolder(path)
    expect(store.open().lastFile.length).toBe(auditMagic.length + entry.length)
    const oldest = store.oldest()
    expect([oldest?.name, oldest?.bytes]).toEqual([nameOf(1), size])
    expect(oldest?.content.length).toBe(auditFileBytesMax)
    const lengths = (await store.files()).map(({ length }) => length)
    const begun = auditMagic.length
    expect(lengths).toEqual([auditFileBytesMax, begun + entry.length, begun])
    store.dropOldest()
    expect(store.oldest()?.name).toBe(nameOf(2))
    store.close()
  })

  test('that one of an audit record became after it was listed is read as far as it was', async () => {
    const path = recordFolder()
    const whole = Buffer.concat([auditMagic, entry])
    writeFileSync(join(path, nameOf(1)), whole)
    const store = new AuditFolder(path)
    store.open()
    store.append(entry)
    for (const number of [1, 2]) plant(join(path, nameOf(number)), size, whole)
    expect(store.oldest()?.content).toEqual(new Uint8Array(whole))
    expect((await store.files()).map(file => Buffer.from(file))).toEqual([whole, whole])
    store.close()
  })

  test('in the audit record is named by doctor', async () => {
    const dir = temporaryFolder()
    mkdirSync(join(dir, 'audit'))
    plant(join(dir, 'audit', nameOf(3)), size, auditMagic)
    const { result, text } = await recordFinding(dir)
    expect([result, text]).toEqual(['warn', expect.stringContaining(nameOf(3))])
  })

  test('in place of a file of the data directory is one that nobody wrote', async () => {
    const dir = temporaryFolder()
    await openDataDir(dir)
    plant(join(dir, 'run.json'), size, '{}')
    await expect(readRunFile(dir)).rejects.toMatchObject({ code: 'BAD_RUN_FILE' })
    plant(join(dir, 'api.token'), size, 'token')
    expect((await readToken(dir))?.length).toBeLessThan(100_000)
    plant(join(dir, 'lock'), size, '{}')
    // As half a file of a crashed machine.
    await (await lockDataDir(dir))()
    plant(join(dir, 'bans.json'), size, '[]')
    const hint = new HintFile(join(dir, 'bans.json'), silentLogger).read() ?? ''
    expect(() => JSON.parse(hint)).toThrow(SyntaxError)
    expect(hint.length).toBeLessThan(4 * 1024 * 1024)
  })

  test('in place of a key, a machine, a document or a setting is refused as too large', async () => {
    const dir = temporaryFolder()
    const path = join(dir, 'planted')
    plant(path, size)
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'BAD_KEY_FILE' })
    const holder = readHolderKeyFile(path)
    await expect(holder).rejects.toMatchObject({ code: 'BAD_HOLDER_KEY_FILE' })
    await expect(readPrivateJson(path)).rejects.toMatchObject({ code: 'TEE_FILE_TOO_LARGE' })
    const sources = { flags: { dataDir: dir }, environment: {}, configFile: path }
    await expect(readSettings(sources)).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })
    const flags = { dataDir: dir, manifest: path }
    const start = loadConfig({ flags, environment: {} })
    await expect(start).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })
    const bytes = await readPolicyBytes(path)
    expect(() => readPolicy(bytes)).toThrow(expect.objectContaining({ code: 'MANIFEST_TOO_LARGE' }))
    const kept = join(dir, 'endorsements')
    const disk = new FolderDisk(kept, silentLogger)
    await disk.write('document', [{ kind: 'crl', bytes: new Uint8Array(1) }])
    expect(await disk.read('document')).toHaveLength(1)
    for (const name of readdirSync(kept)) plant(join(kept, name), size)
    expect(await disk.read('document')).toBeUndefined()
  })
})

test('a pipe that nobody writes to holds up nobody', async () => {
  const path = join(temporaryFolder(), 'pipe')
  execFileSync('mkfifo', [path])
  expect([(await fileHead(path, 10)).length, fileHeadNow(path, 10).length]).toEqual([0, 0])
})

test('whoever opens a record with a planted file takes no more memory for it than for the largest of its own', async () => {
  const path = recordFolder()
  for (const number of [1, 2]) plant(join(path, nameOf(number)), gibibyte, auditMagic)
  const from = new URL('../../../src/host/audit-folder.ts', import.meta.url).href
  const script = `import { AuditFolder } from ${JSON.stringify(from)}
    const store = new AuditFolder(${JSON.stringify(path)})
    store.open()
    store.oldest()
    await store.files()
    console.log(process.resourceUsage().maxRSS)`
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--input-type=module', '-e', script],
  ])
  expect(Number(stdout)).toBeLessThan(512 * 1024)
})
