/**
 * Genuine evidence of every platform, changed: each byte of it and of its endorsements, cut at every length, and at random. `MUTATION_SEED`
 * repeats a run, `MUTATIONS` (10,000 for each platform) is the number of random ones.
 */
import { describe, expect, test } from 'vitest'
import type { Endorsement } from '../../src/attestation/endorsements.ts'
import { inspect } from '../../src/attestation/inspect.ts'
import type { Inspection } from '../../src/attestation/inspection.ts'
import {
  isPlatformName,
  type PlatformName,
  platformNames,
} from '../../src/attestation/platforms.ts'
import { appraiserOf } from '../../src/attestation/verifiers.ts'
import { timestamp } from '../../src/base/time.ts'
import { readEndorsementFiles } from '../../src/host/endorsements/files.ts'
import {
  absence,
  areVectorsAbsent,
  type Vector,
  vectorBytes,
  vectorPath,
  vectorsOf,
} from '../fixtures/vectors.ts'
import { drawFrom, mutate } from '../fuzz/mutator.ts'

const seed = Number(process.env['MUTATION_SEED'] ?? 1)
const randomCount = Number(process.env['MUTATIONS'] ?? 10_000)

/** One piece of evidence that is trusted as it is. */
interface Genuine {
  readonly id: string
  /** Without what may follow a quote of TDX. */
  readonly body: Uint8Array
  readonly items: readonly Endorsement[]
  readonly look: (body: Uint8Array, items: readonly Endorsement[]) => Inspection
}

const platforms = platformNames
  .filter(isPlatformName)
  .filter(platform => vectorsOf(platform).some(({ expected }) => expected.verdict === 'accept'))

async function genuineOf(platform: PlatformName): Promise<readonly Genuine[]> {
  const accepted = vectorsOf(platform).filter(
    ({ expected, file }) => expected.verdict === 'accept' && !file.endsWith('.der'),
  )
  return Promise.all(accepted.map(genuine))
}

async function genuine({ id, file, platform, ...vector }: Vector): Promise<Genuine> {
  // A table of the host repeats what the certificate beside it says: with one of the two changed, the other still vouches.
  const files = Object.entries(vector.collateral?.files ?? {})
    .filter(([name]) => name !== 'tsm_auxblob')
    .map(([, each]) => vectorPath(each))
  const { items } = (await readEndorsementFiles(files)).endorsements
  const length = vector.fields?.['quote_exact_len']
  const whole = vectorBytes(file)
  const body = typeof length === 'number' ? whole.subarray(0, length) : whole
  const measurement = vector.fields?.[appraiserOf(platform)?.mainRegister ?? '']
  const now = timestamp(Date.parse(vector.verify_at))
  const look: Genuine['look'] = (changed, endorsements) =>
    inspect({
      evidence: { platform, body: changed },
      endorsements: { items: endorsements },
      measurements: [String(measurement)],
      now,
    })
  expect(look(body, items).verdict).toBe('trusted')
  return { id, body, items, look }
}

/** What every answer to changed bytes must be like. */
function isOrderly({ code, verdict, sentence, checks }: Inspection): boolean {
  const isCoded = /^[A-Z][A-Z0-9_]+$/.test(code) && !/^Refused:|undefined|NaN/.test(sentence)
  const isReasoned = verdict !== 'refused' || checks.some(({ outcome }) => outcome === 'fail')
  return isCoded && isReasoned
}

/** Any change but none, at each place another one. */
const xorAt = (bytes: Uint8Array, place: number, by: number): Uint8Array =>
  bytes.with(place, (bytes[place] ?? 0) ^ by)

/**
 * Whether all that counts in an endorsement is as it was: the root at the end of a chain is pinned by its key, so that its own bytes do
 * not count, and the signature under a document of Intel may be spelled in capitals.
 */
