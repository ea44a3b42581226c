import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { silentLogger } from '../../../../src/base/log.ts'
import { openShelf } from '../../../../src/host/endorsements/open-shelf.ts'
import { seededRandom } from '../../../fakes/beat-network.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'
import { names, server } from '../../../fixtures/endorsement-shelf.ts'
import { epoch } from '../../../fixtures/network.ts'
import { intelDocument, makeIntelRoot } from '../../../forge/intel-answers.ts'

const folder = await mkdtemp(join(tmpdir(), 'coterie-standing-'))
afterAll(() => rm(folder, { recursive: true }))
const document = intelDocument(makeIntelRoot(epoch))
await writeFile(join(folder, 'tcb_info.json'), document)

function ports() {
  const { clock, timers } = new VirtualTime()
  return { clock, timers, random: seededRandom(1), log: silentLogger }
}

test('endorsements from files are at hand whatever is asked for, and nobody is asked where nobody is named', async () => {
  const places = { intelEndorser: '', amdEndorser: '', endorsements: [folder] }
  const shelf = await openShelf(places, ports())
  for (const asked of [[], [names.info], [names.amdList, names.rootList]]) {
    const { items } = shelf.take(asked)
    expect(items.map(({ kind }) => kind)).toEqual(['tcb-info'])
    expect(Buffer.from(items[0]?.bytes ?? [])).toEqual(Buffer.from(document))
  }
  expect(server.asked).toEqual([])
  shelf.stop()
})

test('services are read under the roots of the vendors, whatever root a network has', async () => {
  const at = ports()
  const codes: unknown[] = []
  const log = { ...silentLogger, warn: (_: string, facts?: object) => void codes.push(facts) }
  const places = { intelEndorser: server.base, amdEndorser: server.base, endorsements: [] }
  const shelf = await openShelf(places, { ...at, log })
  shelf.take([names.info])
  await expect.poll(() => codes).toMatchObject([{ code: 'BAD_ENDORSEMENT' }])
  shelf.stop()
})

test('a file that is no endorsement stops the start, by its name', async () => {
  const path = join(folder, 'other.txt')
  await writeFile(path, 'something')
  const places = { intelEndorser: '', amdEndorser: '', endorsements: [path] }
  await expect(openShelf(places, ports())).rejects.toMatchObject({
    code: 'ENDORSEMENT_NOT_RECOGNISED',
  })
})
