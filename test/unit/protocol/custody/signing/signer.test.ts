/** A signer alone, asked by whoever lies best. */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../../src/base/bytes.ts'
import { instant } from '../../../../../src/base/time.ts'
import { isCheatShown } from '../../../../../src/protocol/custody/signing/cheats.ts'
import { lockQuorum } from '../../../../../src/protocol/custody/signing/group-rules.ts'
import { LockTable, pagesOf } from '../../../../../src/protocol/custody/signing/lock-table.ts'
import type { SignerEffect } from '../../../../../src/protocol/custody/signing/signer.ts'
import { say } from '../../../../../src/protocol/custody/signing/statements.ts'
import { isLockKept, knownGroup } from '../../../../../src/protocol/custody/signing/votes.ts'
import { groupId } from '../../../../../src/wire/signing-group.ts'
import { type StatementKind, statementCodec } from '../../../../../src/wire/signing-statement.ts'
import {
  type ChosenCommitment,
  lockId,
  lockRequestCodec,
  lockVoteCodec,
  messageHash,
  nonceOfferCodec,
  nonceRequestCodec,
  signatureShareCodec,
  signingRefusalCodec,
  signRequestCodec,
} from '../../../../../src/wire/threshold-signing.ts'
import type { SigningNetwork } from '../../../../fakes/signing-network.ts'
import { makeGroup, oneLock, worldOf } from '../../../../fakes/signing-schedule.ts'

const [anna, eve] = [utf8('pay Anna'), utf8('pay Eve')]
const now = instant(0)

/** Whoever asks what it likes: `x`, who holds no share. */
function liar(made: ReturnType<typeof makeGroup>) {
  const world = worldOf(made, 9)
  const { group } = made
  const id = groupId(group)
  const about = {
    network: group.network,
    subject: id,
    epoch: group.epoch,
    session: new Uint8Array(16),
  }
  const speak = (by: string, kind: StatementKind, body: Uint8Array, subject = about): Uint8Array =>
    say(world.node(by), subject, { kind, body })
  const ask = (to: string, kind: StatementKind, body: Uint8Array, by = 'x') => {
    const effects = world
      .node(to)
      .do(node => node.hear(speak(by, kind, body), now)) as SignerEffect[]
    const [sent] = effects.flatMap(effect =>
      effect.kind === 'send' ? [statementCodec.decode(effect.bytes)] : [],
    )
    if (sent === undefined) throw new Error('no answer')
    return sent
  }
  const nonces = (to: string, index: number, by = 'x'): ChosenCommitment => {
    const said = ask(to, 'nonce-request', nonceRequestCodec.encode({ count: 1 }), by)
    return {
      index,
      ...(nonceOfferCodec.decode(said.body).commitments[0] as {
        hiding: Uint8Array
        binding: Uint8Array
      }),
    }
  }
  const vote = (to: string, message: Uint8Array) =>
    ask(to, 'lock-request', lockRequestCodec.encode({ lockKey: oneLock, message }))
  return { world, group, id, about, speak, ask, nonces, vote }
}

const codeOf = (said: { kind: string; body: Uint8Array }): string =>
  said.kind === 'signing-refusal' ? signingRefusalCodec.decode(said.body).code : said.kind

const threeOfThree = makeGroup(3, { threshold: 3 })
const twoOfThree = makeGroup(3, { threshold: 2 })

