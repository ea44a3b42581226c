/** Everything that ceremonies and signers say. */
import { expect, test } from 'vitest'
import { equalBytes, toHex } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import {
  accusationCodec,
  accusationCodes,
  complaintCodec,
  confirmationCodec,
  dealingCodec,
  dealtShareCodec,
  echoCodec,
  handoverCodec,
  locksPerPage,
  lockTableDigest,
  openingCodec,
  sealedShareBytes,
} from '../../../src/wire/key-ceremony.ts'
import {
  groupCodec,
  groupId,
  type Proposal,
  participantsMax,
  proposalCodec,
  proposalId,
  type SigningGroup,
} from '../../../src/wire/signing-group.ts'
import { groupAnswerCodec, groupRequestCodec } from '../../../src/wire/signing-record.ts'
import {
  type SigningStatement,
  statementBytesMax,
  statementCodec,
  statementKinds,
  statementMessage,
  verifyStatement,
} from '../../../src/wire/signing-statement.ts'
import {
  lockId,
  lockRequestCodec,
  lockVoteCodec,
  messageHash,
  nonceOfferCodec,
  nonceRequestCodec,
  signatureShareCodec,
  signingRefusalCodec,
  signRequestCodec,
} from '../../../src/wire/threshold-signing.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const key = new SigningKey(new Secret(filled(32, 7)))
const mutationsMax = 1500

const unsigned = {
  kind: 'lock-vote',
  network: filled(32, 1),
  subject: filled(32, 2),
  epoch: 3,
  session: filled(16, 4),
  sender: key.publicKey,
  body: filled(5, 5),
} as const
const statement: SigningStatement = { ...unsigned, signature: key.sign(statementMessage(unsigned)) }

const group: SigningGroup = {
  network: filled(32, 1),
  suite: 'secp256k1-taproot',
  epoch: 2,
  threshold: 2,
  clonesMax: 0,
  locks: true,
  publicKey: filled(33, 2),
  participants: [
    { identity: filled(32, 3), instance: filled(32, 4) },
    { identity: filled(32, 5), instance: filled(32, 6) },
  ],
  verificationShares: [filled(33, 7), filled(33, 8)],
}
const { publicKey: _key, verificationShares: _shares, ...terms } = group
const proposal: Proposal = {
  ...terms,
  session: filled(16, 9),
  participants: group.participants.map(each => ({ ...each, kemKey: filled(1216, 1) })),
  predecessor: { group: groupCodec.encode(group), dealers: [1, 2] },
  purpose: 'payouts',
}
const opened = { share: filled(32, 1), seed: filled(32, 2) }
const commitment = { hiding: filled(33, 1), binding: filled(33, 2) }

conformMessage({ codec: statementCodec, mutationsMax, samples: { statement } })
conformMessage({ codec: groupCodec, mutationsMax, samples: { group } })
conformMessage({ codec: groupRequestCodec, samples: { request: { group: groupId(group) } } })
conformMessage({
  codec: groupAnswerCodec,
  mutationsMax,
  samples: { unknown: { records: [] }, known: { records: [groupCodec.encode(group)] } },
})
conformMessage({
  codec: proposalCodec,
  mutationsMax,
  samples: { resharing: proposal, fresh: { ...proposal, predecessor: null, epoch: 1 } },
})
conformMessage({
  codec: dealingCodec,
  mutationsMax,
  samples: { dealing: { commitments: [filled(33, 1), filled(33, 2)], proof: filled(65, 3) } },
})
conformMessage({
  codec: echoCodec,
  mutationsMax,
  samples: { echo: { dealings: [filled(300, 1), filled(300, 2)] } },
})
conformMessage({
  codec: dealtShareCodec,
  mutationsMax,
  samples: {
    dealt: { receiver: 2, encapsulation: filled(1120, 1), sealed: filled(sealedShareBytes, 2) },
  },
})
conformMessage({
  codec: complaintCodec,
  mutationsMax,
  samples: {
    opened: { dealt: filled(40, 1), opened },
    sealed: { dealt: filled(40, 1), opened: null },
  },
})
conformMessage({
  codec: openingCodec,
  mutationsMax,
  samples: { opening: { dealt: filled(40, 1), opened } },
})
conformMessage({
  codec: confirmationCodec,
  mutationsMax,
  samples: { confirmation: { group: filled(32, 1) } },
})
conformMessage({
  codec: handoverCodec,
  mutationsMax,
  samples: {
    page: {
      successor: filled(32, 1),
      table: filled(32, 2),
      pages: 3,
      page: 2,
      locks: filled(128, 3),
    },
  },
})
conformMessage({
  codec: accusationCodec,
  mutationsMax,
  samples: Object.fromEntries(
    accusationCodes.map(code => [
      code,
      { code, accused: filled(32, 1), statements: [filled(9, 2)] },
    ]),
  ),
})
conformMessage({ codec: nonceRequestCodec, mutationsMax, samples: { request: { count: 16 } } })
conformMessage({
  codec: nonceOfferCodec,
  mutationsMax,
  samples: { offer: { commitments: [commitment] } },
})
conformMessage({
  codec: lockRequestCodec,
  mutationsMax,
  samples: { request: { lockKey: filled(9, 1), message: filled(20, 2) } },
})
conformMessage({
  codec: lockVoteCodec,
  mutationsMax,
  samples: { vote: { lock: filled(32, 1), message: filled(32, 2) } },
})
conformMessage({
  codec: signRequestCodec,
  mutationsMax,
  samples: {
    locked: {
      message: filled(20, 2),
      lockKey: filled(9, 1),
      commitments: [{ index: 1, ...commitment }],
      votes: [filled(300, 4)],
    },
    free: { message: filled(20, 2), lockKey: null, commitments: [], votes: [] },
  },
})
conformMessage({
  codec: signatureShareCodec,
  mutationsMax,
  samples: { share: { request: filled(32, 1), share: filled(32, 2) } },
})
conformMessage({
  codec: signingRefusalCodec,
  mutationsMax,
  samples: { refusal: { request: filled(32, 1), code: 'LOCKED_OTHERWISE' } },
})

