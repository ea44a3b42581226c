/** What every page store must do: the obligations of `src/host/store/port.ts`. */
import { expect, test } from 'vitest'
import type { PageStore } from '../../src/host/store/port.ts'

/** Opens the same place again and again; only one store is open at a time. */
export type OpenAgain = () => Promise<PageStore>

export async function numbersIn(store: PageStore): Promise<number[]> {
  const numbers: number[] = []
  for await (const { number } of store.pages()) numbers.push(number)
  return numbers
}

/** Runs the suite for the store called `name`; each test gets a place of its own. */
export function pageStoreConforms(name: string, place: () => Promise<OpenAgain>): void {
  const page = (n: number): Uint8Array => new Uint8Array(1000 * n).fill(n)

  test(`${name}: pages come back as they were, in the order of their numbers, after a reopening`, async () => {
    const open = await place()
    const first = await open()
    for (const number of [1, 2, 10, 300, 2 ** 40]) await first.put(number, page(number % 7))
    await first.close()
    const second = await open()
    const found: [number, Uint8Array][] = []
    for await (const { number, bytes } of second.pages()) found.push([number, bytes])
    expect(found).toEqual([1, 2, 10, 300, 2 ** 40].map(number => [number, page(number % 7)]))
    expect(second.beganAnew).toBe(false)
    await second.close()
  })

  test(`${name}: dropping through a number takes it and all below, and nothing above`, async () => {
    const store = await (await place())()
    for (const number of [1, 2, 3, 4]) await store.put(number, page(number))
    await store.dropThrough(2)
    expect(await numbersIn(store)).toEqual([3, 4])
    await store.put(5, page(5))
    await store.dropThrough(4, 3)
    await store.dropThrough(3, 7)
    expect(await numbersIn(store)).toEqual([3, 5])
    await store.dropThrough(9)
    expect(await numbersIn(store)).toEqual([])
    await store.close()
  })

  test(`${name}: a cleared store is empty and takes pages`, async () => {
    const open = await place()
    const store = await open()
    await store.put(5, page(5))
    await store.clear()
    expect(await numbersIn(store)).toEqual([])
    await store.put(1, page(1))
    await store.close()
    const again = await open()
    expect(await numbersIn(again)).toEqual([1])
    await again.close()
  })

  test(`${name}: one record stands beside the pages, survives what is dropped, and goes with all of it`, async () => {
    const open = await place()
    const store = await open()
    expect(await store.record()).toBeUndefined()
    await store.put(3, page(3))
    await store.putRecord(page(1))
    await store.putRecord(page(2))
    await store.dropThrough(2 ** 40)
    await store.close()
    const again = await open()
    expect(await again.record()).toEqual(page(2))
    expect(await numbersIn(again)).toEqual([])
    await again.clear()
    expect(await again.record()).toBeUndefined()
    await again.close()
  })

  test(`${name}: a page changed by its owner after the call is kept as it was`, async () => {
    const store = await (await place())()
    const bytes = page(3)
    await store.put(1, bytes)
    bytes.fill(9)
    for await (const stored of store.pages()) expect(stored.bytes).toEqual(page(3))
    await store.close()
    await store.close()
  })

  test(`${name}: a closed store fails in words`, async () => {
    const store = await (await place())()
    await store.close()
    await expect(store.put(1, page(1))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await expect(store.record()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await expect(numbersIn(store)).rejects.toMatchObject({ code: 'STORE_FAILED' })
  })
}
