import { CoterieError, UsageError } from '../base/errors.ts'
import type { WriteRefusal } from '../protocol/replica/types.ts'

interface Explanation {
  readonly message: string
  readonly next: string
  /** Whether the caller asked for something that can never work. */
  readonly isUsage?: true
}

const explanations: Readonly<Record<WriteRefusal | 'NOT_ADMITTED', Explanation>> = {
  NOT_ADMITTED: {
    message: 'The manifest does not admit this node any more; nothing was written.',
    next: 'Run what the manifest admits; the status of this node says what differs.',
  },
  NOT_READY: {
    message: 'The node has not joined the network yet; nothing was written.',
    next: 'Wait until status says active, then write again.',
  },
  NO_PEER_TO_ACK: {
    message: 'No other member is there to hold the write; nothing was written.',
    next: 'Start another node, or write with ack local and accept that a crash loses it.',
  },
  ACK_TIMEOUT: {
    message: 'The write is applied here, but not known to be held by as many members as asked.',
    next: 'It spreads as soon as members answer; read it there, or write again.',
  },
  KEY_TOO_LONG: {
    message: 'The key is longer than 512 UTF-8 bytes.',
    next: 'Shorten the key, for example by hashing a part of it.',
    isUsage: true,
  },
  BAD_KEY: {
    message: 'The key is empty or not well-formed text.',
    next: 'Use a non-empty key of valid Unicode.',
    isUsage: true,
  },
  NOT_YOURS: {
    message: 'Only the node that a key below own/ names may write it.',
    next: "Write below own/ followed by this node's own id.",
    isUsage: true,
  },
  VALUE_TOO_LARGE: {
    message: 'The value is larger than 64 KiB, or than the manifest lets a value of this key be.',
    next: 'Split the value over several keys, or ask the manifest set for another write rule.',
    isUsage: true,
  },
  WRONG_KIND: {
    message: 'The key holds another kind of value.',
    next: 'Delete the key first, or use another one.',
    isUsage: true,
  },
  NO_WRITE_RULE: {
    message: 'No write rule of the manifest covers the key: nobody writes it.',
    next: 'Use a key below a prefix that has a rule, or ask the manifest set for one.',
    isUsage: true,
  },
  NOT_FOR_MEMBERS: {
    message:
      'The write rule of the key lacks the role member, and no entry carries the word of a client yet: nobody writes here.',
    next: 'coterie policy explain says who may write below which prefix: use another, or ask the manifest set to add the role member to the rule.',
    isUsage: true,
  },
  BAD_VALUE: {
    message: 'The value is not of the schema that the write rule of the key asks for.',
    next: 'Write UTF-8 text or JSON (RFC 8259), as the rule says; a counter is no text.',
    isUsage: true,
  },
  QUOTA_FULL: {
    message:
      'The nodes of this machine hold as much of the state as the manifest allows one machine.',
    next: 'Delete what is not needed and wait a day for it to go, or ask the manifest set for a higher limit.',
  },
  BAD_AMOUNT: {
    message: 'A counter takes a whole number between -(2^53 - 1) and 2^53 - 1.',
    next: 'Split the amount over several increments.',
    isUsage: true,
  },
  COUNTER_FULL: {
    message: "This node's part of the counter would not fit 64 bits any more.",
    next: 'Count on another key.',
    isUsage: true,
  },
  COUNTER_STAYS: {
    message: 'A counter cannot be deleted: each part of it belongs to the node that counted it.',
    next: 'Take its value off with an increment, or use another key.',
    isUsage: true,
  },
  QUEUE_FULL: {
    message: 'Too many writes are under way; this one was not applied.',
    next: 'Await earlier writes before the next ones.',
  },
  STOPPING: { message: 'The node is stopping; nothing was written.', next: '' },
}

/** The error that a writer sees for a refusal of the replica. */
export function writeError(code: WriteRefusal | 'NOT_ADMITTED'): CoterieError {
  const { message, next, isUsage } = explanations[code]
  const options = { next }
  return isUsage === true
    ? new UsageError(code, message, options)
    : new CoterieError(code, message, options)
}