test('a statement holds for its speaker about exactly this, and for no changed field', () => {
  expect(verifyStatement(statement)).toBe(true)
  const changes: Partial<SigningStatement>[] = [
    ...statementKinds.filter(kind => kind !== 'lock-vote').map(kind => ({ kind })),
    { network: filled(32, 9) },
    { subject: filled(32, 9) },
    { epoch: 4 },
    { session: filled(16, 9) },
    { sender: filled(32, 9) },
    { body: filled(5, 9) },
    { signature: filled(64, 9) },
  ]
  for (const change of changes) expect(verifyStatement({ ...statement, ...change })).toBe(false)
})

test('a group, a ceremony, a lock and a message each have a name of their own', () => {
  const ids = [
    groupId(group),
    groupId({ ...group, epoch: 3 }),
    groupId({ ...group, locks: false }),
    groupId({ ...group, participants: group.participants.toReversed() }),
    proposalId(proposal),
    proposalId({ ...proposal, session: filled(16, 1) }),
    lockId(group, filled(4, 1)),
    lockId({ ...group, network: filled(32, 9) }, filled(4, 1)),
    lockId({ ...group, publicKey: filled(33, 9) }, filled(4, 1)),
    messageHash(filled(4, 1)),
    lockTableDigest(filled(64, 1)),
  ]
  expect(new Set(ids.map(toHex)).size).toBe(ids.length)
  // A lock outlives its epoch: whoever holds the shares next knows it by the same name.
  expect(
    equalBytes(
      lockId(group, filled(4, 1)),
      lockId({ ...group, epoch: 9 } as SigningGroup, filled(4, 1)),
    ),
  ).toBe(true)
})

test('the largest of everything fits into a frame', () => {
  const many = <T>(value: T): T[] => Array.from({ length: participantsMax }, () => value)
  const dealing = dealingCodec.encode({ commitments: many(filled(33, 1)), proof: filled(65, 1) })
  const said = (body: Uint8Array): Uint8Array => statementCodec.encode({ ...statement, body })
  const echo = echoCodec.encode({ dealings: many(said(dealing)) })
  const page = handoverCodec.encode({
    successor: filled(32, 1),
    table: filled(32, 1),
    pages: 1,
    page: 0,
    locks: filled(64 * locksPerPage, 1),
  })
  const large = {
    ...group,
    participants: many(group.participants[0] as never),
    verificationShares: many(filled(33, 1)),
  }
  const request = signRequestCodec.encode({
    message: filled(32 * 1024, 1),
    lockKey: filled(256, 1),
    commitments: many({ index: 1, ...commitment }),
    votes: many(said(lockVoteCodec.encode({ lock: filled(32, 1), message: filled(32, 1) }))),
  })
  const invited = many(proposal.participants[0] as never)
  const largest = proposalCodec.encode({
    ...proposal,
    participants: invited,
    predecessor: { group: groupCodec.encode(large), dealers: many(32) },
  })
  for (const body of [echo, page, request, largest]) {
    expect(statementCodec.decode(said(body)).body).toEqual(body)
    expect(said(body).length).toBeLessThan(statementBytesMax)
  }
  expect(echoCodec.decode(echo).dealings).toHaveLength(participantsMax)
  expect(handoverCodec.decode(page).locks).toHaveLength(64 * locksPerPage)
  expect(signRequestCodec.decode(request).votes).toHaveLength(participantsMax)
  expect(proposalCodec.decode(largest).participants).toHaveLength(participantsMax)
})
