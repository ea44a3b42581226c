/** What every attester must do: the obligations of `src/host/tee/port.ts`. */
import { expect, test } from 'vitest'
import type { Attester } from '../../src/host/tee/port.ts'
import type { Evidence } from '../../src/wire/evidence.ts'
import { limits } from '../../src/wire/limits.ts'

export interface AttesterUnderTest {
  readonly attester: Attester
  /** Whether the platform's verifier finds the evidence genuine and these bytes in it. */
  carries(evidence: Evidence, reportData: Uint8Array): boolean
}

/** Runs the suite for the attester called `name`. */
export function attesterConforms(name: string, open: () => Promise<AttesterUnderTest>): void {
  const { signal } = new AbortController()
  const dataOf = (n: number): Uint8Array => new Uint8Array(64).fill(n)

  test(`${name}: a quote carries exactly the report data that was asked for`, async () => {
    const { attester, carries } = await open()
    const evidence = await attester.quote(dataOf(1), signal)
    expect(evidence.platform).toBe(attester.platform)
    expect(carries(evidence, dataOf(1))).toBe(true)
    expect(carries(evidence, dataOf(2))).toBe(false)
  })

  test(`${name}: quotes asked for at once do not mix their report data`, async () => {
    const { attester, carries } = await open()
    const asked = [3, 4, 5, 6].map(dataOf)
    const quotes = await Promise.all(asked.map(data => attester.quote(data, signal)))
    const kept = quotes.map((evidence, i) => carries(evidence, asked[i]!))
    expect(kept).toEqual([true, true, true, true])
  })

  test(`${name}: changing the asked bytes afterwards does not change the quote`, async () => {
    const { attester, carries } = await open()
    const data = dataOf(7)
    const evidence = await attester.quote(data, signal)
    data.fill(8)
    expect(carries(evidence, dataOf(7))).toBe(true)
  })

  test(`${name}: an aborted request is not quoted`, async () => {
    const { attester } = await open()
    await expect(attester.quote(dataOf(1), AbortSignal.abort())).rejects.toThrow('abort')
  })

  test(`${name}: report data of another length is a bug of the caller`, async () => {
    const { attester } = await open()
    for (const length of [0, 63, 65]) {
      const quote = attester.quote(new Uint8Array(length), signal)
      await expect(quote).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' })
    }
  })

  test(`${name}: what is asked for is what was said at the call, whatever becomes of the bytes meanwhile`, async () => {
    const { attester, carries } = await open()
    const data = dataOf(9)
    const asked = attester.quote(data, signal)
    data.fill(10)
    expect(carries(await asked, dataOf(9))).toBe(true)
  })

  test(`${name}: one who gives up while others wait leaves no mark on their quotes`, async () => {
    const { attester, carries } = await open()
    const leaving = new AbortController()
    const first = attester.quote(dataOf(11), signal)
    const given = attester.quote(dataOf(12), leaving.signal)
    const last = attester.quote(dataOf(13), signal)
    const gone = given.then(
      () => 'quoted',
      () => 'gone',
    )
    leaving.abort()
    expect(carries(await first, dataOf(11))).toBe(true)
    expect(carries(await last, dataOf(13))).toBe(true)
    // Who quotes at once may be done before anybody gives up.
    expect(['gone', 'quoted']).toContain(await gone)
  })

  test(`${name}: evidence has a body that fits where evidence goes`, async () => {
    const { attester } = await open()
    const { body } = await attester.quote(dataOf(14), signal)
    expect(body.length).toBeGreaterThan(64)
    expect(body.length).toBeLessThanOrEqual(limits.removalEvidenceBytesMax)
  })
}
