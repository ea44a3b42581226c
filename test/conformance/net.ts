/**
 * What every implementation of the `Net` port owes the node. Run by the real network on libp2p and by the
 * fake that simulations stand on.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../src/base/bytes.ts'
import { PeerFault } from '../../src/base/errors.ts'
import { milliseconds, seconds } from '../../src/base/time.ts'
import { limits } from '../../src/wire/limits.ts'
import { FakeAdmission } from '../fixtures/fake-admission.ts'
import { patience } from '../fixtures/patience.ts'
import { Crowd } from './net-crowd.ts'
import {
  codeOf,
  heard,
  isMeshed,
  type NetNode,
  type NetWorld,
  RecordingHandlers,
  withoutPeer,
} from './net-world.ts'

/** The suite. */
export function netConforms(name: string, makeWorld: () => NetWorld): void {
  describe(name, () => {
    const crowd = new Crowd(makeWorld)
    const { theWorld, add, addWith, pair, gossiping, alongside } = crowd
    afterEach(() => crowd.end())

    test('two nodes attest each other and each sees one connection', async () => {
      const [a, b] = await pair()
      expect(a.net.connections().map(link => link.node)).toEqual([b.id])
      expect(b.net.connections().map(link => link.node)).toEqual([a.id])
      expect(a.net.connections()[0]?.keys).toEqual(b.admission.keys)
      expect(a.net.connections()[0]?.outbound).toBe(false)
      expect(b.net.connections()[0]?.outbound).toBe(true)
      expect(a.handlers.connected).toEqual([b.id])
    })

    test('nodes that know one address find all others', async () => {
      const first = await add({ name: 'a' })
      const rest: NetNode[] = []
      for (const name of ['b', 'c', 'd', 'e']) rest.push(await add({ name }, [first]))
      await theWorld().until(() => isMeshed([first, ...rest]), seconds(25))
    })

    test('a dial of an identity at whose address another lives now fails by that name', async () => {
      const [a, b] = [await add({ name: 'a' }), await add({ name: 'b' })]
      const gone = new FakeAdmission({ name: 'gone' }).node
      b.net.addAddresses(a.net.addresses().map(address => `${withoutPeer(address)}/p2p/${gone}`))
      await theWorld().until(() => b.handlers.failedDials.length > 0)
      expect(b.handlers.failedDials).toEqual(['UNEXPECTED_PEER'])
      expect(a.net.connections()).toEqual([])
    })

    test('a request gets its answer, a refusal its code, a failure no detail', async () => {
      const [a, b] = await pair()
      a.handlers.answer = async request => utf8(`${fromUtf8(request)} answered`)
      const answer = await alongside(b.net.ask(a.id, 'hello', utf8('hi'), patience()))
      expect(fromUtf8(answer)).toBe('hi answered')
      a.handlers.answer = async () => {
        throw new PeerFault('NOT_YET', 'a sentence for the log')
      }
      const refused = await codeOf(alongside(b.net.ask(a.id, 'key', utf8('hi'), patience())))
      expect(refused).toBe('NOT_YET')
      a.handlers.answer = async () => {
        throw new Error('a secret detail')
      }
      expect(await codeOf(alongside(b.net.ask(a.id, 'sync', utf8('hi'), patience())))).toBe(
        'INTERNAL',
      )
    })

    test('the largest frame travels and a larger one is not sent', async () => {
      const [a, b] = await pair()
      const largest = new Uint8Array(limits.frameBytesMax).fill(7)
      expect(await alongside(b.net.ask(a.id, 'sync', largest, patience()))).toEqual(largest)
      const larger = new Uint8Array(limits.frameBytesMax + 1)
      expect(await codeOf(b.net.ask(a.id, 'sync', larger, patience()))).toBe('FRAME_TOO_LARGE')
    })

    test('a third request of one protocol waits for the first two', async () => {
      const [a, b] = await pair()
      const releases: (() => void)[] = []
      a.handlers.answer = request =>
        new Promise(resolve => releases.push(() => resolve(request.slice())))
      const asks = [1, 2, 3].map(n => b.net.ask(a.id, 'sync', Uint8Array.of(n), patience()))
      await theWorld().until(() => releases.length === 2)
      await theWorld().pass(milliseconds(100))
      expect(releases.length).toBe(2)
      releases[0]?.()
      await theWorld().until(() => releases.length === 3)
      releases[1]?.()
      releases[2]?.()
      expect(await alongside(Promise.all(asks))).toHaveLength(3)
    })

    test('frames told arrive in order', async () => {
      const [a, b] = await pair()
      const sent = Array.from({ length: 200 }, (_, i) => `frame ${i}`)
      await alongside(Promise.all(sent.map(text => b.net.tell(a.id, 'ack', utf8(text)))))
      await theWorld().until(() => a.handlers.toldFrames.length === sent.length)
      expect(a.handlers.toldFrames.map(frame => frame.text)).toEqual(sent)
    })

    test('who is not connected cannot be asked or told', async () => {
      const [a] = await pair()
      const stranger = new FakeAdmission({ name: 'stranger' }).node
      const asked = a.net.ask(stranger, 'hello', utf8('hi'), patience())
      expect(await codeOf(asked)).toBe('NOT_CONNECTED')
      expect(await codeOf(a.net.tell(stranger, 'ack', utf8('hi')))).toBe('NOT_CONNECTED')
      expect(await codeOf(a.net.stepUp(stranger, 'step-up', patience()))).toBe('NOT_CONNECTED')
    })

    test('gossip reaches every member once', async () => {
      const a = await add({ name: 'a' })
      const b = await add({ name: 'b' }, [a])
      const c = await add({ name: 'c' }, [a])
      await theWorld().until(() => isMeshed([a, b, c]), seconds(25))
      await gossiping([a, b, c], 'warm up')
      await a.net.publish('delta', utf8('the message'))
      await theWorld().until(() => heard(b, 'the message') && heard(c, 'the message'))
      await theWorld().pass(milliseconds(200))
      for (const node of [b, c]) {
        expect(node.handlers.heard.filter(({ text }) => text === 'the message')).toHaveLength(1)
      }
      expect(a.handlers.heard.filter(({ text }) => text === 'the message')).toHaveLength(0)
    })

    test('no gossip flows in or out before the gate opens', async () => {
      const open = Promise.withResolvers<void>()
      const a = await add({ name: 'a' })
      const handlers = new RecordingHandlers()
      handlers.gate = () => open.promise
      const b = await addWith({ name: 'b' }, { to: [a], handlers })
      await theWorld().until(() => isMeshed([a, b]))
      const early = await a.net.publish('delta', utf8('too early'))
      const out = await b.net.publish('delta', utf8('out too early'))
      await theWorld().pass(milliseconds(1500))
      expect([early.recipients, out.recipients]).toEqual([0, 0])
      expect(b.handlers.heard).toEqual([])
      expect(a.handlers.heard).toEqual([])
      // Requests work from the start: they are how the gate comes to open.
      expect(await alongside(b.net.ask(a.id, 'hello', utf8('hi'), patience()))).toEqual(utf8('hi'))
      open.resolve()
      await gossiping([a, b], 'now')
      expect(heard(b, 'too early')).toBe(false)
    })

    test('a member that is turned away is closed with the code', async () => {
      const a = await add({ name: 'a' })
      const handlers = new RecordingHandlers()
      handlers.gate = async () => {
        throw new PeerFault('REMOVAL_MISMATCH', 'it hides removals')
      }
      const b = await addWith({ name: 'b' }, { to: [a], handlers })
      await theWorld().until(() => b.handlers.disconnected.length > 0)
      expect(b.handlers.disconnected[0]).toEqual({ node: a.id, reason: 'REMOVAL_MISMATCH' })
    })

    test('a wrong measurement is refused, and both sides hear why', async () => {
      const a = await add({ name: 'a' })
      const b = await add({ name: 'b', measurement: 'evil' }, [a])
      await theWorld().until(() => a.handlers.refused.length > 0 && b.handlers.refused.length > 0)
      expect(a.handlers.refused[0]).toMatchObject({
        by: 'me',
        node: b.id,
        refusal: { code: 'MEASUREMENT_MISMATCH', facts: { measurement: 'evil' } },
      })
      expect(b.handlers.refused[0]).toMatchObject({
        by: 'them',
        node: a.id,
        refusal: { code: 'MEASUREMENT_MISMATCH', facts: { measurement: 'evil' } },
      })
      expect(a.net.connections()).toEqual([])
      expect(a.handlers.connected).toEqual([])
    })

    test('a dialler refuses a wrong answerer, and both sides hear why', async () => {
      const a = await add({ name: 'a', measurement: 'evil' })
      a.admission.judge = () =>
        a.admission.appraiseBinder(
          b.id,
          b.admission.evidence,
          b.admission.evidence.body.subarray(0, 64),
        )
      const b: NetNode = await add({ name: 'b' }, [a])
      await theWorld().until(() => a.handlers.refused.length > 0 && b.handlers.refused.length > 0)
      expect(b.handlers.refused[0]).toMatchObject({
        by: 'me',
        refusal: { code: 'MEASUREMENT_MISMATCH' },
      })
      expect(a.handlers.refused[0]).toMatchObject({
        by: 'them',
        refusal: { code: 'MEASUREMENT_MISMATCH' },
      })
    })

    test('a node of another network is turned away without a word', async () => {
      const a = await add({ name: 'a' })
      const network = a.id.padEnd(64, '0').slice(0, 64) as never
      const other = Buffer.from(network, 'utf8').toString('hex').slice(0, 64) as never
      const b = await add({ name: 'b', network: other }, [a])
      await theWorld().until(() => a.handlers.refused.length > 0 && b.handlers.refused.length > 0)
      expect(b.handlers.refused[0]).toMatchObject({
        by: 'link',
        refusal: { code: 'WRONG_NETWORK_OR_TAMPERED' },
      })
      expect(a.handlers.refused[0]).toMatchObject({
        by: 'link',
        refusal: { code: 'HANDSHAKE_ABORTED' },
      })
    })

    test('the side with the lower manifest takes the higher one first', async () => {
      const { fakeManifest } = await import('../fixtures/fake-admission.ts')
      const a = await add({ name: 'a', manifest: fakeManifest(2, ['good', 'new']) })
      const b = await add({ name: 'b', manifest: fakeManifest(1, ['good']) }, [a])
      await theWorld().until(() => isMeshed([a, b]))
      expect(b.admission.manifest.nonce).toBe(2)
      const c = await add({ name: 'c', manifest: fakeManifest(3, ['good', 'new']) }, [a])
      await theWorld().until(() => a.net.connections().some(link => link.node === c.id))
      expect(a.admission.manifest.nonce).toBe(3)
    })

    test('a manifest of equal nonce and other content joins nobody', async () => {
      const { fakeManifest } = await import('../fixtures/fake-admission.ts')
      const a = await add({ name: 'a', manifest: fakeManifest(2, ['good']) })
      const b = await add({ name: 'b', manifest: fakeManifest(2, ['good', 'other']) }, [a])
      await theWorld().until(() => b.handlers.refused.length > 0 && a.handlers.refused.length > 0)
      expect(b.handlers.refused[0]?.refusal.code).toBe('MANIFEST_CONFLICT')
      expect(a.handlers.refused[0]?.refusal.code).toBe('MANIFEST_CONFLICT')
    })

    test('a barred identity is refused in both roles', async () => {
      const a = await add({ name: 'a' })
      const b = new FakeAdmission({ name: 'b' })
      a.admission.bars.set(b.node, { code: 'REMOVED', facts: {} })
      const dialler = await add({ name: 'b' }, [a])
      await theWorld().until(() => dialler.handlers.refused.length > 0)
      expect(dialler.handlers.refused[0]).toMatchObject({
        by: 'them',
        refusal: { code: 'REMOVED' },
      })
      const c = await add({ name: 'c' })
      const barring = new FakeAdmission({ name: 'd' })
      barring.bars.set(c.id, { code: 'REMOVED', facts: {} })
      const d = await add({ name: 'd' }, [])
      d.admission.bars.set(c.id, { code: 'REMOVED', facts: {} })
      d.net.addAddresses(c.net.addresses().map(withoutPeer))
      await theWorld().until(() => c.handlers.refused.length > 0 && d.handlers.refused.length > 0)
      expect(c.handlers.refused[0]).toMatchObject({ by: 'them', refusal: { code: 'REMOVED' } })
      expect(d.handlers.refused[0]).toMatchObject({ by: 'me', refusal: { code: 'REMOVED' } })
    })

    test('a disconnected and barred node stays away as long as it is barred', async () => {
      const [a, b] = await pair()
      a.admission.bars.set(b.id, { code: 'BANNED', facts: {} })
      await alongside(a.net.disconnect(b.id, 'REMOVED'))
      await theWorld().until(() => b.handlers.disconnected.length > 0)
      expect(a.handlers.disconnected[0]).toEqual({ node: b.id, reason: 'REMOVED' })
      expect(b.handlers.disconnected[0]?.reason).toBe('REMOVED')
      await theWorld().until(() => b.handlers.refused.length > 0)
      expect(b.handlers.refused[0]).toMatchObject({ by: 'them', refusal: { code: 'BANNED' } })
      expect(a.net.connections()).toEqual([])
      a.admission.bars.clear()
      await theWorld().until(() => isMeshed([a, b]), seconds(25))
    })

    test('a member proves itself anew on request', async () => {
      const [a, b] = await pair()
      const verdict = await alongside(b.net.stepUp(a.id, 'step-up', patience()))
      expect(verdict.kind).toBe('trusted')
      expect(b.handlers.steppedUpBy).toEqual([{ node: a.id, purpose: 'step-up' }])
      expect(a.handlers.steppedUpBy).toEqual([])
    })

    test('requests that wait at one time share a quote', async () => {
      const a = await add({ name: 'a' })
      const others: NetNode[] = []
      for (const name of ['b', 'c', 'd', 'e']) others.push(await add({ name }, [a]))
      await theWorld().until(() => isMeshed([a, ...others]), seconds(25))
      const release = Promise.withResolvers<void>()
      a.admission.makeQuote = async reportData => {
        await release.promise
        const { body } = a.admission.evidence
        return { platform: 'fake', body: Buffer.concat([reportData, body.subarray(64)]) }
      }
      const asks = others.map(node => node.net.stepUp(a.id, 'release', patience()))
      await theWorld().until(() => a.admission.quotes === 1)
      await theWorld().pass(milliseconds(200))
      release.resolve()
      const verdicts = await alongside(Promise.all(asks))
      expect(verdicts.map(verdict => verdict.kind)).toEqual([
        'trusted',
        'trusted',
        'trusted',
        'trusted',
      ])
      expect(a.admission.quotes).toBe(2)
    })

    test('an old quote proves nothing to a new request', async () => {
      const [a, b] = await pair()
      const old = await a.admission.quote(new Uint8Array(64))
      a.admission.makeQuote = async () => old
      const verdict = await alongside(b.net.stepUp(a.id, 'step-up', patience()))
      expect(verdict).toMatchObject({ kind: 'refused', code: 'REPORT_DATA_MISMATCH' })
      expect(b.handlers.steppedUpBy).toEqual([])
    })

    test('a verdict is renewed before it lapses', async () => {
      const clock = theWorld()
      const a = await add({ name: 'a', verdictExpiresAt: () => clock.now() + 2000 })
      const b = await add({ name: 'b' }, [a])
      await clock.until(() => isMeshed([a, b]))
      await clock.pass(seconds(3))
      expect(isMeshed([a, b])).toBe(true)
      expect(a.handlers.steppedUpBy.length).toBeGreaterThan(0)
      expect(a.handlers.steppedUpBy[0]).toEqual({ node: b.id, purpose: 're-attest' })
      expect(a.handlers.disconnected).toEqual([])
    })

    test('a member that cannot prove itself again is closed before its verdict lapses', async () => {
      const clock = theWorld()
      const a = await add({ name: 'a', verdictExpiresAt: () => clock.now() + 1500 })
      const b = await add({ name: 'b' }, [a])
      await clock.until(() => isMeshed([a, b]))
      b.admission.measurement = 'evil'
      await clock.until(() => a.handlers.disconnected.length > 0)
      expect(a.handlers.disconnected[0]).toEqual({ node: b.id, reason: 'MEASUREMENT_MISMATCH' })
    })

    test('a member that stops is noticed, and found again when it is back', async () => {
      const [a, b] = await pair()
      await alongside(b.net.stop())
      await theWorld().until(() => a.handlers.disconnected.length === 1)
      expect(a.net.connections()).toEqual([])
      const again = await add({ name: 'b2' }, [a])
      await theWorld().until(() => isMeshed([a, again]), seconds(25))
    })
  })
}
