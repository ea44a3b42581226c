/** Rows of the contract for light clients: bytes that prove themselves, so anybody may ask, web pages of every origin among them. */
import { z } from 'zod'
import { limits } from '../wire/limits.ts'

const none = z.strictObject({})
const cbor = 'application/cbor'
const row = {
  method: 'GET',
  access: 'light',
  query: none,
  body: null,
  /** Of the example: the bytes in base64. */
  answer: z.string(),
  stream: false,
  bytes: cbor,
} as const
/** Co-signatures that are answered unless more or fewer are asked for. */
const cosignersDefault = 3
const cosignersMax = 32

export const lightRoutes = {
  attestation: {
    ...row,
    path: '/attestation',
    about:
      'Evidence of this node, a quote about a late checkpoint and its newest one, over a nonce.',
    query: z.strictObject({ nonce: z.string().regex(/^[0-9a-f]{64}$/) }),
    errors: ['TOO_MANY_REQUESTS', 'NO_CHECKPOINT', 'NOT_RUNNING', 'STOPPING'],
  },
  lightManifest: {
    ...row,
    path: '/light/manifest',
    about: 'The manifest in force with the approvals that prove it, as a file.',
    bytes: 'application/json',
    errors: ['TOO_MANY_REQUESTS', 'NOT_RUNNING', 'STOPPING'],
  },
  lightCheckpoint: {
    ...row,
    path: '/light/checkpoint',
    about: 'The newest checkpoint that so many other instances co-sign, or that most do.',
    query: z.strictObject({
      cosigners: z
        .string()
        .regex(/^\d{1,2}$/)
        .transform(Number)
        .pipe(z.int().max(cosignersMax))
        .default(cosignersDefault),
    }),
    errors: ['TOO_MANY_REQUESTS', 'NO_CHECKPOINT', 'NOT_RUNNING', 'STOPPING'],
  },
  lightEvidence: {
    ...row,
    path: '/light/evidence/:key',
    about: 'Keys, evidence and endorsements of whoever signed, by the digest of the evidence.',
    errors: ['EVIDENCE_NOT_HELD', 'TOO_MANY_REQUESTS', 'NOT_RUNNING', 'STOPPING'],
  },
  lightProof: {
    ...row,
    path: '/light/proof',
    about: 'Proof of what a key below a public prefix held at one of the last checkpoints.',
    query: z.strictObject({
      key: z.string().max(512),
      sequence: z
        .string()
        .regex(/^\d{1,15}$/)
        .transform(Number)
        .optional(),
    }),
    errors: [
      'BAD_KEY',
      'KEY_TOO_LONG',
      'NOT_PUBLIC',
      'CHECKPOINT_GONE',
      'PROOF_TOO_LARGE',
      'PROOF_NOT_READY',
      'TOO_MANY_REQUESTS',
      'NO_CHECKPOINT',
      'NOT_RUNNING',
      'STOPPING',
    ],
  },
  lightChannel: {
    ...row,
    path: '/light/channel',
    about: 'The key that listed clients seal calls to now, signed by this node.',
    errors: ['NO_CLIENTS', 'NOT_READY', 'TOO_MANY_REQUESTS', 'NOT_RUNNING', 'STOPPING'],
  },
  lightSealed: {
    ...row,
    method: 'POST',
    path: '/light/sealed',
    about: 'Carries out a sealed call of a listed client; the answer is sealed, too.',
    body: z.instanceof(Uint8Array),
    takes: { type: cbor, bytesMax: limits.sealedCallBytesMax },
    errors: ['CALL_REFUSED', 'TOO_MANY_REQUESTS', 'NOT_RUNNING', 'STOPPING'],
  },
} as const

/** Whether a path is one of these: web pages of any origin may ask there, and nowhere else. */
export function isLightPath(path: string): boolean {
  return Object.values(lightRoutes).some(({ path: own }) =>
    own.endsWith('/:key') ? path.startsWith(own.slice(0, -4)) : path === own,
  )
}
