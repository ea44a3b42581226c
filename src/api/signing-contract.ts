/** Rows of the API for threshold signing, and their shapes. */
import { z } from 'zod'
import { frostSuites } from '../crypto/frost-suite.ts'
import { ceremonyAccusationCodes } from '../wire/key-ceremony.ts'
import { participantsMax } from '../wire/signing-group.ts'
import { valueShape } from './values.ts'

const hex = z.string().regex(/^([0-9a-f]{2})*$/)
const digest = z.string().regex(/^[0-9a-f]{64}$/)
const suite = z.enum(frostSuites)
const signers = z.array(z.string().max(64)).min(2).max(participantsMax)
const threshold = z.int().min(2).max(participantsMax)

/** A group of signers as JSON; keys are hexadecimal. */
export const groupShape = z.object({
  group: digest,
  suite,
  epoch: z.int(),
  threshold: z.int(),
  clonesMax: z.int(),
  locks: z.boolean(),
  publicKey: hex,
  signers: z.array(z.object({ node: z.string(), instance: digest })),
  purpose: z.string().nullable(),
  isSigner: z.boolean(),
})

const none = z.strictObject({})
const ends = ['TOO_MANY_REQUESTS', 'NOT_RUNNING', 'STOPPING'] as const
const post = { method: 'POST', access: 'custody', query: none, stream: false } as const
/** What a ceremony may end with. */
const ceremonyErrors = [
  'NOT_PERMITTED',
  'THRESHOLD_WRONG',
  'LOCKS_UNSAFE',
  'PARTICIPANT_TWICE',
  'INSTANCE_TWICE',
  'NOT_INVITED',
  'PARTICIPANT_UNKNOWN',
  'PARTICIPANT_DIFFERS',
  'PARTICIPANT_UNREACHABLE',
  'CEREMONIES_FULL',
  'SHARES_FULL',
  'REQUEST_MALFORMED',
  ...ceremonyAccusationCodes,
  ...ends,
] as const

export const signingRoutes = {
  signingGroups: {
    method: 'GET',
    path: '/v1/signing/groups',
    access: 'custody',
    about: 'The groups of signers that this node knows, newest epochs alone.',
    query: none,
    body: null,
    answer: z.object({ groups: z.array(groupShape) }),
    stream: false,
    errors: ends,
  },
  makeGroup: {
    ...post,
    path: '/v1/signing/groups',
    about:
      'Makes a key among members that hold its shares in memory alone; answers when all of them do.',
    body: z.strictObject({
      suite,
      threshold,
      clonesMax: z.int().min(0).max(participantsMax).default(0),
      locks: z.boolean(),
      signers: signers.optional(),
      purpose: z.string().max(64).default(''),
    }),
    answer: groupShape,
    errors: ceremonyErrors,
  },
  reshareGroup: {
    ...post,
    path: '/v1/signing/groups/:key/reshare',
    about: 'Hands the key of a group on to other signers; its public key stays.',
    body: z.strictObject({ signers, threshold }),
    answer: groupShape,
    errors: [
      ...ceremonyErrors,
      'GROUP_UNKNOWN',
      'PREDECESSOR_WRONG',
      'SHARE_MISSING',
      'NOT_ENOUGH_SIGNERS',
      'RESHARING_UNDER_WAY',
      'CEREMONY_STALLED',
      'EPOCH_ENDED',
    ],
  },
  signByGroup: {
    ...post,
    path: '/v1/signing/groups/:key/sign',
    about: 'Has enough signers of a group sign; any member takes the request.',
    body: z.strictObject({
      message: valueShape,
      lock: valueShape.optional(),
      publicKey: hex.max(66).optional(),
    }),
    answer: z.object({
      signature: hex,
      publicKey: hex,
      suite,
      group: digest,
      epoch: z.int(),
    }),
    errors: [
      'NOT_PERMITTED',
      'GROUP_UNKNOWN',
      'GROUP_FALSE',
      'KEY_DIFFERS',
      'EPOCH_ENDED',
      'REQUEST_MALFORMED',
      'LOCK_WANTED',
      'LOCK_UNPROVEN',
      'LOCKED_OTHERWISE',
      'LOCKS_FULL',
      'NOT_ENOUGH_SIGNERS',
      'SIGNING_TIMED_OUT',
      ...ends,
    ],
  },
} as const

/** What makes a group, hands its key on and has it sign, as callers write it. */
export type MakeBody = z.input<typeof signingRoutes.makeGroup.body>
export type ReshareBody = z.input<typeof signingRoutes.reshareGroup.body>
export type SignBody = z.input<typeof signingRoutes.signByGroup.body>
