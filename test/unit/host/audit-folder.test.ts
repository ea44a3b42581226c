/** The audit record on a disk: crashes at every byte, hands in the folder, a disk that is full. */
import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { concatBytes, utf8 } from '../../../src/base/bytes.ts'
import { AuditFolder } from '../../../src/host/audit-folder.ts'
import { auditFrame, auditMagic } from '../../../src/wire/audit-entry.ts'

const entries = ['first', 'second entry', 'third'].map(utf8)
const frames = entries.map(auditFrame)
const whole = concatBytes(auditMagic, ...frames)

function folder(): string {
  const top = mkdtempSync(join(tmpdir(), 'coterie-audit-'))
  onTestFinished(() => rmSync(top, { recursive: true, force: true }))
  return join(top, 'audit')
}

function opened(path: string): AuditFolder {
  const store = new AuditFolder(path)
  store.open()
  onTestFinished(() => store.close())
  return store
}

test('what is appended is in the file at once, for its owner alone, and no other file of it changes', async () => {
  const path = folder()
  const store = opened(path)
  for (const frame of frames) store.append(frame)
  const [name = ''] = readdirSync(path)
  expect(name).toBe('0000000001.audit')
  expect(statSync(join(path, name)).mode & 0o777).toBe(0o600)
  expect(statSync(path).mode & 0o777).toBe(0o700)
  expect(new Uint8Array(readFileSync(join(path, name)))).toEqual(whole)
  expect([store.fileBytes, store.bytes]).toEqual([whole.length, whole.length])
  store.nextFile()
  expect(await store.files()).toHaveLength(2)
  expect(store.fileBytes).toBe(auditMagic.length)
  expect(store.oldest()).toEqual({ name, bytes: whole.length, content: whole })
  store.dropOldest()
  expect(readdirSync(path)).toEqual(['0000000002.audit'])
  store.dropOldest()
  expect(store.oldest()).toBeUndefined()
  expect(readdirSync(path)).toHaveLength(1)
})

test('a crash at any byte loses the entry it struck and no other, and what was cut off is said', () => {
  const ends = [auditMagic.length, ...frames.map((_, i) => lengthTo(i))]
  for (let length = 0; length <= whole.length; length++) {
    const path = folder()
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, '0000000001.audit'), whole.subarray(0, length))
    const found = new AuditFolder(path).open()
    const kept = Math.max(0, ...ends.filter(end => end <= length))
    const bytes = kept > auditMagic.length ? kept : 0
    expect(found.lastFile.length).toBe(bytes)
    expect(found.tornBytes).toBe(length - bytes)
    if (bytes > 0) expect(statSync(join(path, '0000000001.audit')).size).toBe(bytes)
  }
})

test('a file that was only begun leaves the end to the one before it', () => {
  const path = folder()
  const store = opened(path)
  store.append(frames[0] ?? whole)
  store.nextFile()
  store.close()
  truncateSync(join(path, '0000000002.audit'), 5)
  const found = new AuditFolder(path).open()
  expect(found.tornBytes).toBe(5)
  expect(found.lastFile).toEqual(new Uint8Array(readFileSync(join(path, '0000000001.audit'))))
  expect(readdirSync(path)).toEqual(['0000000001.audit', '0000000003.audit'])
})

test('what is wrong otherwise than by a crash stays as it is, for whoever verifies', () => {
  const path = folder()
  mkdirSync(path, { recursive: true })
  const broken = concatBytes(whole, new Uint8Array(8))
  writeFileSync(join(path, '0000000001.audit'), broken)
  const found = new AuditFolder(path).open()
  expect(found.tornBytes).toBe(0)
  expect(new Uint8Array(readFileSync(join(path, '0000000001.audit')))).toEqual(broken)
})

test('a new boot writes behind all files, and follows no link into others', () => {
  const path = folder()
  const begun = opened(path)
  begun.append(frames[0] ?? whole)
  begun.close()
  const notes = join(path, 'notes.txt')
  // As if it were a record with a torn end, which is cut off.
  const mine = concatBytes(whole, Uint8Array.of(0, 0))
  writeFileSync(notes, mine)
  symlinkSync(notes, join(path, '0000000007.audit'))
  symlinkSync(join(path, 'nowhere'), join(path, '0000000008.audit'))
  const store = new AuditFolder(path)
  expect(store.open().lastFile.length).toBe(lengthTo(0))
  store.append(frames[0] ?? whole)
  store.close()
  expect(new Uint8Array(readFileSync(notes))).toEqual(mine)
  expect(statSync(join(path, '0000000009.audit')).size).toBe(lengthTo(0))
})

