/** A light client against nodes that are honest, late or split: the right word and reason for each. */
import { describe, expect, test } from 'vitest'
import { LightClient, type LightOptions, verifyBundle } from '../../../src/light/client.ts'
import { memoryCodec } from '../../../src/light/memory.ts'
import { httpSource, type LightSource } from '../../../src/light/source.ts'
import { checkpointCodec } from '../../../src/wire/checkpoint.ts'
import { opened, textOf } from '../../fixtures/light-client.ts'

describe('honest nodes', () => {
  test('are trusted and fresh, and the head names the machines that signed it', async () => {
    const { client, network } = await opened()
    const report = await client.check()
    expect(report).toMatchObject({
      verdict: 'trusted',
      code: 'TRUSTED',
      state: 'fresh',
      simulated: true,
    })
    expect(report.head?.signers.map(({ instance }) => instance).toSorted()).toEqual(
      network.nodes.map(({ node }) => node.instance).toSorted(),
    )
    expect(
      report.nodes.every(({ checks }) => checks.every(({ outcome }) => outcome === 'pass')),
    ).toBe(true)
    expect(report.trusts.join(' ')).toContain('simulated')
  })

  test('prove what a key holds, that another holds nothing, and the new value after a write', async () => {
    const { client, network } = await opened()
    expect(textOf((await client.get('public/motd')).content)).toBe('hello')
    const absent = await client.get('public/nothing')
    expect(absent).toMatchObject({ content: null, report: { verdict: 'trusted' } })
    network.set('public/motd', 'later')
    await network.advance()
    expect(textOf((await client.get('public/motd')).content)).toBe('later')
  })

  test('one node suffices to ask, because the others signed too', async () => {
    const { client } = await opened({ asks: 1 })
    const { report, content } = await client.get('public/motd')
    expect(report).toMatchObject({ verdict: 'trusted', state: 'fresh' })
    expect(report.provesNot.join(' ')).toContain('only one was asked')
    expect(textOf(content)).toBe('hello')
  })

  test('no key outside of the public prefixes is ever shown as absent, whatever a node says', async () => {
    const { client, nodes } = await opened()
    // Absent from the public part, truly: the one leaf of it is of another key.
    for (const node of Object.values(nodes)) {
      node.bends.path = path => path.replace('key=secret', 'key=public%2Fnothing')
    }
    expect((await client.get('public/nothing')).content).toBeNull()
    const { content, report } = await client.get('secret')
    expect(content).toBeUndefined()
    expect(report.code).toBe('VALUE_NOT_PROVEN')
  })

  test('are asked with a nonce of their own each time', async () => {
    const { client, network } = await opened()
    await client.check()
    await client.check()
    const nonces = network.asked.filter(path => path.includes('nonce='))
    expect(new Set(nonces.map(path => path.split('nonce=')[1])).size).toBe(6)
  })
})

