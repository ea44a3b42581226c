/** What an adversary does; names and rates only, so that whoever starts one need not load what it uses. */

/** Of a stranger: a program without a machine, with sockets alone. */
export const strangerBehaviours = ['half-open', 'slow-frames', 'noise'] as const

/** Of a broken member: a machine of the testnet runs it, it was let in, and it says whatever it likes. */
export const memberBehaviours = [
  /** Signed and sealed batches of its own, as fast as they are made. */
  'flood',
  /** Random bytes on every protocol and topic. */
  'garbage',
  /** Messages, requests and frames as large as they may be, and larger. */
  'oversize',
  /** Everything that it ever heard, again. */
  'replay',
  /** Writes stamped ahead of the group's time. */
  'future-stamps',
  /** Two values under one stamp, each under a sequence of its own. */
  'same-stamp',
  /** Slots of counters in the name of others. */
  'forged-slots',
  /** Envelopes under keys that nobody knows. */
  'stale-keys',
  /** IHAVE for messages that do not exist, IWANT for those that do. */
  'ihave',
  /** GRAFT and PRUNE again and again. */
  'graft',
] as const

/** Of a crowd: one machine that runs many identities, each attested, which come and go. */
export const crowdBehaviours = ['identities'] as const

export const behaviours = [...strangerBehaviours, ...memberBehaviours, ...crowdBehaviours] as const
export type Behaviour = (typeof behaviours)[number]
