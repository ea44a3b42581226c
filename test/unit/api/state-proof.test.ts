/** Proofs of keys through the door, over whole nodes: what an honest node gives holds, and what is made of it does not. */
import { base64 } from '@scure/base'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { JsonProof } from '../../../src/api/values.ts'
import { fromHex, utf8 } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import { seconds } from '../../../src/base/time.ts'
import { type ProvenContent, provenContent } from '../../../src/wire/proven-content.ts'
import { decodeKeyProof } from '../../../src/wire/state-proof.ts'
import { type ProvenNetwork, provenNetwork } from '../../fakes/proven-network.ts'
import { temporaryFolder } from '../../fixtures/command-line.ts'
import { raw, served, servedOver } from './served.ts'

let network: ProvenNetwork
beforeEach(async () => {
  network = await provenNetwork(31)
})
afterEach(() => network.simulation.stop())

/** What a light client makes of an answer: it knows the key, the root and the manifest by itself. */
function read(
  { proof }: Pick<JsonProof, 'proof'>,
  key: string,
  root: string,
): ProvenContent | null | undefined {
  const claim = { key, isPublic: true, root: fromHex(root) ?? new Uint8Array(0) }
  try {
    return provenContent(decodeKeyProof(base64.decode(proof)), claim)
  } catch (fault) {
    expect(fault).toBeInstanceOf(PeerFault)
    return undefined
  }
}

const keys = ['public/motd', 'public/gone', 'public/names', 'public/hits', 'public/never'] as const

test('any node at rest proves what a key holds, or that it holds nothing, under the root of its beats', async () => {
  for (const node of network.nodes) {
    const { client } = await servedOver(node)
    const { root } = node.status().state
    for (const key of keys) {
      const answer = await client.prove(key)
      expect([answer.key, answer.root]).toEqual([key, root])
      const { key: _, ...held } = node.state.get(key) ?? { key }
      expect(read(answer, key, root), key).toEqual('kind' in held ? held : null)
    }
  }
})

test('a proof that was changed in any byte shows nothing, neither another value nor absence', async () => {
  const { client } = await servedOver(network.nodes[0])
  for (const key of keys) {
    const { proof, root } = await client.prove(key)
    const bytes = base64.decode(proof)
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const forged = bytes.slice()
        forged[at] = (forged[at] ?? 0) ^ mask
        expect(read({ proof: base64.encode(forged) }, key, root), `${key} ${at}`).toBeUndefined()
      }
    }
  }
})

test('the proof of one key says nothing good of another, and none says that a key which is there is absent', async () => {
  const { client } = await servedOver(network.nodes[0])
  const answers = await Promise.all(keys.map(key => client.prove(key)))
  const held = keys.slice(0, 4)
  for (const key of held) {
    for (const answer of answers) {
      if (answer.key === key) continue
      expect(read(answer, key, answer.root), `${answer.key} for ${key}`).toBeUndefined()
    }
  }
  const past = await client.prove('public/later')
  await network.simulation.settle(network.nodes[0].state.set('public/later', utf8('now')))
  const { root } = await client.prove('public/later')
  expect(read(past, 'public/later', past.root)).toBe(null)
  expect(read(past, 'public/later', root)).toBeUndefined()
})

test('a key below no public prefix is refused with the next step, held or not, and nothing of it shows', async () => {
  const { url } = await servedOver(network.nodes[0])
  for (const key of ['hidden', 'public', 'nothing/here']) {
    const { status, json, text } = await raw(
      url,
      'GET',
      `/v1/state/${encodeURIComponent(key)}/proof`,
    )
    expect([status, json.error.code]).toEqual([403, 'NOT_PUBLIC'])
    expect(json.error.next).toContain('api.publicPrefixes')
    expect(text).not.toContain('canary')
  }
})