describe('sources', () => {
  test('of any kind are asked beside HTTP origins, and named by their addresses, in a bundle too', async () => {
    const { network, nodes } = await opened()
    const ports = network.ports()
    const elsewhere: LightSource = {
      ...httpSource(nodes.b.origin, ports),
      address: '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW',
    }
    const sources = [nodes.a.origin, elsewhere]
    const client = await LightClient.open(ports, { pin: network.pin, sources })
    const { report, content } = await client.get('public/motd')
    expect(report).toMatchObject({ verdict: 'trusted', state: 'fresh' })
    expect(report.nodes.map(({ source }) => source)).toEqual([nodes.a.origin, elsewhere.address])
    expect(textOf(content)).toBe('hello')
    expect((await verifyBundle(client.bundle(), { pin: network.pin })).report).toEqual(report)
  })

  test('that hand over more than was asked for said nothing', async () => {
    const { network, nodes } = await opened()
    const ports = network.ports()
    const endless: LightSource = {
      address: 'endless',
      ask: async ({ bytesMax }) => ({ kind: 'bytes', bytes: new Uint8Array(bytesMax + 1) }),
    }
    const sources = [nodes.a.origin, endless]
    const client = await LightClient.open(ports, { pin: network.pin, sources })
    expect((await client.check()).nodes[1]?.code).toBe('SOURCE_TOO_LARGE')
    expect(client.bundle().length).toBeLessThan(100_000)
  })

  test('that are multiaddrs are refused with the way to dial them', async () => {
    const { network } = await opened()
    const peer = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
    const sources = [`/ip4/192.0.2.1/tcp/9600/p2p/${peer}`]
    const open = LightClient.open(network.ports(), { pin: network.pin, sources })
    await expect(open).rejects.toMatchObject({
      code: 'BAD_SOURCES',
      next: expect.stringContaining('coterie/light/libp2p'),
    })
  })

  const none: LightSource['ask'] = async () => ({
    kind: 'failed',
    code: 'SOURCE_UNREACHABLE',
    facts: {},
  })
  test.each<[string, LightOptions['sources']]>([
    ['that are none', []],
    ['that are too many', Array.from({ length: 17 }, (_, i) => `http://127.0.0.1:${9000 + i}`)],
    ['of one address twice', ['http://127.0.0.1:1', { address: 'http://127.0.0.1:1', ask: none }]],
    ['without an address', [{ address: '', ask: none }]],
    ['of an address longer than a bundle holds', [{ address: 'a'.repeat(513), ask: none }]],
    ['of an address that is no text', [{ address: '\ud800', ask: none }]],
  ])('%s are refused before anybody is asked', async (_, sources) => {
    const { network } = await opened()
    const open = LightClient.open(network.ports(), { pin: network.pin, sources })
    await expect(open).rejects.toMatchObject({ code: 'BAD_SOURCES' })
  })
})

describe('the state', () => {
  test('of a node that nobody else signs is isolated', async () => {
    const { client, nodes } = await opened({ asks: 1 })
    nodes.a.bends.isAlone = true
    const { report, content } = await client.get('public/motd')
    expect(report).toMatchObject({
      verdict: 'undetermined',
      code: 'STATE_ISOLATED',
      state: 'isolated',
    })
    expect(content).toBeUndefined()
    expect(report.head).toBeNull()
  })

  test('signed by some machines, but fewer than the manifest wants, is degraded', async () => {
    const { client, nodes } = await opened({ quorum: 3, asks: 2 })
    nodes.c.bends.isAlone = true
    expect(await client.check()).toMatchObject({ verdict: 'undetermined', state: 'degraded' })
  })

  test('signed by many nodes of one machine is signed by one', async () => {
    const { client } = await opened({ sharedMachine: true })
    expect(await client.check()).toMatchObject({ state: 'isolated', head: null })
  })

  test('that differs between nodes at one cut has not converged, and both are shown', async () => {
    const { client, network, nodes } = await opened()
    nodes.b.bends.claim = claim => ({ ...claim, publicRoot: new Uint8Array(32).fill(9) })
    await network.advance()
    const report = await client.check()
    expect(report).toMatchObject({ state: 'not converged', code: 'STATE_NOT_CONVERGED' })
    expect(new Set(report.nodes.map(({ head }) => head?.root)).size).toBe(2)
    const value = await client.get('public/motd')
    expect(value.report.nodes.map(each => each.value)).toEqual([null, null, null])
    expect(value.content).toBeUndefined()
  })

  test('that was restored says so', async () => {
    const { client, network, nodes } = await opened()
    for (const node of Object.values(nodes)) {
      node.bends.claim = claim => ({ ...claim, extensions: new Map([[65, true]]) })
    }
    await network.advance()
    expect(await client.check()).toMatchObject({ state: 'recovered', code: 'STATE_RECOVERED' })
  })

  test.each([
    ['behind', -31_000],
    ['ahead', 34_000],
  ])('is stale on a clock that is too far %s', async (_name, shift) => {
    const { client, network } = await opened()
    const { now } = network
    network.now = (now - shift) as typeof now
    expect(await client.check()).toMatchObject({
      verdict: 'undetermined',
      state: 'stale',
      head: null,
    })
  })

  test('is stale if the TEE has quoted nothing for longer than the evidence age', async () => {
    const { client, network, nodes } = await opened()
    const { quoted } = nodes.a
    await network.advance(network.network.manifest.join.evidenceAgeMs + 1_000)
    expect(await client.check()).toMatchObject({ state: 'fresh' })
    nodes.a.quoted = quoted
    const report = await client.check()
    expect(report).toMatchObject({ state: 'stale', code: 'STATE_STALE' })
    expect(report.nodes[0]?.fields?.quoteAgeMs).toBe(
      network.network.manifest.join.evidenceAgeMs + 1_000,
    )
    nodes.a.quoted = null
    expect((await client.check()).nodes[0]?.state).toBe('stale')
  })
})