test('a folder that cannot be written is said with its code, at the start and later', () => {
  const path = folder()
  writeFileSync(path, 'a file')
  expect(() => new AuditFolder(path).open()).toThrow(
    expect.objectContaining({ code: 'AUDIT_NOT_WRITTEN' }),
  )
  const other = folder()
  const store = opened(other)
  rmSync(other, { recursive: true })
  expect(() => store.nextFile()).toThrow(expect.objectContaining({ code: 'AUDIT_NOT_WRITTEN' }))
  mkdirSync(other)
  store.append(frames[1] ?? whole)
  expect(readdirSync(other)).toHaveLength(1)
})

test('a file that was taken away is missed by whoever asks for all', async () => {
  const path = folder()
  const store = opened(path)
  store.nextFile()
  rmSync(join(path, '0000000001.audit'))
  await expect(store.files()).rejects.toMatchObject({ code: 'AUDIT_UNREADABLE' })
  expect(store.oldest()?.content).toEqual(new Uint8Array(0))
})

test('an oldest file that cannot be taken away is said with its code, and counts no more', () => {
  const path = folder()
  const store = opened(path)
  store.nextFile()
  rmSync(join(path, '0000000001.audit'))
  mkdirSync(join(path, '0000000001.audit'))
  expect(() => store.dropOldest()).toThrow(expect.objectContaining({ code: 'AUDIT_NOT_WRITTEN' }))
  expect(store.oldest()).toBeUndefined()
  expect(store.bytes).toBe(auditMagic.length)
})

test('a disk that takes names and no bytes keeps no file for each entry that it refuses', async () => {
  const path = folder()
  // A process that may write no byte stands for the disk.
  const said = await limited(
    'ulimit -f 0',
    `const store = new AuditFolder(${JSON.stringify(path)})
     let refused = 0
     const tried = write => {
       try { write() } catch (error) { if (error.code === 'AUDIT_NOT_WRITTEN') refused++ }
     }
     tried(() => store.open())
     for (let i = 0; i < 5; i++) tried(() => store.append(new Uint8Array(9)))
     console.log(refused, store.bytes)`,
  )
  expect(said).toBe('6 0')
  expect(readdirSync(path)).toEqual([])
})

test('more files than a process may have open are read all the same', async () => {
  const path = folder()
  mkdirSync(path)
  for (let i = 1; i <= 200; i++) {
    writeFileSync(join(path, `${String(i).padStart(10, '0')}.audit`), whole)
  }
  const all = `const store = new AuditFolder(${JSON.stringify(path)})
    store.open()
    console.log((await store.files()).length)`
  expect(await limited('ulimit -n 64', all)).toBe('201')
})

test('files that are dropped while all are read leave no hole', async () => {
  const path = folder()
  const store = opened(path)
  for (const frame of frames) {
    store.append(frame)
    store.nextFile()
  }
  const reading = store.files()
  // The first may be open already.
  store.dropOldest()
  store.dropOldest()
  expect(await reading).toEqual(
    [3, 4].map(number => new Uint8Array(readFileSync(join(path, `000000000${number}.audit`)))),
  )
})

test('any number of files that were only begun is no obstacle', () => {
  const path = folder()
  mkdirSync(path)
  for (let i = 1; i <= 12_000; i++) {
    writeFileSync(join(path, `${String(i).padStart(10, '0')}.audit`), '')
  }
  const store = opened(path)
  expect(readdirSync(path)).toEqual(['0000012001.audit'])
  expect(store.bytes).toBe(auditMagic.length)
})

/** What a process under this limit of the shell prints. */
async function limited(limit: string, script: string): Promise<string> {
  const from = new URL('../../../src/host/audit-folder.ts', import.meta.url).href
  const whole = `import { AuditFolder } from ${JSON.stringify(from)}\n${script}`
  const words = ['-c', `${limit}; exec "$@"`, 'sh', process.execPath, '--input-type=module', '-e']
  const { stdout } = await promisify(execFile)('/bin/sh', [...words, whole])
  return stdout.trim()
}

function lengthTo(last: number): number {
  return auditMagic.length + frames.slice(0, last + 1).reduce((sum, { length }) => sum + length, 0)
}
