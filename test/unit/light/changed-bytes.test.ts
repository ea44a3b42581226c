/**
 * Every field of report, head, proof, evidence, manifest and memory, changed byte by byte: never a wrong "fresh", never a wrong value.
 * A bundle holds all of them as they came, so changing it changes each of them.
 */
import { expect, test } from 'vitest'
import { CoterieError } from '../../../src/base/errors.ts'
import { LightClient, verifyBundle } from '../../../src/light/client.ts'
import { opened } from '../../fixtures/light-client.ts'

/** Every eleventh byte, so that all kinds of fields are met in a second; all of them with `COTERIE_CHANGE_EVERY=1`. */
const every = Number(process.env['COTERIE_CHANGE_EVERY'] ?? 11)

test.each([
  ['a value', 'public/motd'],
  ['an absence', 'public/nothing'],
])(
  '%s: no changed byte is ever fresh with another head or content',
  async (_name, key) => {
    const { network } = await opened({ nodes: 3 })
    const sources = network.origins.slice(0, 1)
    const client = await LightClient.open(network.ports(), { pin: network.pin, sources })
    const { report, content } = await client.get(key)
    expect(report.verdict).toBe('trusted')
    const bundle = client.bundle()
    const tally = { broken: 0, notFresh: 0, same: 0 }
    for (let at = 0; at < bundle.length; at += every) {
      const changed = bundle.slice()
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      let found: Awaited<ReturnType<typeof verifyBundle>>
      try {
        found = await verifyBundle(changed, { pin: network.pin })
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(CoterieError)
        tally.broken++
        continue
      }
      if (found.report.state !== 'fresh') {
        expect(found.content, `byte ${at}`).toBeUndefined()
        expect(found.report.verdict, `byte ${at}`).not.toBe('trusted')
        tally.notFresh++
        continue
      }
      // Fresh for whatever else changed: then the head is the one that was signed, and the value, if there is one, that of the key.
      expect(found.report.head?.root, `byte ${at}`).toBe(report.head?.root)
      expect(found.report.head?.cut, `byte ${at}`).toBe(report.head?.cut)
      if (found.content !== undefined) {
        // One place in a trie shows the absence of many keys, truly; a value of one key alone.
        const isSame = found.key === key
        expect(found.content, `byte ${at}: ${found.key}`).toEqual(isSame ? content : null)
      }
      tally.same++
    }
    expect(tally.notFresh).toBeGreaterThan(100)
    expect(tally.broken).toBeGreaterThan(0)
  },
  600_000,
)
