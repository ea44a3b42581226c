/** Whoever cheats in a ceremony is named by what it signed, by everybody, and everybody can show it. */
import { expect, test } from 'vitest'
import { toHex } from '../../../../../src/base/bytes.ts'
import type { NodeId } from '../../../../../src/base/ids.ts'
import { seal } from '../../../../../src/crypto/aead.ts'
import { Dealing } from '../../../../../src/crypto/frost-dealing.ts'
import { framed } from '../../../../../src/crypto/hash.ts'
import { deriveSecret } from '../../../../../src/crypto/kdf.ts'
import { encapsulate } from '../../../../../src/crypto/kem.ts'
import { isShown } from '../../../../../src/protocol/custody/signing/accusations.ts'
import { planOf } from '../../../../../src/protocol/custody/signing/plan.ts'
import { sealShare } from '../../../../../src/protocol/custody/signing/sealed-share.ts'
import { say } from '../../../../../src/protocol/custody/signing/statements.ts'
import {
  type AccusationCode,
  accusationCodec,
  complaintCodec,
  confirmationCodec,
  dealingCodec,
  dealtShareCodec,
  echoCodec,
} from '../../../../../src/wire/key-ceremony.ts'
import type { Proposal } from '../../../../../src/wire/signing-group.ts'
import {
  type SigningStatement,
  type StatementKind,
  statementCodec,
} from '../../../../../src/wire/signing-statement.ts'
import { seededRandom } from '../../../../fakes/beat-network.ts'
import { SigningNetwork, type TestSigner } from '../../../../fakes/signing-network.ts'

const names = ['a', 'b', 'c', 'd']

interface Cheat {
  readonly world: SigningNetwork
  readonly cheat: TestSigner
  readonly proposal: Proposal
}

/** A ceremony in which `d` says something else than it should, to whom `bend` decides. */
function ceremonyWith(
  bend: (
    said: SigningStatement,
    given: Cheat & { readonly to: NodeId },
  ) => SigningStatement | undefined,
): Cheat {
  const world = new SigningNetwork(names)
  const proposal = world.proposal(names, { threshold: 3 })
  const cheat = world.node('d')
  const given = { world, cheat, proposal }
  cheat.bend = (bytes, to) => {
    const bent = bend(statementCodec.decode(bytes), { ...given, to })
    return bent === undefined ? undefined : statementCodec.encode(bent)
  }
  world.begin(proposal, names)
  world.run()
  return given
}

/** The same statement with another body, signed again by who says it. */
function resaid(
  said: SigningStatement,
  by: TestSigner,
  body: Uint8Array,
  kind: StatementKind = said.kind,
) {
  const { network, subject, epoch, session } = said
  const about = { network, subject, epoch, session }
  return statementCodec.decode(say(by, about, { kind, body }))
}

/** All others ended with this accusation of `d`, and the statements show it to whoever knows the proposal alone. */
function expectNamed({ world, cheat, proposal }: Cheat, code: AccusationCode): void {
  const planned = planOf(proposal)
  if (planned.kind === 'refused') throw new Error(planned.code)
  for (const name of ['a', 'b', 'c']) {
    const [failed] = world.node(name).told('failed')
    expect(failed?.accusation.code, name).toBe(code)
    expect(toHex(failed?.accusation.accused as Uint8Array)).toBe(toHex(cheat.identity))
    if (failed === undefined || code === 'SILENT') continue
    expect(isShown(planned.plan, failed.accusation)).toBe(true)
    const another = { ...failed.accusation, accused: world.node('a').identity }
    expect(isShown(planned.plan, another)).toBe(false)
    expect(isShown(planned.plan, { ...failed.accusation, statements: [] })).toBe(false)
    expect(world.node(name).told('made')).toEqual([])
  }
}

const otherDealing = (threshold = 3): Uint8Array => {
  const { commitments, proof } = new Dealing(
    { suite: 'ed25519', index: 4, threshold },
    seededRandom(77),
  )
  return dealingCodec.encode({ commitments, proof })
}

