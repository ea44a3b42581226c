import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { silentLogger } from '../../../../src/base/log.ts'
import { after, days } from '../../../../src/base/time.ts'
import { FolderDisk } from '../../../../src/host/endorsements/document-disk.ts'
import {
  epoch,
  intel,
  names,
  openShelf,
  paths,
  sayInfo,
  server,
} from '../../../fixtures/endorsement-shelf.ts'
import { eventually } from '../../../fixtures/patience.ts'
import { intelDocument } from '../../../forge/intel-answers.ts'

const folder = await mkdtemp(join(tmpdir(), 'coterie-endorsements-'))
afterAll(() => rm(folder, { recursive: true }))

const diskAt = async (): Promise<{ readonly disk: FolderDisk; readonly at: string }> => {
  const at = await mkdtemp(join(folder, 'disk-'))
  return { disk: new FolderDisk(at, silentLogger), at }
}
const onlyFile = async (at: string): Promise<string> => {
  const found = await readdir(at)
  expect(found).toHaveLength(1)
  return join(at, found[0] ?? '')
}

const isWritten = (at: string): Promise<void> =>
  eventually(async () => expect(await readdir(at)).toEqual([expect.stringMatching(/json$/)]))

test('a restart finds its documents on disk and asks nobody', async () => {
  const { disk, at } = await diskAt()
  const first = openShelf({ disk })
  const items = await first.settled(names.info, 1)
  await isWritten(at)
  expect((await stat(await onlyFile(at))).mode & 0o777).toBe(0o600)
  const { shelf } = openShelf({ disk })
  await eventually(() => expect(shelf.take([names.info]).items).toEqual(items))
  expect(server.asked).toHaveLength(1)
})

test('a document on disk that has ended meanwhile is at hand, and fetched at once', async () => {
  const { disk, at } = await diskAt()
  await openShelf({ disk }).settled(names.info, 1)
  await isWritten(at)
  const younger = intelDocument(intel, {
    issueDate: after(epoch, days(30)),
    nextUpdate: after(epoch, days(60)),
  })
  server.replies.set(paths.info, sayInfo(younger))
  const { time, settled } = openShelf({ disk })
  time.wallSkew = days(31)
  const [first] = await settled(names.info, 1)
  expect(Buffer.from(first?.bytes ?? [])).toEqual(Buffer.from(younger))
})

test.each<[string, (text: string) => string]>([
  ['torn', text => text.slice(0, text.length / 2)],
  ['empty', () => ''],
  ['of another name', text => text.replace('90c06f000000', '000000000000')],
  ['of another program', text => text.replace('coterie-endorsement', 'x')],
  ['with a changed document', text => text.replace(/"base64":"..../, '"base64":"AAAA')],
  ['too large', text => text + ' '.repeat(600_000)],
])('a file on disk that is %s is passed over and fetched anew', async (_, bend) => {
  const { disk, at } = await diskAt()
  await openShelf({ disk }).settled(names.info, 1)
  await isWritten(at)
  const path = await onlyFile(at)
  await writeFile(path, bend(await readFile(path, 'utf8')))
  server.asked.length = 0
  expect(await openShelf({ disk }).settled(names.info, 1)).toHaveLength(2)
  expect(server.asked).toEqual([paths.info])
})

test('a disk that takes nothing costs the copy alone', async () => {
  const disk = new FolderDisk('/dev/null/nowhere', silentLogger)
  expect(await openShelf({ disk }).settled(names.info, 1)).toHaveLength(2)
})

test('the folder on disk stays bounded, the oldest files go, and no name becomes a path', async () => {
  const { disk, at } = await diskAt()
  const item = [{ kind: 'crl' as const, bytes: new Uint8Array(9) }]
  await Promise.all(Array.from({ length: 270 }, (_, n) => disk.write(`../${n}`, item)))
  expect((await readdir(at)).length).toBe(256)
  expect((await readdir(folder)).every(name => name.startsWith('disk-'))).toBe(true)
  expect(await disk.read('../269')).toEqual(item)
})
