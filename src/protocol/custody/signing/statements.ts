/** Saying and hearing: a statement is believed to be its sender's once it is about this, and signed. */
import { equalBytes } from '../../../base/bytes.ts'
import { type NodeId, nodeIdOfKey } from '../../../base/ids.ts'
import {
  accusationCodec,
  complaintCodec,
  confirmationCodec,
  dealingCodec,
  dealtShareCodec,
  echoCodec,
  handoverCodec,
  openingCodec,
} from '../../../wire/key-ceremony.ts'
import { proposalCodec } from '../../../wire/signing-group.ts'
import {
  readable,
  type SigningStatement,
  type StatementKind,
  statementCodec,
  statementMessage,
  verifyStatement,
} from '../../../wire/signing-statement.ts'
import {
  lockRequestCodec,
  lockVoteCodec,
  nonceOfferCodec,
  nonceRequestCodec,
  signatureShareCodec,
  signingRefusalCodec,
  signRequestCodec,
} from '../../../wire/threshold-signing.ts'

/** What a statement may have beside its body, in bytes. */
const besideBody = 512

/** Most bytes of a body of each kind. */
const bodyBytesMax: Readonly<Record<StatementKind, number>> = {
  proposal: proposalCodec.limits.bytesMax,
  dealing: dealingCodec.limits.bytesMax,
  echo: echoCodec.limits.bytesMax,
  'dealt-share': dealtShareCodec.limits.bytesMax,
  complaint: complaintCodec.limits.bytesMax,
  opening: openingCodec.limits.bytesMax,
  confirmation: confirmationCodec.limits.bytesMax,
  handover: handoverCodec.limits.bytesMax,
  abort: accusationCodec.limits.bytesMax,
  'nonce-request': nonceRequestCodec.limits.bytesMax,
  'nonce-offer': nonceOfferCodec.limits.bytesMax,
  'lock-request': lockRequestCodec.limits.bytesMax,
  'lock-vote': lockVoteCodec.limits.bytesMax,
  'sign-request': signRequestCodec.limits.bytesMax,
  'signature-share': signatureShareCodec.limits.bytesMax,
  'signing-refusal': signingRefusalCodec.limits.bytesMax,
}

/** What a statement is about: all that it is bound to but its speaker. */
export interface Subject {
  readonly network: Uint8Array
  readonly subject: Uint8Array
  readonly epoch: number
  readonly session: Uint8Array
}

export interface Speaker {
  /** Ed25519 identity key, 32 bytes. */
  readonly identity: Uint8Array
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** A statement of this node, encoded. */
export function say(
  speaker: Speaker,
  about: Subject,
  said: { readonly kind: StatementKind; readonly body: Uint8Array },
): Uint8Array {
  const unsigned = { ...about, ...said, sender: speaker.identity }
  return statementCodec.encode({
    ...unsigned,
    signature: speaker.sign(statementMessage(unsigned)),
  })
}

/**
 * Reads a statement about exactly this from one of `speakers`; `undefined` for anything else. Never throws.
 *
 * One that is larger than its kind ever is counts for nothing, whatever it says: it could not be shown to others inside
 * a statement of the right size, and whoever tried would seem to be the one who cheats.
 */
export function hear(
  bytes: Uint8Array,
  about: Omit<Subject, 'session'> & { readonly session?: Uint8Array },
  maySpeak: (sender: Uint8Array) => boolean,
): SigningStatement | undefined {
  const said = readable(statementCodec, bytes)
  if (said === undefined || bytes.length > bodyBytesMax[said.kind] + besideBody) return undefined
  const isAboutThis =
    equalBytes(said.subject, about.subject) &&
    equalBytes(said.network, about.network) &&
    said.epoch === about.epoch &&
    (about.session === undefined || equalBytes(said.session, about.session))
  // The signature last: it costs a hundred times as much as everything before it.
  if (!isAboutThis || !maySpeak(said.sender) || !verifyStatement(said)) return undefined
  // Whatever else stands in it nobody signed: it would go on into votes and accusations, which have no room for it.
  const { kind, network, subject, epoch, session, sender, body, signature } = said
  return { kind, network, subject, epoch, session, sender, body, signature }
}

/** A statement for one node. */
export interface Send {
  readonly kind: 'send'
  readonly to: NodeId
  readonly bytes: Uint8Array
}

export function sendTo(identity: Uint8Array, bytes: Uint8Array): Send {
  return { kind: 'send', to: nodeIdOfKey(identity), bytes }
}
