/** Pages of a disk that a host owns: they bring back what is still there, and nothing that was removed. */
import { expect, test } from 'vitest'
import { toHex } from '../../../../src/base/bytes.ts'
import { minutes } from '../../../../src/base/time.ts'
import { FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const hour = 3_600_000
const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))

function group(count: number): { network: FakeNetwork; nodes: FakeNode[] } {
  const network = new FakeNetwork({ seed: 9, replica: { syncInterval: minutes(10) } })
  network.found()
  for (let i = 1; i < count; i++) network.join()
  network.beatFor(4)
  return { network, nodes: network.nodes }
}

function pagesOf({ replica }: FakeNode): Uint8Array[] {
  const pages: Uint8Array[] = []
  for (let cursor = 0; ; ) {
    const page = replica.cachePage(cursor)
    if (page === undefined) return pages
    pages.push(page.bytes)
    cursor = page.next
  }
}

function hoursPass(network: FakeNetwork, hours: number): void {
  for (let i = 0; i < hours; i++) {
    network.run(hour)
    network.beatFor(2)
  }
}

const living = (nodes: readonly FakeNode[]): FakeNode[] => nodes.filter(node => node.isAlive)

test('pages bring back all that nobody changed, and the roots agree', () => {
  const { network, nodes } = group(3)
  for (let i = 0; i < 300; i++) network.set(nodes[i % 3]!, `key-${i}`, 'x'.repeat(2000))
  network.beatFor(3)
  const pages = pagesOf(nodes[2]!)
  expect(pages.length).toBeGreaterThan(3)
  network.kill(nodes[2]!)
  const back = network.join(pages)
  network.beatFor(8)
  expect(back.phase).toBe('active')
  expect(back.replica.entryCount).toBe(300)
  expect(new Set(living(nodes).map(rootOf)).size).toBe(1)
})

test('an old page brings no entry back whose removal was pruned, though nobody remembers its author', () => {
  const { network, nodes } = group(4)
  const [first, writer, keeper] = nodes as [FakeNode, FakeNode, FakeNode]
  network.set(writer, 'ghost', 'of long ago')
  network.write(writer, { kind: 'add', key: 'ghosts', element: new Uint8Array([1]) })
  network.set(first, 'kept', 'x')
  network.beatFor(3)
  const pages = pagesOf(keeper)
  network.write(first, { kind: 'delete', key: 'ghost' })
  network.write(first, { kind: 'delete', key: 'ghosts' })
  network.beatFor(2)
  network.kill(writer)
  hoursPass(network, 27)
  network.kill(keeper)
  const back = network.join(pages)
  network.beatFor(30)
  expect(back.phase).toBe('active')
  for (const { replica } of living(nodes)) {
    expect(replica.get('ghost')).toBeUndefined()
    expect(replica.get('ghosts')).toBeUndefined()
    expect(replica.get('kept')).toBeDefined()
  }
  expect(new Set(living(nodes).map(rootOf)).size).toBe(1)
})

test('a ghost whose author no member knows is dropped, and pushed to nobody, with one answerer or many', () => {
  for (const members of [2, 3]) {
    // An author of an earlier life of the network: no mark of it is left anywhere.
    const past = new FakeNetwork({ seed: 77 })
    const author = past.found()
    past.set(author, 'ghost', 'of long ago', 'local')
    past.write(author, { kind: 'add', key: 'ghosts', element: new Uint8Array([1]) }, 'local')
    past.join()
    past.beatFor(4)
    const pages = pagesOf(author)
    const wall = Date.UTC(2026, 10, 2) + 30 * hour
    const network = new FakeNetwork({ seed: 9, wall })
    const first = network.found()
    for (let i = 1; i < members; i++) network.join()
    network.beatFor(3)
    for (let i = 0; i < 40; i++) network.set(first, `key/${i}`, 'x')
    network.beatFor(3)
    if (members === 2) network.kill(network.nodes[1]!)
    const haunted = new Set<number>()
    const back = network.join(pages)
    expect(back.replica.get('ghost')).toBeDefined()
    for (let i = 0; i < 30; i++) {
      network.beatFor(1)
      for (const { index, phase, replica } of living(network.nodes)) {
        const isHaunted = ['ghost', 'ghosts'].some(key => replica.get(key) !== undefined)
        if (phase === 'active' && isHaunted) haunted.add(index)
      }
    }
    expect(back.phase).toBe('active')
    expect([...haunted]).toEqual([])
    expect(new Set(living(network.nodes).map(rootOf)).size).toBe(1)
  }
})

test('a removal above the floor beats the page, wherever its own page went', () => {
  const { network, nodes } = group(3)
  network.set(nodes[1]!, 'ghost', 'x')
  network.beatFor(2)
  const pages = pagesOf(nodes[2]!)
  network.write(nodes[0]!, { kind: 'delete', key: 'ghost' })
  network.beatFor(2)
  hoursPass(network, 5)
  network.kill(nodes[2]!)
  const back = network.join(pages)
  network.beatFor(10)
  expect(back.replica.get('ghost')).toBeUndefined()
  expect(nodes[0]!.replica.get('ghost')).toBeUndefined()
  expect(new Set(living(nodes).map(rootOf)).size).toBe(1)
})

test('a page that does not parse, or holds a forged entry, brings nothing and harms nothing', () => {
  const { network, nodes } = group(2)
  network.set(nodes[0]!, `own/${nodes[0]!.id}/mine`, 'x')
  network.set(nodes[0]!, 'plain', 'x')
  network.beatFor(2)
  const [page] = pagesOf(nodes[0]!)
  const spoilt = [...page!.keys()].map(at =>
    page!.map((byte, i) => (i === at ? byte ^ 0x40 : byte)),
  )
  const fresh = network.join([...spoilt, new Uint8Array(0), page!.subarray(0, 40)])
  network.beatFor(10)
  expect(fresh.phase).toBe('active')
  expect(new Set(living(nodes).map(rootOf)).size).toBe(1)
})
