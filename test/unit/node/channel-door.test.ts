/** The door of sealed calls, with the host in front of it: what it repeats, delays, forges and floods. */
import { expect, test } from 'vitest'
import type { ApiClient } from '../../../src/attestation/manifest-document.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import type { NetworkId } from '../../../src/base/ids.ts'
import { hours, milliseconds, minutes, seconds } from '../../../src/base/time.ts'
import { KemKey } from '../../../src/crypto/kem.ts'
import { kemBytes } from '../../../src/crypto/kem-bytes.ts'
import type { SigningKey } from '../../../src/crypto/sign.ts'
import { ChannelDoor, openCallsMax } from '../../../src/node/channel-door.ts'
import { subkeyGrace } from '../../../src/node/channel-subkeys.ts'
import { makeIdentity } from '../../../src/node/identity.ts'
import { UsedCalls, usedCallsMax } from '../../../src/node/used-calls.ts'
import { channelOfferCodec, subkeyDigest, subkeyLife } from '../../../src/wire/channel-offer.ts'
import { limits } from '../../../src/wire/limits.ts'
import type { CallAnswer, ClientCall } from '../../../src/wire/sealed-call.ts'
import { OutgoingCall } from '../../../src/wire/sealed-exchange.ts'
import { seededRandom } from '../../fakes/beat-network.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'
import { callerKey, listed } from '../../fixtures/channel-world.ts'

const network = 'ab'.repeat(32) as NetworkId
const clockAhead = 1_793_000_000_000
let seeds = 1

interface Ports {
  /** Whom the manifest in force lists. */
  readonly clients: () => readonly ApiClient[]
  /** Milliseconds, or `undefined` before it is founded. */
  readonly groupClock: () => number | undefined
}

function opens(time: VirtualTime, { clients, groupClock }: Ports) {
  const random = seededRandom(seeds++)
  const identity = makeIdentity(random)
  const manifests = {
    network,
    // Of a manifest the door reads the clients alone.
    get current() {
      return { manifest: { api: { clients: clients() } } } as never
    },
  }
  const host = { clock: time.clock, timers: time.timers, random }
  const opened = new ChannelDoor({ host, identity, manifests, replica: { groupClock } })
  return { opened, random, identity }
}

