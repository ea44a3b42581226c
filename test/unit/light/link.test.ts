/** `coterie:` links: one spelling, and nothing in them but a pin and addresses. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatLink,
  isMultiaddr,
  linkNodesMax,
  originOf,
  parseLink,
} from '../../../src/light/link.ts'

const network = 'a1'.repeat(32)
const manifest = '0b'.repeat(32)
const good = `coterie:${network}/${manifest}?node=https%3A%2F%2Fnode.example&node=http%3A%2F%2F127.0.0.1%3A9000`

const codeOf = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : `${error}`
  }
  return 'nothing'
}

test('a link says network, manifest and where nodes are', () => {
  expect(parseLink(good)).toEqual({
    network,
    manifest,
    nodes: ['https://node.example', 'http://127.0.0.1:9000'],
  })
})

test('what is written is read as the same link, and what is read is written as the same text', () => {
  const hex = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map(b => Buffer.from(b).toString('hex'))
  const node = fc
    .tuple(fc.constantFrom('http', 'https'), fc.domain(), fc.integer({ min: 1024, max: 65535 }))
    .map(([scheme, host, port]) => new URL(`${scheme}://${host}:${port}`).origin)
  const link = fc.record({
    network: hex,
    manifest: hex,
    nodes: fc.uniqueArray(node, { minLength: 1, maxLength: 5 }),
  })
  fc.assert(
    fc.property(link, value => {
      const text = formatLink(value as never)
      expect(parseLink(text)).toEqual(value)
      expect(formatLink(parseLink(text))).toBe(text)
    }),
  )
})

const peer = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

test('a link may name nodes by multiaddr, in one spelling as well', () => {
  const nodes = [
    `/ip4/192.0.2.1/tcp/9600/p2p/${peer}`,
    `/ip6/2001:db8::1/tcp/9600/p2p/${peer}`,
    `/dns4/node.example/tcp/9600/p2p/${peer}`,
    'https://node.example',
  ]
  const text = formatLink({ network, manifest, nodes } as never)
  expect(parseLink(text).nodes).toEqual(nodes)
  expect(nodes.map(isMultiaddr)).toEqual([true, true, true, false])
})

test('every changed character gives another link or none', () => {
  const told = JSON.stringify(parseLink(good))
  for (let at = 0; at < good.length; at++) {
    for (const other of ['0', 'f', 'A', '%', '&', '/', '@', '#', ' ']) {
      if (good[at] === other) continue
      const changed = good.slice(0, at) + other + good.slice(at + 1)
      let read: string
      try {
        read = JSON.stringify(parseLink(changed))
      } catch (error) {
        expect(error).toMatchObject({ code: 'LINK_BAD' })
        continue
      }
      expect(read, changed).not.toBe(told)
      expect(formatLink(parseLink(changed))).toBe(changed)
    }
  }
})

describe('refused', () => {
  const withNode = (node: string): string =>
    `coterie:${network}/${manifest}?node=${encodeURIComponent(node)}`
  test.each([
    ['nothing', ''],
    ['another scheme', good.replace('coterie:', 'https:')],
    ['a short network id', good.replace(network, network.slice(2))],
    ['capital digits', good.replace(network, network.toUpperCase())],
    ['no manifest', good.replace(`/${manifest}`, '')],
    ['no node', `coterie:${network}/${manifest}`],
    ['an empty node', `coterie:${network}/${manifest}?node=`],
    ['a field that it does not know', `${good}&trust=everybody`],
    ['a node twice', `${good}&node=https%3A%2F%2Fnode.example`],
    ['a slash behind', withNode('https://node.example/')],
    ['a path', withNode('https://node.example/a')],
    ['a query', withNode('https://node.example?a')],
    ['a fragment', withNode('https://node.example#a')],
    ['a user', withNode('https://me:secret@node.example')],
    ['a default port', withNode('https://node.example:443')],
    ['a file', withNode('file:///etc/passwd')],
    ['a multiaddr without peer id', withNode('/ip4/192.0.2.1/tcp/9600')],
    ['a multiaddr of no TCP port', withNode(`/ip4/192.0.2.1/udp/9600/quic-v1/p2p/${peer}`)],
    ['a multiaddr of a relay', withNode(`/ip4/192.0.2.1/tcp/9600/p2p/${peer}/p2p-circuit`)],
    ['a multiaddr with a slash behind', withNode(`/ip4/192.0.2.1/tcp/9600/p2p/${peer}/`)],
    ['a path of a file', withNode('/etc/passwd')],
    ['a script', withNode('javascript:alert(1)')],
    ['a socket', withNode('unix:/run/coterie.sock')],
    ['capital letters', withNode('https://NODE.example')],
    ['an address that is not encoded', `coterie:${network}/${manifest}?node=https://node.example`],
    ['broken encoding', `coterie:${network}/${manifest}?node=%E0%A4%A`],
    ['more than a code holds', good + '&node=https%3A%2F%2Fa.example'.repeat(100)],
    ['a space behind', `${good} `],
  ])('%s', (_name, text) => {
    expect(codeOf(() => parseLink(text))).toBe('LINK_BAD')
  })

  test('more nodes than anybody asks', () => {
    const nodes = Array.from({ length: linkNodesMax + 1 }, (_, i) => `http://127.0.0.1:${9000 + i}`)
    expect(codeOf(() => formatLink({ network, manifest, nodes } as never))).toBe('LINK_BAD')
  })
})

test('people may write the address of a node with a slash behind', () => {
  expect(originOf('http://127.0.0.1:9000/')).toBe('http://127.0.0.1:9000')
})