function meansTheSame({ kind, bytes }: Endorsement, changed: Uint8Array): boolean {
  const [before, after] = [bytes, changed].map(each => Buffer.from(each).toString('latin1'))
  if (before === undefined || after === undefined) return false
  const mark = kind === 'certificates' ? '-----BEGIN' : '"signature"'
  const at = before.lastIndexOf(mark)
  if (kind === 'crl' || at <= 0 || !after.startsWith(before.slice(0, at))) return false
  return kind === 'certificates' || after.toLowerCase() === before.toLowerCase()
}

const withItem = (items: readonly Endorsement[], at: number, bytes: Uint8Array) =>
  items.map((item, i) => (i === at ? { ...item, bytes } : item))

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

describe.skipIf(areVectorsAbsent).each(platforms)(`changed evidence of %s${absence}`, platform => {
  test('with any byte changed, evidence is not trusted', async () => {
    const draw = drawFrom(seed)
    for (const { id, body, items, look } of await genuineOf(platform)) {
      const trusted: number[] = []
      for (let place = 0; place < body.length; place++) {
        const inspection = look(xorAt(body, place, 1 + draw(255)), items)
        expect(isOrderly(inspection), `${id} ${place} ${inspection.code}`).toBe(true)
        if (inspection.verdict === 'trusted') trusted.push(place)
      }
      say(`${id}: ${body.length} bytes changed, ${trusted.length} trusted`)
      expect(trusted, id).toEqual([])
    }
  })

  test('cut at any length, evidence is not trusted', async () => {
    for (const { id, body, items, look } of await genuineOf(platform)) {
      for (let length = 0; length < body.length; length++) {
        const inspection = look(body.subarray(0, length), items)
        expect(isOrderly(inspection), `${id} ${length} ${inspection.code}`).toBe(true)
        expect(inspection.verdict, `${id} ${length}`).not.toBe('trusted')
      }
    }
  })

  test('with any byte of an endorsement changed, evidence is not trusted', async () => {
    const draw = drawFrom(seed)
    for (const { id, body, items, look } of await genuineOf(platform)) {
      for (const [at, item] of items.entries()) {
        const { kind, bytes } = item
        const trusted: number[] = []
        for (let place = 0; place < bytes.length; place++) {
          const changed = xorAt(bytes, place, 1 + draw(255))
          const inspection = look(body, withItem(items, at, changed))
          expect(isOrderly(inspection), `${id} ${kind} ${place}`).toBe(true)
          const isTrusted = inspection.verdict === 'trusted'
          if (isTrusted && !meansTheSame(item, changed)) trusted.push(place)
        }
        say(`${id}: ${bytes.length} bytes of ${kind} changed, ${trusted.length} trusted`)
        expect(trusted, `${id} ${kind}`).toEqual([])
      }
    }
  })

  test(`of ${randomCount} random changes none makes evidence trusted, and nothing throws`, async () => {
    const draw = drawFrom(seed)
    const cases = await genuineOf(platform)
    let [ofEndorsements, same] = [0, 0]
    for (let run = 0; run < randomCount; run++) {
      const one = cases[draw(cases.length)]
      if (one === undefined) continue
      const { id, body, items, look } = one
      const at = draw(2) === 0 ? draw(items.length) : items.length
      const item = items[at]
      const original = item?.bytes ?? body
      const changed = mutate([original], draw)
      // What follows a quote of TDX is ignored, and a change may undo itself.
      const isSame = Buffer.from(changed.subarray(0, original.length)).equals(original)
      if (isSame || (item !== undefined && meansTheSame(item, changed))) same++
      else {
        if (at < items.length) ofEndorsements++
        const inspection =
          at < items.length ? look(body, withItem(items, at, changed)) : look(changed, items)
        const where = `${id}, seed ${seed}, run ${run}, ${item?.kind ?? 'evidence'}`
        expect(isOrderly(inspection), where).toBe(true)
        expect(inspection.verdict, where).not.toBe('trusted')
      }
    }
    say(
      `${platform}: ${randomCount} random changes, ${ofEndorsements} of them to endorsements, ${same} that changed nothing`,
    )
  })
})
