/**
 * The life of a quorum key in one node, on one screen: what may be said in which phase, and where it leads once it was accepted.
 *
 * The table is all there is: no other code moves the phase. A message that a row does not name is refused and changes nothing; only a
 * broken invariant, which is our own fault, ends in `UnrecoverableError`.
 */

/** Where a node stands with the quorum key. */
export const custodyPhases = [
  'UnrecoverableError',
  'WaitingForBootInstruction',
  'GenesisBooted',
  'WaitingForQuorumShards',
  'WaitingForForwardedKey',
  'QuorumKeyProvisioned',
  'ApplicationReady',
] as const

export type CustodyPhase = (typeof custodyPhases)[number]

/** What is said to the machine from outside, and what it finds out itself: the last four. */
export const custodyMessages = [
  'genesis-boot',
  'boot-standard',
  'share-manifest',
  'genesis-output',
  'attest-boot',
  'inject-shares',
  'inject-key',
  'export-key',
  /** Of the node for itself: checkpoints and rollups. */
  'open-own',
  /** Of callers: what they have signed, sealed, derived. */
  'use-key',
  'genesis-attested',
  'key-complete',
  'pivot-healthy',
  'invariant-broken',
] as const

export type CustodyMessage = (typeof custodyMessages)[number]

type Row = { readonly [M in CustodyMessage]?: CustodyPhase }

export const custodyTable: { readonly [P in CustodyPhase]: Row } = {
  UnrecoverableError: {},
  WaitingForBootInstruction: {
    'genesis-boot': 'GenesisBooted',
    // Only with an approved manifest in hand; no option of a host opens it.
    'boot-standard': 'WaitingForQuorumShards',
    'share-manifest': 'WaitingForForwardedKey',
    'invariant-broken': 'UnrecoverableError',
  },
  GenesisBooted: {
    'genesis-attested': 'WaitingForQuorumShards',
    'invariant-broken': 'UnrecoverableError',
  },
  WaitingForQuorumShards: {
    'genesis-output': 'WaitingForQuorumShards',
    'attest-boot': 'WaitingForQuorumShards',
    // A share that is not the last one needed leaves the phase as it is.
    'inject-shares': 'WaitingForQuorumShards',
    'key-complete': 'QuorumKeyProvisioned',
    'invariant-broken': 'UnrecoverableError',
  },
  WaitingForForwardedKey: {
    'share-manifest': 'WaitingForForwardedKey',
    'attest-boot': 'WaitingForForwardedKey',
    'inject-key': 'QuorumKeyProvisioned',
    'invariant-broken': 'UnrecoverableError',
  },
  QuorumKeyProvisioned: {
    // The same manifest and the same key once more: a node may have fetched by itself what a person is about to bring.
    'share-manifest': 'QuorumKeyProvisioned',
    'attest-boot': 'QuorumKeyProvisioned',
    'inject-key': 'QuorumKeyProvisioned',
    'export-key': 'QuorumKeyProvisioned',
    'open-own': 'QuorumKeyProvisioned',
    'pivot-healthy': 'ApplicationReady',
    'invariant-broken': 'UnrecoverableError',
  },
  ApplicationReady: {
    'share-manifest': 'ApplicationReady',
    'attest-boot': 'ApplicationReady',
    'inject-key': 'ApplicationReady',
    'export-key': 'ApplicationReady',
    'open-own': 'ApplicationReady',
    'use-key': 'ApplicationReady',
    'invariant-broken': 'UnrecoverableError',
  },
}

/** The phases in which `message` is welcome. */
export function phasesThatWelcome(message: CustodyMessage): readonly CustodyPhase[] {
  return custodyPhases.filter(phase => custodyTable[phase][message] !== undefined)
}