/** A door and who knocks; `serve` counts what is carried out. */
function door(options: { readonly clients?: readonly ApiClient[] } = {}) {
  const time = new VirtualTime()
  const world = {
    clients: options.clients ?? [listed('wallet'), listed('other')],
    isFounded: true,
    carried: 0,
    hold: Promise.resolve(),
  }
  const group = (): number => clockAhead + time.now
  const { opened, random, identity } = opens(time, {
    clients: () => world.clients,
    groupClock: () => (world.isFounded ? group() : undefined),
  })
  const serve = async (): Promise<CallAnswer> => {
    world.carried++
    await world.hold
    return { status: 200, type: '', body: utf8(`carried ${world.carried}`) }
  }
  const offer = () => channelOfferCodec.decode(opened.offer())
  const call = (
    change: Partial<ClientCall> & { readonly by?: SigningKey; readonly as?: string } = {},
    at = offer(),
    to: Uint8Array = identity.keys.identity,
  ) => {
    const { by, as, signature, ...fields } = change
    const target = { network, node: to, subkey: subkeyDigest(at.subkey) }
    const entropy = random.bytes(kemBytes.entropy)
    const outgoing = OutgoingCall.to(target, { subkey: at.subkey, entropy })
    if (outgoing === undefined) throw new Error('a good key')
    const key = callerKey(as ?? 'wallet')
    const unsigned = {
      method: 'GET' as const,
      path: '/v1/state/k',
      type: '',
      body: new Uint8Array(),
      id: random.bytes(16),
      expiresAt: group() + 30_000,
      client: key.publicKey,
      ...fields,
    }
    const signed = signature ?? (by ?? key).sign(outgoing.message(unsigned))
    return { outgoing, request: outgoing.seal({ ...unsigned, signature: signed }) }
  }
  const outcome = async (request: Uint8Array): Promise<string> => {
    try {
      await opened.answer(request, serve)
      return 'carried out'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  return { door: opened, time, world, identity, offer, call, outcome, serve, group, random }
}

test('a call of a listed client is carried out once, however often the host repeats it', async () => {
  const { call, outcome, world, time } = door()
  const { request } = call()
  expect(await outcome(request)).toBe('carried out')
  expect(await outcome(request)).toBe('CALL_REFUSED')
  await time.advance(seconds(29))
  expect(await outcome(request)).toBe('CALL_REFUSED')
  // Sealed anew under the same id by the client itself: still the same call.
  const id = new Uint8Array(16).fill(3)
  expect(await outcome(call({ id }).request)).toBe('carried out')
  expect(await outcome(call({ id }).request)).toBe('CALL_REFUSED')
  // Ids of two clients do not meet.
  expect(await outcome(call({ id, as: 'other' }).request)).toBe('carried out')
  expect(world.carried).toBe(3)
})

test('while a call is carried out its repetition is refused already', async () => {
  const { call, outcome, world, door: opened, serve } = door()
  const { promise, resolve } = Promise.withResolvers<void>()
  world.hold = promise
  const { request, outgoing } = call()
  const first = opened.answer(request, serve)
  expect(await outcome(request)).toBe('CALL_REFUSED')
  resolve()
  expect(outgoing.open(await first)).toMatchObject({ body: utf8('carried 1') })
  expect(world.carried).toBe(1)
})

test('a call that was delayed past its expiry is dead, and none may live long', async () => {
  const { call, outcome, time, group } = door()
  const { request } = call()
  await time.advance(seconds(30))
  expect(await outcome(request)).toBe('CALL_REFUSED')
  expect(await outcome(call({ expiresAt: group() }).request)).toBe('CALL_REFUSED')
  expect(await outcome(call({ expiresAt: group() + 60_001 }).request)).toBe('CALL_REFUSED')
  expect(await outcome(call({ expiresAt: group() + 60_000 }).request)).toBe('carried out')
})

test('a host that turns its wall clock forward and back makes the node forget no call', async () => {
  const { call, outcome, time } = door()
  const { request } = call({ expiresAt: clockAhead + 60_000 })
  expect(await outcome(request)).toBe('carried out')
  time.wallSkew = 86_400_000
  for (let i = 0; i < 20; i++) expect(await outcome(call().request)).toBe('carried out')
  time.wallSkew = -86_400_000
  expect(await outcome(request)).toBe('CALL_REFUSED')
})

test('after a restart, and at another node, a recorded call opens nothing', async () => {
  const { call } = door()
  const { request } = call()
  expect(await door().outcome(request)).toBe('CALL_REFUSED')
  const third = door()
  third.offer()
  expect(await third.outcome(request)).toBe('CALL_REFUSED')
  // Sealed for another node under this one's subkey.
  const { outcome, call: calls, offer } = third
  const elsewhere = door().identity.keys.identity
  expect(await outcome(calls({}, offer(), elsewhere).request)).toBe('CALL_REFUSED')
})

test('who is not listed, was taken off the list, or signs with another key is refused in the same words', async () => {
  const { call, door: opened, world, serve, offer } = door()
  const good = call().request
  const attempts: Record<string, Uint8Array> = {
    'not listed': call({ as: 'stranger' }).request,
    'signed by another': call({ by: callerKey('stranger') }).request,
    'not signed': call({ signature: new Uint8Array(64) }).request,
    expired: call({ expiresAt: clockAhead - 1 }).request,
    'another subkey': call({}, { ...offer(), subkey: foreignKey().publicKey }).request,
    'another byte': good.with(900, (good[900] ?? 0) ^ 1),
    nothing: new Uint8Array(),
    noise: new Uint8Array(2_000).fill(7),
    'too long': new Uint8Array(limits.sealedCallBytesMax + 1),
  }
  const removed = call({ as: 'other' }).request
  world.clients = [listed('wallet')]
  attempts['taken off the list'] = removed
  const words = new Set<string>()
  for (const [what, request] of Object.entries(attempts)) {
    const error = await opened.answer(request, serve).catch(each => each)
    expect(error.code, what).toBe('CALL_REFUSED')
    words.add(JSON.stringify([error.message, error.next, error.cause]))
  }
  expect(words.size).toBe(1)
  expect(world.carried).toBe(0)
  expect(await opened.answer(good, serve)).toBeDefined()
})

const foreignKey = (): KemKey => door().identity.kem

test('full memory refuses calls and forgets none; when calls have expired there is room', async () => {
  const used = new UsedCalls()
  const at = (ms: number) => (clockAhead + ms) as never
  const id = (i: number, client = 'a') => ({ client, id: `${i}` })
  for (let i = 0; i < usedCallsMax.ofClient; i++)
    expect(used.take(id(i), at(100), at(0))).toBe('new')
  expect(used.take(id(-1), at(100), at(99))).toBe('full')
  // Others have their own part.
  expect(used.take(id(0, 'b'), at(100), at(99))).toBe('new')
  for (let i = 0; i < usedCallsMax.ofClient; i++)
    expect(used.take(id(i), at(200), at(99))).toBe('used')
  expect(used.take(id(-1), at(200), at(100))).toBe('new')
  expect(used.count).toBe(1)
  for (let i = 0; used.count < usedCallsMax.ofAll; i++) {
    expect(used.take(id(i, `c${i % 99}`), at(300), at(101))).toBe('new')
  }
  expect(used.take(id(0, 'newcomer'), at(300), at(102))).toBe('full')
  expect(used.take(id(0, 'c0'), at(300), at(102))).toBe('used')
  expect(used.take(id(0, 'newcomer'), at(400), at(300))).toBe('new')
  expect(used.count).toBe(1)
})

test('a client that fills its memory is told so in the clear, and its calls of before stay refused', async () => {
  const { call, outcome, time, world } = door()
  const first = call({ expiresAt: clockAhead + 60_000 }).request
  expect(await outcome(first)).toBe('carried out')
  // Two of a second pass the rate; a minute of them is more than is remembered of one client.
  for (let i = 1; i < usedCallsMax.ofClient; i++) {
    await time.advance(milliseconds(25))
    expect(await outcome(call({ expiresAt: clockAhead + 60_000 + 20 * i }).request)).toBe(
      'carried out',
    )
  }
  const late = call().request
  expect(await outcome(late)).toBe('TOO_MANY_REQUESTS')
  expect(await outcome(first)).toBe('CALL_REFUSED')
  expect(await outcome(call({ as: 'other' }).request)).toBe('carried out')
  const { carried } = world
  await time.advance(seconds(30))
  // What was turned away for want of room was not answered under seal, and is dead by now.
  expect(await outcome(late)).toBe('CALL_REFUSED')
  expect(world.carried).toBe(carried)
})

test('calls under way are bounded for each client and for all, and room comes back', async () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const {
    call,
    outcome,
    world,
    door: opened,
    serve,
    time,
  } = door({ clients: names.map(name => listed(name)) })
  const { promise, resolve } = Promise.withResolvers<void>()
  world.hold = promise
  const open: Promise<Uint8Array>[] = []
  for (const as of names.slice(0, 4)) {
    for (let i = 0; i < openCallsMax.ofClient; i++)
      open.push(opened.answer(call({ as }).request, serve))
    expect(await outcome(call({ as }).request)).toBe('TOO_MANY_REQUESTS')
  }
  expect(open.length).toBe(openCallsMax.ofAll)
  expect(await outcome(call({ as: 'e' }).request)).toBe('TOO_MANY_REQUESTS')
  resolve()
  await Promise.all(open)
  await time.advance(seconds(1))
  for (const as of names) expect(await outcome(call({ as }).request)).toBe('carried out')
})

test('strangers cost a bounded rate: bytes beyond it are not opened', async () => {
  const { call, outcome, time } = door()
  const { request } = call()
  const noise = new Uint8Array(2_000)
  let refused = 0
  for (let i = 0; i < 400; i++) if ((await outcome(noise)) === 'CALL_REFUSED') refused++
  expect(refused).toBe(250)
  expect(await outcome(request)).toBe('TOO_MANY_REQUESTS')
  await time.advance(seconds(1))
  expect(await outcome(request)).toBe('carried out')
})

test('each hour has a subkey of its own; the one before is taken for as long as its calls count, then it is gone', async () => {
  const { offer, call, outcome, time } = door()
  const first = offer()
  expect(first.until - first.from).toBe(hours(1))
  await time.advance(minutes(59))
  expect(offer()).toEqual(first)
  await time.advance(minutes(1))
  const second = offer()
  expect(second.subkey).not.toEqual(first.subkey)
  expect(second.from).toBe(first.until)
  expect(await outcome(call({}, first).request)).toBe('carried out')
  await time.advance(subkeyGrace - 1)
  expect(await outcome(call({}, first).request)).toBe('carried out')
  await time.advance(1)
  expect(await outcome(call({}, first).request)).toBe('CALL_REFUSED')
  expect(await outcome(call({}, second).request)).toBe('carried out')
})

test('keys that are no longer taken are wiped, and with the node all of them', async () => {
  const wiped: Uint8Array[] = []
  const dispose = KemKey.prototype[Symbol.dispose]
  KemKey.prototype[Symbol.dispose] = function wipe(this: KemKey) {
    wiped.push(this.publicKey)
    dispose.call(this)
  }
  try {
    const { offer, time, door: opened, outcome, call } = door()
    const first = offer()
    await time.advance(subkeyLife)
    const second = offer()
    expect(wiped).toEqual([])
    await time.advance(subkeyGrace)
    expect(wiped).toEqual([first.subkey])
    const { request } = call()
    opened.stop()
    expect(wiped).toEqual([first.subkey, second.subkey])
    expect(await outcome(request)).toBe('CALL_REFUSED')
    expect(time.pending).toBe(0)
  } finally {
    KemKey.prototype[Symbol.dispose] = dispose
  }
})

test('without a listed client or a clock of the group there is no offer', () => {
  const { door: opened, world } = door()
  const codeOf = (): string => {
    try {
      opened.offer()
      return 'offered'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  world.isFounded = false
  expect(codeOf()).toBe('NOT_READY')
  world.isFounded = true
  expect(codeOf()).toBe('offered')
  world.clients = []
  expect(codeOf()).toBe('NO_CLIENTS')
})

test('a call that fails inside is answered by nobody, and a node that stopped signs nothing', async () => {
  const { call, door: opened, world, serve } = door()
  const bug = new Error('a bug')
  await expect(opened.answer(call().request, () => Promise.reject(bug))).rejects.toBe(bug)
  const { promise, resolve } = Promise.withResolvers<void>()
  world.hold = promise
  const late = opened.answer(call().request, serve)
  opened.stop()
  resolve()
  await expect(late).rejects.toMatchObject({ code: 'STOPPING' })
})
