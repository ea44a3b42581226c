/** Saying and hearing: a statement is believed to be its sender's once it is about this, and signed. */
import { equalBytes } from '../../../base/bytes.ts'
import { type NodeId, nodeIdOfKey } from '../../../base/ids.ts'
import {
  readable,
  type SigningStatement,
  type StatementKind,
  statementCodec,
  statementMessage,
  verifyStatement,
} from '../../../wire/signing-statement.ts'

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

/** Reads a statement about exactly this from one of `speakers`; `undefined` for anything else. Never throws. */
export function hear(
  bytes: Uint8Array,
  about: Omit<Subject, 'session'> & { readonly session?: Uint8Array },
  maySpeak: (sender: Uint8Array) => boolean,
): SigningStatement | undefined {
  const said = readable(statementCodec, bytes)
  if (said === undefined) return undefined
  const isAboutThis =
    equalBytes(said.subject, about.subject) &&
    equalBytes(said.network, about.network) &&
    said.epoch === about.epoch &&
    (about.session === undefined || equalBytes(said.session, about.session))
  // The signature last: it costs a hundred times as much as everything before it.
  if (!isAboutThis || !maySpeak(said.sender) || !verifyStatement(said)) return undefined
  return said
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