test('a dealer that tells two participants two things is named by both', () => {
  const told = ceremonyWith((said, { world, cheat, to }) =>
    said.kind === 'dealing' && to === world.node('b').id
      ? resaid(said, cheat, otherDealing())
      : said,
  )
  expectNamed(told, 'TWO_DEALINGS')
})

test.each([
  ['no message', Uint8Array.of(1, 2, 3)],
  ['of another degree', otherDealing(2)],
  [
    'without a proof of its own',
    ((): Uint8Array => {
      const { commitments, proof } = dealingCodec.decode(otherDealing())
      return dealingCodec.encode({ commitments, proof: proof.toReversed() })
    })(),
  ],
])('a dealing that is %s names its dealer', (_what, body) => {
  expectNamed(
    ceremonyWith((said, { cheat }) => (said.kind === 'dealing' ? resaid(said, cheat, body) : said)),
    'DEALING_INVALID',
  )
})

test('an echo of what nobody said names its author', () => {
  const told = ceremonyWith((said, { cheat }) => {
    if (said.kind !== 'echo') return said
    const { dealings } = echoCodec.decode(said.body)
    const forged = statementCodec.decode(dealings[0] as Uint8Array)
    const first = statementCodec.encode({ ...forged, body: otherDealing() })
    return resaid(said, cheat, echoCodec.encode({ dealings: [first, ...dealings.slice(1)] }))
  })
  expectNamed(told, 'ECHO_FALSE')
})

test('a wrong share names its dealer, by the share that the receiver opens', () => {
  const told = ceremonyWith((said, { world, cheat, proposal, to }) => {
    if (said.kind !== 'dealt-share' || to !== world.node('b').id) return said
    const { network, subject, epoch, session } = said
    const about = { network, subject, epoch, session }
    const context = { about, dealer: cheat.identity, receiver: world.node('b').identity }
    const share = new Uint8Array(32).fill(3)
    const opened = { share, seed: new Uint8Array(32).fill(9) }
    const sealed = sealShare(context, proposal.participants[1]?.kemKey as Uint8Array, opened)
    return resaid(
      said,
      cheat,
      dealtShareCodec.encode({ receiver: 2, ...(sealed as object) } as never),
    )
  })
  expectNamed(told, 'DEALT_WRONG')
})

/** Seals as the specification says, but with entropy that no seed gives again. */
function sealedByHand(said: SigningStatement, kemKey: Uint8Array, receiver: Uint8Array) {
  const made = encapsulate(kemKey, new Uint8Array(64).fill(6))
  if (made === undefined) throw new Error('no KEM key')
  const { network, subject, session, sender } = said
  const info = framed('coterie/sealed-share/1', network, subject, session, sender, receiver)
  const key = deriveSecret(made.shared, { salt: subject, info, length: 32 })
  const context = { key, nonce: new Uint8Array(12), aad: new Uint8Array(0) }
  return { encapsulation: made.ciphertext, sealed: seal(context, new Uint8Array(64).fill(3)) }
}

test('a wrong share under a seal that nobody can repeat names its dealer, and not the receiver', () => {
  const told = ceremonyWith((said, { world, cheat, proposal, to }) => {
    const b = world.node('b')
    if (said.kind !== 'dealt-share' || to !== b.id) return said
    const byHand = sealedByHand(said, proposal.participants[1]?.kemKey as Uint8Array, b.identity)
    return resaid(said, cheat, dealtShareCodec.encode({ receiver: 2, ...byHand }))
  })
  expectNamed(told, 'DEALT_WRONG')
})

test('a share that does not open names its dealer, who cannot show what it sealed', () => {
  const told = ceremonyWith((said, { world, cheat, to }) => {
    if (said.kind !== 'dealt-share' || to !== world.node('b').id) return said
    const body = dealtShareCodec.decode(said.body)
    return resaid(
      said,
      cheat,
      dealtShareCodec.encode({ ...body, sealed: body.sealed.toReversed() }),
    )
  })
  expectNamed(told, 'DEALT_WRONG')
})