test('a name that no key can have is refused, and of what does not fit a proof the asker hears why', async () => {
  const [node] = network.nodes
  const { url, client } = await servedOver(node)
  const long = `public/${'x'.repeat(506)}`
  await expect(client.prove(long)).rejects.toMatchObject({ code: 'KEY_TOO_LONG', status: 400 })
  const longest = long.slice(0, -1)
  expect(read(await client.prove(longest), longest, node.status().state.root)).toBe(null)
  expect((await raw(url, 'GET', '/v1/state/%FF/proof')).json.error.code).toBe('BAD_KEY')
  expect((await raw(url, 'POST', '/v1/state/public%2Fmotd/proof')).status).toBe(405)
  const elements = Array.from({ length: 257 }, (_, i) => utf8(`element ${i}`))
  await network.simulation.settle(
    Promise.all(elements.map(element => node.state.add('public/many', element, { ack: 'local' }))),
  )
  await expect(client.prove('public/many')).rejects.toMatchObject({
    ...{ code: 'PROOF_TOO_LARGE', status: 409 },
    next: expect.stringContaining('several keys'),
  })
})

test('who has not joined proves nothing: what it does not hold may well exist', async () => {
  const { node } = await network.simulation.prepare('late')
  const { client } = await servedOver(node)
  await expect(client.prove('public/motd')).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  await node.start()
  expect(node.status().phase).not.toBe('active')
  await expect(client.prove('public/motd')).rejects.toMatchObject({
    code: 'NOT_READY',
    status: 503,
  })
  await network.simulation.until(() => node.status().phase === 'active')
  expect((await client.prove('public/motd')).key).toBe('public/motd')
})

test('a flood that is not hashed yet is told as such, and soon proven', async () => {
  const [node] = network.nodes
  const { client } = await servedOver(node)
  for (let written = 0; written < 1_500; written += 100) {
    const keys = Array.from({ length: 100 }, (_, i) => `flood/${written + i}`)
    await Promise.all(keys.map(key => node.state.set(key, utf8('x'), { ack: 'local' })))
  }
  await expect(client.prove('public/motd')).rejects.toMatchObject({ code: 'PROOF_NOT_READY' })
  const { simulation } = network
  await simulation.time.advance(seconds(2))
  const { root, ...answer } = await client.prove('public/motd')
  expect(read(answer, 'public/motd', root)).toMatchObject({ kind: 'register' })
})

test('an application proves keys of its own part alone, each under its whole name', async () => {
  const [node] = network.nodes
  const socket = `${temporaryFolder()}/a.sock`
  const confinedTo = { name: 'a', socket, prefix: 'public/', rights: 'read' } as const
  const { client } = await servedOver(node, { httpSocket: socket, confinedTo })
  const answer = await client.prove('motd')
  expect(answer.key).toBe('public/motd')
  const content = { kind: 'register', value: utf8('hello') }
  expect(read(answer, 'public/motd', answer.root)).toEqual(content)
  for (const name of ['../hidden', '/hidden', 'public/motd', '..%2fhidden']) {
    const { key, proof, root } = await client.prove(name)
    expect(key).toBe(`public/${name}`)
    expect(read({ proof }, key, root)).toBe(null)
  }
})

test('outside of a testnet the host is shown no proof', async () => {
  const { client } = await served({ opensToHost: false })
  await expect(client.prove('public/motd')).rejects.toMatchObject({ code: 'NOT_FOR_THE_HOST' })
})

test('below a prefix whose rule lacks the role member nobody writes, and the writer hears which rule it is', async () => {
  const { client } = await servedOver(network.nodes[0])
  const value = { text: 'x' }
  const writes = [
    () => client.set('clients/x', value),
    () => client.delete('clients/x'),
    () => client.add('clients/x', value),
    () => client.removeElement('clients/x', value),
    () => client.assign('clients/x', value),
    () => client.increment('clients/x', 1),
  ]
  for (const write of writes) {
    await expect(write()).rejects.toMatchObject({
      ...{ code: 'NOT_FOR_MEMBERS', status: 403 },
      message: expect.stringContaining('write rule of the key'),
      next: expect.stringContaining('role member'),
    })
  }
  expect(await client.get('clients/x')).toBeUndefined()
})