test('no share leaves before the lock is kept by enough signers, each counted once', () => {
  const { ask, nonces, vote, world, group, speak } = liar(twoOfThree)
  expect(lockQuorum(group)).toBe(2)
  const commitments = [nonces('a', 1), nonces('b', 2)]
  const sign = (votes: readonly Uint8Array[]): string =>
    codeOf(
      ask(
        'a',
        'sign-request',
        signRequestCodec.encode({ message: anna, lockKey: oneLock, commitments, votes }),
      ),
    )
  const kept = { lock: lockId(group, oneLock), message: messageHash(anna) }
  const own = statementCodec.encode(vote('a', anna))
  const other = statementCodec.encode(vote('b', anna))
  expect(sign([])).toBe('LOCK_UNPROVEN')
  expect(sign([own])).toBe('LOCK_UNPROVEN')
  expect(sign([own, own])).toBe('LOCK_UNPROVEN')
  // Words of who is no signer, for another message, under a wrong signature, or of another group.
  expect(sign([own, speak('x', 'lock-vote', lockVoteCodec.encode(kept))])).toBe('LOCK_UNPROVEN')
  expect(
    sign([
      own,
      speak('b', 'lock-vote', lockVoteCodec.encode({ ...kept, message: messageHash(eve) })),
    ]),
  ).toBe('LOCK_UNPROVEN')
  expect(sign([own, speak('b', 'lock-request', lockVoteCodec.encode(kept))])).toBe('LOCK_UNPROVEN')
  const said = statementCodec.decode(other)
  const unsigned = statementCodec.encode({ ...said, signature: said.signature.toReversed() })
  expect(sign([own, unsigned])).toBe('LOCK_UNPROVEN')
  // One word of each signer is verified: who asks decides which, and costs no more than one signature for each.
  expect(sign([own, unsigned, other])).toBe('LOCK_UNPROVEN')
  expect(sign([own, statementCodec.encode({ ...said, epoch: 2 })])).toBe('LOCK_UNPROVEN')
  expect(world.node('a').told('contributed')).toEqual([])
  expect(sign([own, other])).toBe('signature-share')
})

test('a request without a lock gets nothing in a group with locks', () => {
  const { ask, nonces } = liar(twoOfThree)
  const commitments = [nonces('a', 1), nonces('b', 2)]
  const body = signRequestCodec.encode({ message: anna, lockKey: null, commitments, votes: [] })
  expect(codeOf(ask('a', 'sign-request', body))).toBe('LOCK_WANTED')
})

test('where one vote is enough, each signer still signs for one message alone', () => {
  const { ask, nonces, vote, world, group } = liar(threeOfThree)
  expect(lockQuorum(group)).toBe(1)
  const names = ['a', 'b', 'c']
  const votes = {
    anna: [statementCodec.encode(vote('a', anna))],
    eve: [statementCodec.encode(vote('b', eve))],
  }
  const answers = (message: Uint8Array, kept: readonly Uint8Array[]): string[] => {
    const commitments = names.map((name, i) => nonces(name, i + 1))
    const body = signRequestCodec.encode({ message, lockKey: oneLock, commitments, votes: kept })
    return names.map(name => codeOf(ask(name, 'sign-request', body)))
  }
  expect(answers(anna, votes.anna)).toEqual([
    'signature-share',
    'LOCKED_OTHERWISE',
    'signature-share',
  ])
  expect(answers(eve, votes.eve)).toEqual([
    'LOCKED_OTHERWISE',
    'signature-share',
    'LOCKED_OTHERWISE',
  ])
  expect(world.node('c').told('locked')).toHaveLength(1)
})

test('nonces answer one request of the one who asked for them, whatever became of it', () => {
  const { ask, nonces, vote } = liar(twoOfThree)
  const votes = ['a', 'b'].map(name => statementCodec.encode(vote(name, anna)))
  const commitments = [nonces('a', 1), nonces('b', 2)]
  const body = (chosen: readonly ChosenCommitment[]): Uint8Array =>
    signRequestCodec.encode({ message: anna, lockKey: oneLock, commitments: chosen, votes })
  expect(codeOf(ask('a', 'sign-request', body(commitments), 'y'))).toBe('NONCE_UNKNOWN')
  expect(codeOf(ask('a', 'sign-request', body(commitments)))).toBe('signature-share')
  expect(codeOf(ask('a', 'sign-request', body(commitments)))).toBe('NONCE_UNKNOWN')
  const again = [commitments[0] as ChosenCommitment, nonces('b', 2)]
  expect(codeOf(ask('a', 'sign-request', body(again)))).toBe('NONCE_UNKNOWN')
  // A set with a point that is none spends them as well.
  const fresh = nonces('a', 1)
  const bent = { index: 2, hiding: new Uint8Array(33).fill(7), binding: new Uint8Array(33).fill(7) }
  expect(codeOf(ask('a', 'sign-request', body([fresh, bent])))).toBe('REQUEST_MALFORMED')
  expect(codeOf(ask('a', 'sign-request', body([fresh, nonces('b', 2)])))).toBe('NONCE_UNKNOWN')
})