describe('watching', () => {
  test('tells a value when it changes, not each time that it was looked at, until it is told to stop', async () => {
    const { network } = await opened()
    const stop = new AbortController()
    const waits: AbortController[] = []
    const waited = Promise.withResolvers<void>()
    const ports = {
      ...network.ports(),
      deadline: (span: number) => {
        const wait = new AbortController()
        // Of the waits, those between looks; the others bound a question.
        if (span === 2_000) {
          waits.push(wait)
          if (waits.length === 1) waited.resolve()
          if (waits.length === 2) network.set('public/motd', 'later')
          network.advance().then(() => wait.abort())
        }
        return wait.signal
      },
    }
    const client = await LightClient.open(ports, { pin: network.pin, sources: network.origins })
    const told: (string | undefined)[] = []
    for await (const { content } of client.watch('public/motd', { signal: stop.signal })) {
      told.push(textOf(content))
      if (told.length === 2) stop.abort()
    }
    await waited.promise
    expect(told).toEqual(['hello', 'later'])
    expect(waits.length).toBeGreaterThanOrEqual(2)
  })

  test('looks of one client take turns, so that none forgets what another saw', async () => {
    const { client, memory, network } = await opened()
    await Promise.all([
      client.check(),
      network.advance(),
      client.get('public/motd'),
      client.check(),
    ])
    const report = await client.check()
    expect(report.state).toBe('fresh')
    expect(memoryCodec.decode(memory.bytes ?? new Uint8Array()).heads).toHaveLength(3)
  })
})