test('a share that is no message names its dealer', () => {
  const told = ceremonyWith((said, { world, cheat, to }) =>
    said.kind === 'dealt-share' && to === world.node('b').id
      ? resaid(said, cheat, Uint8Array.of(7))
      : said,
  )
  expectNamed(told, 'DEALT_WRONG')
})

/** What a statement to `d` said, as `d` received it. */
const dealtTo = (world: SigningNetwork, from: string, to: string): Uint8Array =>
  world.sent.find(
    flight =>
      flight.from.name === from &&
      flight.to === world.node(to).id &&
      statementCodec.decode(flight.bytes).kind === 'dealt-share',
  )?.bytes ?? new Uint8Array(1)

test.each([
  ['opens nothing of it', 'd', null],
  ['shows what was not in it', 'd', { share: new Uint8Array(32), seed: new Uint8Array(32) }],
  ['is about a share for another', 'b', null],
] as const)('a false complaint that %s names who complains', (_how, to, opened) => {
  const told = ceremonyWith((said, { world, cheat }) => {
    if (said.kind !== 'confirmation') return said
    const dealt = dealtTo(world, 'a', to)
    return resaid(said, cheat, complaintCodec.encode({ dealt, opened }), 'complaint')
  })
  expectNamed(told, 'COMPLAINT_FALSE')
})

test('a complaint about something that is no dealt share names who complains', () => {
  const told = ceremonyWith((said, { cheat }) => {
    if (said.kind !== 'confirmation') return said
    const body = complaintCodec.encode({ dealt: Uint8Array.of(1), opened: null })
    return resaid(said, cheat, body, 'complaint')
  })
  expectNamed(told, 'COMPLAINT_FALSE')
})

test('a confirmation of another group names its author', () => {
  const told = ceremonyWith((said, { cheat }) =>
    said.kind === 'confirmation'
      ? resaid(said, cheat, confirmationCodec.encode({ group: new Uint8Array(32).fill(4) }))
      : said,
  )
  expectNamed(told, 'CONFIRMATION_FALSE')
})

test('an accusation that shows nothing names its author', () => {
  const told = ceremonyWith((said, { world, cheat }) => {
    if (said.kind !== 'echo') return said
    const accused = world.node('a').identity
    const statements = [statementCodec.encode(said)]
    const body = accusationCodec.encode({ code: 'DEALING_INVALID', accused, statements })
    return resaid(said, cheat, body, 'abort')
  })
  expectNamed(told, 'ABORT_FALSE')
})

test.each([
  // An echo repeats what its author dealt, so one of the two is enough.
  ['dealing and no echo', ['dealing', 'echo']],
  ['echo', ['echo']],
  ['share', ['dealt-share']],
  ['confirmation', ['confirmation']],
] as const)('a participant that never says its %s is named silent by all', (_what, kinds) => {
  const silent: readonly StatementKind[] = [...kinds, 'abort']
  expectNamed(
    ceremonyWith(said => (silent.includes(said.kind) ? undefined : said)),
    'SILENT',
  )
})

test('an old signer that splits anything but its share is named', () => {
  const world = new SigningNetwork(names)
  const old = world.found(names, { threshold: 3 })
  const proposal = world.proposal(names, { threshold: 3 }, { group: old, dealers: [1, 3, 4] })
  const cheat = world.node('d')
  cheat.bend = bytes => {
    const said = statementCodec.decode(bytes)
    const bent = said.kind === 'dealing' ? resaid(said, cheat, otherDealing()) : said
    return said.kind === 'echo' ? undefined : statementCodec.encode(bent)
  }
  world.begin(proposal, names)
  world.run()
  for (const name of ['a', 'b', 'c']) {
    const [failed] = world.node(name).told('failed')
    expect(failed?.accusation.code).toBe('DEALING_INVALID')
    expect(toHex(failed?.accusation.accused as Uint8Array)).toBe(toHex(cheat.identity))
    // And the old epoch goes on.
    expect(world.node(name).told('gaveUp')).toEqual([])
  }
})