test('no more than 32 pairs of nonces wait for one asker', () => {
  const { ask, nonces, vote } = liar(twoOfThree)
  const votes = ['a', 'b'].map(name => statementCodec.encode(vote(name, anna)))
  const first = nonces('a', 1)
  for (let i = 0; i < 2; i++) ask('a', 'nonce-request', nonceRequestCodec.encode({ count: 16 }))
  const commitments = [first, nonces('b', 2)]
  const body = signRequestCodec.encode({ message: anna, lockKey: oneLock, commitments, votes })
  expect(codeOf(ask('a', 'sign-request', body))).toBe('NONCE_UNKNOWN')
})

test.each([
  ['too few', [1]],
  ['out of order', [2, 1]],
  ['twice', [1, 1]],
  ['beyond the group', [1, 9]],
  ['without this signer', [2, 3]],
] as const)('a set of signers that is %s is refused', (_what, indices) => {
  const { ask, nonces, vote } = liar(twoOfThree)
  const votes = ['a', 'b'].map(name => statementCodec.encode(vote(name, anna)))
  const own = nonces('a', 1)
  const commitments = indices.map(index => ({ ...own, index }))
  const body = signRequestCodec.encode({ message: anna, lockKey: oneLock, commitments, votes })
  expect(codeOf(ask('a', 'sign-request', body))).toBe('REQUEST_MALFORMED')
})

test('what policy forbids is neither locked nor signed', () => {
  const { ask, nonces, vote, world } = liar(twoOfThree)
  const votes = ['a', 'b'].map(name => statementCodec.encode(vote(name, anna)))
  const commitments = [nonces('a', 1), nonces('b', 2)]
  world.node('a').permits = ({ message }) => toHex(message) !== toHex(anna)
  expect(codeOf(vote('a', anna))).toBe('NOT_PERMITTED')
  const body = signRequestCodec.encode({ message: anna, lockKey: oneLock, commitments, votes })
  expect(codeOf(ask('a', 'sign-request', body))).toBe('NOT_PERMITTED')
})

test('a signer that gave its epoch up offers, votes and signs nothing', () => {
  const { ask, nonces, vote, world, id } = liar(twoOfThree)
  const votes = ['a', 'b'].map(name => statementCodec.encode(vote(name, anna)))
  const commitments = [nonces('a', 1), nonces('b', 2)]
  const share = world.node('a').shares.get(toHex(id))
  expect(share?.giveUpFor(new Uint8Array(32).fill(1))).toBe(true)
  expect(share?.giveUpFor(new Uint8Array(32).fill(2))).toBe(false)
  const body = signRequestCodec.encode({ message: anna, lockKey: oneLock, commitments, votes })
  expect(codeOf(ask('a', 'sign-request', body))).toBe('EPOCH_ENDED')
  expect(codeOf(vote('a', anna))).toBe('EPOCH_ENDED')
  expect(codeOf(ask('a', 'nonce-request', nonceRequestCodec.encode({ count: 1 })))).toBe(
    'EPOCH_ENDED',
  )
  expect(() => share?.use(secret => secret.isWiped)).toThrow('given up')
})