describe('forward only', () => {
  test('a node that goes back behind what was seen is stale, after a restart of the client too', async () => {
    const { client, open, network, nodes } = await opened({ asks: 1 })
    await network.advance()
    expect((await client.check()).state).toBe('fresh')
    for (const { chain } of Object.values(nodes)) chain.pop()
    await nodes.a.quote()
    for (const each of [client, await open()]) {
      const report = await each.check()
      expect(report).toMatchObject({ state: 'stale', head: null })
      expect(report.nodes[0]?.fields?.rolledBack).toBe(true)
    }
  })

  test('a node that only says that it signed less than it did is stale', async () => {
    const { client, network, nodes } = await opened({ asks: 1 })
    const [early] = nodes.a.chain
    const { quoted } = nodes.a
    if (early === undefined) throw new Error('a checkpoint')
    await network.advance()
    await client.check()
    nodes.a.quoted = quoted
    nodes.a.bends.attestation = answer => ({ ...answer, latest: checkpointCodec.encode(early) })
    const report = await client.check()
    expect(report.nodes[0]?.fields).toMatchObject({ rolledBack: true, forked: false })
    expect(report.state).toBe('stale')
  })

  test('a state before the one that other nodes showed is stale, though its node was never asked', async () => {
    const { client, memory, network, nodes } = await opened({ asks: 1 })
    await network.advance()
    await client.check()
    for (const node of [nodes.b, nodes.c]) {
      node.chain.pop()
      await node.quote()
    }
    const sources = [nodes.b.origin]
    const other = await LightClient.open(network.ports(memory), { pin: network.pin, sources })
    const report = await other.check()
    expect(report).toMatchObject({ state: 'stale', head: null })
    expect(report.nodes[0]?.fields).toMatchObject({ rolledBack: true, machines: 3 })
  })

  test('another state for a moment that was believed has not converged, however many sign it', async () => {
    const { client, memory, network, nodes } = await opened({ asks: 1 })
    await client.check()
    for (const node of [nodes.b, nodes.c]) {
      node.chain.pop()
      node.chain.push(node.sign({ ...network.claim, publicRoot: new Uint8Array(32).fill(3) }))
      await node.quote()
    }
    const sources = [nodes.b.origin]
    const other = await LightClient.open(network.ports(memory), { pin: network.pin, sources })
    expect(await other.check()).toMatchObject({ state: 'not converged', head: null })
  })

  test('a client without memory believes the older state: this is what memory is for', async () => {
    const { client, network, nodes } = await opened({ asks: 1 })
    await network.advance()
    await client.check()
    for (const node of Object.values(nodes)) {
      node.chain.pop()
      await node.quote()
    }
    const forgetful = await LightClient.open(network.ports(), {
      pin: network.pin,
      sources: network.origins,
    })
    expect((await forgetful.check()).state).toBe('fresh')
  })

  test('two checkpoints of one place are a fork, and stay one at every later look', async () => {
    const { client, network, nodes } = await opened()
    await client.check()
    const { chain } = nodes.a
    chain.pop()
    chain.push(nodes.a.sign({ ...network.claim, publicRoot: new Uint8Array(32).fill(3) }))
    await nodes.a.quote()
    for (let look = 0; look < 4; look++) {
      expect(await client.check()).toMatchObject({
        verdict: 'refused',
        code: 'STATE_FORK',
        state: 'fork',
      })
      await network.advance()
    }
  })

  test('a chain whose links do not hold is a fork', async () => {
    const { client, network, nodes } = await opened()
    await client.check()
    const last = nodes.a.latest
    if (last === undefined) throw new Error('a checkpoint')
    await network.advance()
    nodes.a.chain.pop()
    nodes.a.chain.push(nodes.a.sign(network.claim, { previous: new Uint8Array(32).fill(1) }))
    await nodes.a.quote()
    expect(await client.check()).toMatchObject({ code: 'STATE_FORK' })
  })

  test('what a forked node signed counts for no other', async () => {
    const { client, network, nodes } = await opened({ quorum: 3 })
    await client.check()
    nodes.c.chain.pop()
    nodes.c.chain.push(nodes.c.sign({ ...network.claim, privateRoot: new Uint8Array(32).fill(3) }))
    await network.advance()
    const report = await client.check()
    expect(report.nodes.map(({ fields }) => fields?.machines)).toEqual([2, 2, 2])
  })

  test('a manifest before the one that was believed is refused', async () => {
    const { client, memory, open } = await opened()
    await client.check()
    const remembered = memoryCodec.decode(memory.bytes ?? new Uint8Array())
    memory.bytes = memoryCodec.encode({ ...remembered, manifestNonce: 5 })
    const report = await (await open()).check()
    expect(report).toMatchObject({ verdict: 'refused', code: 'MANIFEST_ROLLED_BACK', nodes: [] })
  })

  test('memory that cannot be read, or is of another network, is no first look', async () => {
    const { client, memory, open } = await opened()
    await client.check()
    const good = memory.bytes ?? new Uint8Array()
    memory.bytes = good.slice(0, -1)
    await expect((await open()).check()).rejects.toMatchObject({ code: 'MEMORY_BROKEN' })
    memory.bytes = memoryCodec.encode({ ...memoryCodec.decode(good), network: new Uint8Array(32) })
    await expect((await open()).check()).rejects.toMatchObject({
      code: 'MEMORY_OF_ANOTHER_NETWORK',
    })
  })
})