test('statements of a stranger, of another ceremony, or under a wrong signature count for nothing', () => {
  const world = new SigningNetwork(names)
  const proposal = world.proposal(names, { threshold: 3 })
  const other = world.proposal(names, { threshold: 3 })
  const stranger = world.add('s')
  world.begin(proposal, names)
  const flights = world.flights.splice(0)
  for (const { to, bytes, from } of flights) {
    const said = statementCodec.decode(bytes)
    const bent = [
      resaid(said, stranger, said.body),
      { ...said, signature: said.signature.toReversed() },
      { ...said, session: other.session },
      { ...said, epoch: 2 },
      { ...said, kind: 'echo' as const },
    ]
    for (const each of bent) world.flights.push({ from, to, bytes: statementCodec.encode(each) })
    world.flights.push({ from, to, bytes })
  }
  world.run()
  for (const name of names) expect(world.node(name).told('made')).toHaveLength(1)
})

const three = new SigningNetwork(names)
const good = three.proposal(names, { threshold: 3 })
const [first, second, ...others] = good.participants as [
  Proposal['participants'][0],
  Proposal['participants'][0],
]
const besides = (change: Partial<Proposal['participants'][0]>): Partial<Proposal> => ({
  participants: [first, { ...second, ...change }, ...others],
})

test.each<[Partial<Proposal>, string]>([
  [{ threshold: 1 }, 'THRESHOLD_WRONG'],
  [{ threshold: 5 }, 'THRESHOLD_WRONG'],
  [{ threshold: 2 }, 'LOCKS_UNSAFE'],
  [{ clonesMax: 2 }, 'LOCKS_UNSAFE'],
  [{ participants: [first, first, ...others] }, 'PARTICIPANT_TWICE'],
  [besides({ instance: first.instance }), 'INSTANCE_TWICE'],
  [besides({ instance: new Uint8Array(32) }), 'PARTICIPANT_DIFFERS'],
  [besides({ kemKey: new Uint8Array(1216) }), 'PARTICIPANT_DIFFERS'],
  [besides({ identity: new Uint8Array(32).fill(5) }), 'PARTICIPANT_UNKNOWN'],
  [{ epoch: 2 }, 'PREDECESSOR_WRONG'],
  [{ participants: [second, ...others] }, 'NOT_INVITED'],
])(
  'a node takes no part in a ceremony with other terms or participants than it knows, %#: $1',
  (change, code) => {
    expect(() => three.begin({ ...good, ...change }, ['a'])).toThrow(code)
  },
)

test('a group whose shares do not make its public key hands nothing on, to newcomers neither', () => {
  for (const suite of ['ed25519', 'secp256k1-taproot'] as const) {
    const world = new SigningNetwork(names)
    const group = world.found(names, { suite, threshold: 3 })
    world.add('p')
    const [other] = group.verificationShares as [Uint8Array]
    const propose = (from: typeof group): Proposal =>
      world.proposal(['a', 'b', 'c', 'p'], { threshold: 3 }, { group: from, dealers: [1, 3, 4] })
    const begin = (from: typeof group) => () => world.begin(propose(from), ['p'])
    expect(begin({ ...group, publicKey: other })).toThrow('p: PREDECESSOR_WRONG')
    const shares = group.verificationShares.with(2, other)
    expect(begin({ ...group, verificationShares: shares })).toThrow('p: PREDECESSOR_WRONG')
    expect(begin(group)).not.toThrow()
  }
})

test('without locks half of the signers may do', () => {
  expect(() => three.begin({ ...good, threshold: 2, locks: false }, ['a'])).not.toThrow()
})