test('a full table refuses new locks and keeps the old', () => {
  const table = new LockTable(2)
  const bytes = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
  expect([1, 2, 3].map(byte => table.take(bytes(byte), bytes(9)))).toEqual(['held', 'held', 'full'])
  expect(table.take(bytes(1), bytes(9))).toBe('held')
  expect(table.take(bytes(1), bytes(8))).toBe('held-by-another')
  const other = new LockTable(2)
  other.take(bytes(1), bytes(8))
  other.take(bytes(4), bytes(7))
  table.absorb(other.entries())
  expect(table.size).toBe(3)
  // Two messages had a part of it: neither gets it any more.
  for (const message of [8, 9]) expect(table.take(bytes(1), bytes(message))).toBe('held-by-another')
  expect(pagesOf(table.entries())).toHaveLength(1)
})

test('a false share is named to its signer, and shown by request and share', () => {
  const { world, group } = liar(twoOfThree)
  const cheat = world.node('a')
  cheat.bend = bytes => {
    const said = statementCodec.decode(bytes)
    if (said.kind !== 'signature-share') return bytes
    const body = signatureShareCodec.decode(said.body)
    const bent = signatureShareCodec.encode({
      ...body,
      share: body.share.with(31, (body.share[31] ?? 0) ^ 1),
    })
    return say(cheat, said, { kind: said.kind, body: bent })
  }
  world.sign('x', group, anna, oneLock)
  world.run()
  const [cheated] = world.node('x').told('cheated')
  expect(cheated?.node).toBe(cheat.id)
  const known = knownGroup(group)
  expect(cheated?.accusation.code).toBe('SHARE_FALSE')
  if (cheated === undefined) return
  expect(isCheatShown(known, cheated.accusation)).toBe(true)
  const { accusation } = cheated
  expect(isCheatShown(known, { ...accusation, accused: world.node('b').identity })).toBe(false)
  expect(
    isCheatShown(known, { ...accusation, statements: accusation.statements.toReversed() }),
  ).toBe(false)
  // Others signed instead.
  expect(world.node('x').told('signed')).toHaveLength(1)
  const good = world.sent.filter(
    ({ from, bytes }) =>
      from.name === 'b' && statementCodec.decode(bytes).kind === 'signature-share',
  )
  const [share] = good.slice(-1)
  const statements = [accusation.statements[0] as Uint8Array, share?.bytes as Uint8Array]
  expect(
    isCheatShown(known, { ...accusation, statements, accused: world.node('b').identity }),
  ).toBe(false)
})

test('two votes of one signer for one lock are shown by both', () => {
  const { world, group, speak, about, id } = liar(twoOfThree)
  const cheat = world.node('a')
  const kept = (message: Uint8Array) => ({
    lock: lockId(group, oneLock),
    message: messageHash(message),
  })
  cheat.bend = bytes => {
    const said = statementCodec.decode(bytes)
    if (said.kind !== 'signing-refusal') return bytes
    const answered = { ...about, session: Uint8Array.from(said.session) }
    return speak('a', 'lock-vote', lockVoteCodec.encode(kept(eve)), answered)
  }
  world.sign('x', group, anna, oneLock, 1)
  world.run()
  world.sign('x', group, eve, oneLock, 2)
  world.run()
  const [cheated] = world.node('x').told('cheated')
  expect(cheated?.accusation.code).toBe('TWO_VOTES')
  if (cheated === undefined) return
  expect(isCheatShown({ group, id }, cheated.accusation)).toBe(true)
  const [one] = cheated.accusation.statements as readonly [Uint8Array]
  expect(isCheatShown({ group, id }, { ...cheated.accusation, statements: [one, one] })).toBe(false)
  expect(isLockKept({ group, id }, kept(eve), cheated.accusation.statements)).toBe(false)
  expect(
    world
      .node('x')
      .told('signed')
      .map(({ request }) => request),
  ).toEqual([1])
  expect(world.node('x').told('notSigned')).toMatchObject([
    { request: 2, code: 'LOCKED_OTHERWISE' },
  ])
})

