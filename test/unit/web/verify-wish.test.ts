import { expect, test } from 'vitest'
import type { NetworkId } from '../../../src/base/ids.ts'
import { pageMemory } from '../../../src/web/verify/memory.ts'
import { linkOf, readWish } from '../../../src/web/verify/wish.ts'
import { codeOf } from '../../conformance/net-world.ts'

const link = `coterie:${'a1'.repeat(32)}/${'b2'.repeat(32)}?node=http%3A%2F%2F127.0.0.1%3A9000`

test('a link says whom to believe and whom to ask; addresses that are typed take the place of its own', () => {
  const read = readWish({ pin: `  ${link}\n`, nodes: '', key: ' public/a ' })
  expect(read).toEqual({
    pin: { network: 'a1'.repeat(32), manifest: 'b2'.repeat(32) },
    sources: ['http://127.0.0.1:9000'],
    manifest: undefined,
    key: 'public/a',
  })
  expect(linkOf(read)).toBe(link)
  const typed = readWish({
    pin: link,
    nodes: 'https://one.example\n https://two.example/ ',
    key: '',
  })
  expect(typed.sources).toEqual(['https://one.example', 'https://two.example'])
})

test('nodes that only other programs can dial are left out, and no link says less for it', () => {
  const peer = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
  const mixed = `${link}&node=${encodeURIComponent(`/ip4/192.0.2.1/tcp/9600/p2p/${peer}`)}`
  const read = readWish({ pin: mixed, nodes: '', key: '' })
  expect(read.sources).toEqual(['http://127.0.0.1:9000'])
  expect(linkOf(read)).toBe(link)
})

test('what is neither a link nor a manifest is refused with what to do', async () => {
  const read = async (pin: string, nodes = ''): Promise<unknown> =>
    readWish({ pin, nodes, key: '' })
  expect(await codeOf(read(''))).toBe('PIN_MISSING')
  expect(await codeOf(read('{}'))).toBe('PIN_BAD')
  expect(await codeOf(read('https://node.example'))).toBe('PIN_BAD')
  expect(await codeOf(read(link.slice(0, -40)))).toBe('LINK_BAD')
  expect(await codeOf(read(link, 'not an address'))).toBe('LINK_BAD')
})

test('each network has a memory of its own, and what another program wrote is no memory', async () => {
  const kept = new Map<string, string>()
  const storage = {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, text: string) => void kept.set(name, text),
  }
  const one = pageMemory(storage, 'a1'.repeat(32) as NetworkId)
  const two = pageMemory(storage, 'b2'.repeat(32) as NetworkId)
  expect(await one.load()).toBeUndefined()
  await one.save(Uint8Array.of(1, 2, 3))
  expect(await one.load()).toEqual(Uint8Array.of(1, 2, 3))
  expect(await two.load()).toBeUndefined()
  for (const name of kept.keys()) kept.set(name, '!')
  expect(await one.load()).toEqual(new Uint8Array(0))
})
