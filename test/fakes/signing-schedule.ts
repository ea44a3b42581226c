/**
 * One random life of a group: two askers want two messages under one lock, while the network loses, doubles and
 * reorders, signers restart, memories are copied, and the key is handed on to others, twice at once.
 *
 * The checkers see all that was ever sent, lost or not: what left an enclave is the adversary's.
 */
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { Secret } from '../../src/base/secret.ts'
import { verifyShare } from '../../src/crypto/frost.ts'
import { indexOf, KeyShare } from '../../src/protocol/custody/signing/key-share.ts'
import { groupId, type SigningGroup } from '../../src/wire/signing-group.ts'
import {
  requestDigest,
  type SigningStatement,
  statementCodec,
} from '../../src/wire/signing-statement.ts'
import {
  lockVoteCodec,
  signatureShareCodec,
  signRequestCodec,
} from '../../src/wire/threshold-signing.ts'
import { type Flight, SigningNetwork, type Terms, type TestSigner } from './signing-network.ts'

/** A group that was made once, and whose shares are handed to the signers of many lives. */
export interface MadeGroup {
  readonly group: SigningGroup
  readonly shares: readonly Secret[]
  readonly names: readonly string[]
}

const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

export function makeGroup(size: number, terms: Terms): MadeGroup {
  const names = letters.slice(0, size)
  const world = new SigningNetwork(names, size)
  const group = world.found(names, { suite: 'secp256k1', ...terms })
  const shares = names.map(name => {
    const [share] = world.node(name).told('made')
    if (share === undefined) throw new Error('no share was made')
    return share.share.use(secret => secret.use(bytes => new Secret(bytes.slice())))
  })
  return { group, shares, names }
}

/** A network whose signers hold the shares of `made`. */
export function worldOf(made: MadeGroup, seed: number): SigningNetwork {
  const world = new SigningNetwork([...made.names, 'x', 'y'], seed)
  made.names.forEach((name, i) => {
    world.node(name).do(node => {
      const share = made.shares[i]?.use(bytes => new Secret(bytes.slice()))
      if (share !== undefined) {
        node.adopt(new KeyShare({ group: made.group, identity: node.identity, share }))
      }
      return []
    })
  })
  return world
}

export interface Life {
  readonly world: SigningNetwork
  /** Every group of the key, by its id. */
  readonly groups: Map<string, SigningGroup>
  readonly cloned: ReadonlySet<string>
}

export const oneLock: Uint8Array = utf8('nonce account 7, value 12')
const messages = [utf8('pay 3 to Anna'), utf8('pay 3 to Eve')] as const

export interface LifeOptions {
  readonly reshares: boolean
  /** What surely happens before this step of the first trouble, besides what happens by chance. */
  readonly before?: { readonly step: number; readonly what: 'restart' | 'clone' }
}

/** Steps of the first trouble in a life. */
export const stepsOfTrouble = 70

/** Plays one life to its end: trouble, rest, both messages again wherever the key lives by now, trouble, rest. */
export function live(made: MadeGroup, seed: number, options: LifeOptions): Life {
  const world = worldOf(made, seed)
  const { random } = world
  const below = (bound: number): number => Math.floor(random.next() * bound)
  const groups = new Map([[toHex(groupId(made.group)), made.group]])
  const cloned = new Set<string>()
  let [asked, reshared] = [0, 0]
  const learn = (): void => {
    for (const { share } of world.nodes.flatMap(node => node.told('made'))) {
      groups.set(toHex(share.id), share.group)
    }
  }
  const ask = (which: number, group: SigningGroup): void => {
    world.sign(which === 0 ? 'x' : 'y', group, messages[which] as Uint8Array, oneLock, ++asked)
  }
  const { before } = options
  for (const steps of [stepsOfTrouble, 50]) {
    learn()
    const first = below(2)
    for (const group of groups.values()) for (const which of [first, 1 - first]) ask(which, group)
    for (let step = 0; step < steps; step++) {
      if (steps === stepsOfTrouble && step === before?.step) {
        if (before.what === 'restart') restart(world, below)
        else clone(world, made, cloned, below)
      }
      const chance = below(100)
      if (chance < 1) restart(world, below)
      else if (chance < 4 && cloned.size < made.group.clonesMax) clone(world, made, cloned, below)
      else if (chance < 8 && options.reshares && reshared < 2)
        reshare(world, made, ++reshared, below)
      else if (chance < 12 || world.flights.length === 0) {
        world.now += below(1500)
        world.tick()
      } else travel(world, below)
    }
    world.run(world.now + 4000)
  }
  learn()
  return { world, groups, cloned }
}

type Below = (bound: number) => number

/** One statement arrives, or is lost, or comes twice; any of those on their way, in any order. */
function travel(world: SigningNetwork, below: Below): void {
  const [flight] = world.flights.splice(below(world.flights.length), 1)
  if (flight === undefined) return
  const fate = below(20)
  if (fate === 0) return
  if (fate === 1) world.flights.push(flight)
  // Of two processes with one memory the host picks who hears it.
  const hearers = world.nodes.filter(({ id, isUp }) => isUp && id === flight.to)
  const hearer = hearers[below(hearers.length)]
  if (hearer !== undefined) world.hand(hearer, flight.bytes)
}

/** A signer ends, and what starts in its place is another identity on its machine, without a share. */
function restart(world: SigningNetwork, below: Below): void {
  const running = world.nodes.filter(({ isUp, name }) => isUp && letters.includes(name))
  const node = running[below(running.length)]
  if (node === undefined || running.length < 3) return
  node.isUp = false
  world.add(`${node.name} again`, node.machine)
}