test('a signer that dies in the middle is replaced by another, with fresh nonces', () => {
  const { world, group } = liar(twoOfThree)
  const [a] = [world.node('a')]
  a.bend = bytes => {
    if (statementCodec.decode(bytes).kind === 'signature-share') a.isUp = false
    return a.isUp ? bytes : undefined
  }
  world.sign('x', group, anna, oneLock)
  world.run()
  expect(world.node('x').told('signed')).toHaveLength(1)
  const asked = world.sent.filter(
    ({ bytes }) => statementCodec.decode(bytes).kind === 'sign-request',
  )
  const sets = new Set(asked.map(({ bytes }) => toHex(statementCodec.decode(bytes).body)))
  expect(sets.size).toBe(2)
})

test('fewer signers than the threshold sign nothing, and who asks is told in time', () => {
  const { world, group } = liar(twoOfThree)
  world.node('a').isUp = false
  world.node('b').isUp = false
  world.sign('x', group, anna, oneLock)
  world.run()
  expect(world.node('x').told('notSigned')).toMatchObject([
    { code: 'SIGNING_TIMED_OUT', facts: { needed: 2, voted: 1 } },
  ])
})

test('a group without locks signs in one round after nonces, and refuses lock requests', () => {
  const made = makeGroup(4, { threshold: 2, locks: false })
  const { world, group, vote } = liar(made)
  world.sign('x', group, anna, null)
  world.run()
  expect(world.node('x').told('signed')).toHaveLength(1)
  expect(codeOf(vote('a', anna))).toBe('REQUEST_MALFORMED')
})

test('two who ask at once and split the locks get one message signed at most, and that for ever', () => {
  const { world, group, vote } = liar(twoOfThree)
  vote('a', anna)
  vote('b', eve)
  world.node('c').isUp = false
  for (const [request, message] of [anna, eve].entries())
    world.sign('x', group, message, oneLock, request)
  world.run()
  expect(world.node('x').told('signed')).toEqual([])
  expect(
    world
      .node('x')
      .told('notSigned')
      .map(({ code }) => code),
  ).toEqual(['SIGNING_TIMED_OUT', 'SIGNING_TIMED_OUT'])
})

const rest = (world: SigningNetwork): number => world.flights.length
test('bytes that are no statement, or not about this group, move nothing', () => {
  const { world, about, speak } = liar(twoOfThree)
  const body = lockRequestCodec.encode({ lockKey: oneLock, message: anna })
  const wrong = { ...about, network: new Uint8Array(32) }
  for (const bytes of [
    speak('x', 'lock-request', body, wrong),
    speak('x', 'lock-request', body, { ...about, epoch: 7 }),
  ]) {
    expect(world.node('a').do(node => node.hear(bytes, now))).toEqual([])
  }
  expect(rest(world)).toBe(0)
})

test('what no signer would take is refused where it is asked for', () => {
  const { world, group } = liar(twoOfThree)
  const long = new Uint8Array(32 * 1024 + 1)
  world.sign('x', group, long, oneLock, 1)
  world.sign('x', group, anna, new Uint8Array(0), 2)
  world.sign('x', group, anna, new Uint8Array(257), 3)
  world.sign('x', group, anna, null, 4)
  const codes = world
    .node('x')
    .told('notSigned')
    .map(({ code }) => code)
  expect(codes).toEqual([
    'REQUEST_MALFORMED',
    'REQUEST_MALFORMED',
    'REQUEST_MALFORMED',
    'LOCK_WANTED',
  ])
  expect(world.flights).toEqual([])
  world.sign('x', group, anna, oneLock, 5)
  world.sign('x', group, anna, oneLock, 5)
  expect(world.node('x').told('notSigned').at(-1)?.code).toBe('TOO_MANY_REQUESTS')
})
