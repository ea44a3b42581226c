/** Every size and count that a peer may ask of us, in one table, with the reason. */

const kib = (count: number): number => count * 1024

export const limits = {
  /** One gossip message with its envelope. */
  gossipBytesMax: kib(256),
  /** One frame of a member stream. */
  frameBytesMax: kib(256),
  /** One frame of the attested handshake; evidence of every known platform fits. */
  handshakeFrameBytesMax: kib(64),
  /** A manifest envelope, as JSON text. */
  manifestBytesMax: kib(64),
  /** A manifest with the ancestors that prove it: in Base64 it stays below the body of a request. */
  manifestLineageBytesMax: kib(512),
  heartbeatBytesMax: kib(4),
  /** Evidence inside a removal item: that of every known platform fits twice. */
  removalEvidenceBytesMax: kib(16),
  /** One removal item: two signed heartbeats with their frames and the record of their author, or 64 signatures. */
  removalItemBytesMax: kib(28),
  /** A key of the replica, UTF-8 bytes. */
  stateKeyBytesMax: 512,
  /** A value of the replica. */
  stateValueBytesMax: kib(64),
  /** An element of a set of the replica. */
  stateElementBytesMax: kib(4),
  /** A batch of deltas: with envelope and padding it stays below `gossipBytesMax`. */
  batchBytesMax: kib(120),
  /** More deltas in one batch save nothing, and one batch must not hold up the loop. */
  batchEntriesMax: 1024,
  /** A commit key is named in full at least once in so many batches, and in one byte in the others. */
  batchesPerNamingMax: 127,
  /** The entries of one answer of anti-entropy; with header and marks below 224 KiB. */
  syncPageBytesMax: kib(176),
  /** Authors whose marks a sync request states, so that what they sent is not sent again. */
  syncMarksMax: 512,
  /** Coded symbols of the sketch: enough for 10,000 changed keys, and 256 KiB of memory. */
  sketchSymbolsMax: 32_768,
  /** Coded symbols in one answer: 128 KiB. */
  sketchSymbolsPerAnswerMax: 16_384,
  /** Items asked for by id in one question: 24 KiB of ids. */
  exchangeWantsMax: 4096,
  /** Branches of a trie looked at in one question: answered with 128 bytes each. */
  descentBranchesMax: 64,
  /** Cells of one key that a proof shows. */
  proofLeavesMax: 256,
  /** A proof: a set of 256 elements of the largest size fits, and as many large concurrent values do not. */
  proofBytesMax: kib(2048),
  /** A sealed call: a value of the largest size fits in Base64, in JSON, padded, twice. */
  sealedCallBytesMax: kib(256),
  /** The body inside a sealed answer: a page of the state and a proof fit, in Base64. */
  callAnswerBytesMax: kib(4096),
  /** Bits of a path, as deep as a descent can go. */
  descentBitsMax: 320,
  /** Messages kept because their author or key is not known yet. */
  heldMessagesMax: 256,
  heldBytesMax: kib(1024),
} as const