/** The memory of a signer runs twice from now on. */
function clone(world: SigningNetwork, made: MadeGroup, cloned: Set<string>, below: Below): void {
  const name = made.names[below(made.names.length)] as string
  const node = world.nodes.find(each => each.name === name && each.isUp)
  if (node === undefined) return
  cloned.add(name)
  world.nodes.push(node.clone())
}

/** The key is to be handed on, to some of the old signers and to new ones. */
function reshare(world: SigningNetwork, made: MadeGroup, nth: number, below: Below): void {
  const { threshold, clonesMax } = made.group
  const newcomer = nth === 1 ? 'p' : 'q'
  world.add(newcomer)
  const names = [...made.names.slice(1 + below(1), made.names.length), newcomer]
  const first = below(made.names.length - threshold + 1)
  const dealers = Array.from({ length: threshold }, (_, i) => first + i + 1)
  const proposal = world.proposal(names, { threshold, clonesMax }, { group: made.group, dealers })
  for (const node of [...world.nodes]) {
    const isIn = names.includes(node.name) || made.names.includes(node.name)
    if (!isIn) continue
    try {
      world.begin(proposal, [node.name])
    } catch (refused) {
      // Whoever gave its share up, or is gone, takes no part.
      if (!(refused instanceof Error) || !/SHARE_MISSING/.test(refused.message)) throw refused
    }
  }
}

interface Said {
  readonly said: SigningStatement
  readonly flight: Flight
}

/** What breaks a promise in a life, in words; empty if nothing does. */
export function violations(life: Life): readonly string[] {
  const heard = life.world.sent.map(flight => ({
    flight,
    said: statementCodec.decode(flight.bytes),
  }))
  return [...twoSigned(life, heard), ...nonceReuse(life, heard), ...twoVotes(life, heard)]
}

/** Messages of which all signature shares of some set left their signers: whoever saw them can sign. */
export function signable(life: Life): ReadonlySet<string> {
  const heard = life.world.sent.map(({ bytes }) => statementCodec.decode(bytes))
  const requests = new Map<string, SigningStatement>()
  const sharesOf = new Map<string, Map<number, Uint8Array>>()
  for (const said of heard) {
    if (said.kind === 'sign-request') requests.set(toHex(requestDigest(said.body)), said)
    if (said.kind !== 'signature-share') continue
    const group = life.groups.get(toHex(said.subject))
    if (group === undefined) continue
    const { request, share } = signatureShareCodec.decode(said.body)
    const shares = sharesOf.get(toHex(request)) ?? new Map<number, Uint8Array>()
    sharesOf.set(toHex(request), shares.set(indexOf(group, said.sender), share))
  }
  const found = new Set<string>()
  for (const [digest, shares] of sharesOf) {
    const asked = requests.get(digest)
    const group = asked === undefined ? undefined : life.groups.get(toHex(asked.subject))
    if (asked === undefined || group === undefined) continue
    const body = signRequestCodec.decode(asked.body)
    const isWhole = body.commitments.every(({ index }) => {
      const share = shares.get(index)
      return share !== undefined && verifyShare(group, body, { index, share })
    })
    if (isWhole) found.add(toHex(body.message))
  }
  return found
}

function twoSigned(life: Life, _heard: readonly Said[]): readonly string[] {
  const found = signable(life)
  return found.size > 1 ? [`${found.size} messages are signed under one lock`] : []
}

/** No pair of nonces answers two requests; the copied are the adversary's anyway. */
function nonceReuse(life: Life, heard: readonly Said[]): readonly string[] {
  const requests = new Map(
    heard
      .filter(({ said }) => said.kind === 'sign-request')
      .map(({ said }) => [toHex(requestDigest(said.body)), signRequestCodec.decode(said.body)]),
  )
  const used = new Map<string, string>()
  return heard.flatMap(({ said, flight }) => {
    if (said.kind !== 'signature-share' || life.cloned.has(flight.from.name)) return []
    const request = toHex(signatureShareCodec.decode(said.body).request)
    const group = life.groups.get(toHex(said.subject))
    const index = group === undefined ? 0 : indexOf(group, said.sender)
    const own = requests.get(request)?.commitments.find(each => each.index === index)
    if (own === undefined) return [`a share of ${flight.from.name} answers nothing`]
    const name = `${toHex(own.hiding)} ${toHex(own.binding)}`
    const before = used.get(name)
    used.set(name, request)
    return before === undefined || before === request
      ? []
      : [`${flight.from.name} used nonces twice`]
  })
}

/** No signer gives one lock to two messages, over all epochs. */
function twoVotes(life: Life, heard: readonly Said[]): readonly string[] {
  const given = new Map<string, string>()
  return heard.flatMap(({ said, flight }) => {
    if (said.kind !== 'lock-vote' || life.cloned.has(flight.from.name)) return []
    const { lock, message } = lockVoteCodec.decode(said.body)
    const name = `${flight.from.name} ${toHex(said.subject)} ${toHex(lock)}`
    const before = given.get(name)
    given.set(name, toHex(message))
    return before === undefined || before === toHex(message)
      ? []
      : [`${flight.from.name} voted twice`]
  })
}

/** What a life came to, for a test to see that lives differ. */
export function outcome({ world, groups }: Life) {
  const signed = world.nodes.flatMap((node: TestSigner) => node.told('signed')).length
  return { signed, epochs: groups.size }
}
