/** Every option that the network agrees on. Listed so that nobody looks for a flag. */

/** An option that the network agrees on. */
export interface ManifestOption {
  readonly scope: 'manifest'
  /** Where it stands in the manifest, keys joined by dots. */
  readonly path: string
  readonly reason: string
}

const agreed = (path: string, reason: string): ManifestOption => ({
  scope: 'manifest',
  path,
  reason,
})

/** What the network decides. A host that could set these could let itself in, see more, or outlive a removal. */
export const manifestOptions = {
  testnet: agreed(
    'founding.testnet',
    'Opens state to the host and admits test anchors; part of the network id, so it never changes.',
  ),
  anchors: agreed(
    'founding.anchors',
    "Roots that a testnet believes besides the vendors' own, which are constants of the code.",
  ),
  networkName: agreed('founding.name', 'Part of the network id.'),
  founders: agreed(
    'founding.founders',
    'A host that names itself founder would make a network of its own beside the real one.',
  ),
  measurements: agreed('join.measurements', 'Which software may join.'),
  tcb: agreed('join.tcb', 'Which firmware is still believed.'),
  pins: agreed('join.pins', 'Which machines may join.'),
  owners: agreed('join.owners', 'Who runs which machines; quorums count owners.'),
  delegation: agreed(
    'join.delegation',
    'How many independent members stand for a look of one’s own: fewer would be a weaker look.',
  ),
  evidenceAge: agreed(
    'join.evidenceAgeMs',
    'How long a verdict lasts: longer would keep a broken machine in.',
  ),
  manifestSet: agreed('manifestSet', 'Who approves the next manifest.'),
  shareSet: agreed('shareSet', 'Who holds shares of the quorum key.'),
  committee: agreed('committee', 'How many voters, how many of them may be rolled back.'),
  lightQuorum: agreed('light.quorum', 'How many nodes a light client wants to hear the same from.'),
  publicPrefixes: agreed(
    'api.publicPrefixes',
    'What is shown to anybody: for a host to widen, a leak.',
  ),
  clients: agreed('api.clients', 'Who may send sealed requests.'),
  guestLoopback: agreed(
    'api.guestLoopback',
    'Whether loopback inside a confidential VM counts as inside the TEE.',
  ),
  write: agreed('write', 'Who may write where, and how much; applied by every node.'),
  governance: agreed('governance', 'Who votes.'),
  pivot: agreed('pivot', 'The application beside the node, by hash.'),
  liveIdentitiesPerInstance: agreed(
    'limits.liveIdentitiesPerInstance',
    'Identities are free for a host, machines are not.',
  ),
  newIdentitiesPerHour: agreed(
    'limits.newIdentitiesPerHour',
    'Bounds what restarts cost the others.',
  ),
  stateEntriesPerInstance: agreed(
    'limits.stateEntriesPerInstance',
    'How much of the memory of all one machine may fill; every node refuses the same beyond it.',
  ),
  stateBytesPerInstance: agreed('limits.stateBytesPerInstance', 'The same in bytes.'),
  departedEntries: agreed(
    'limits.departedEntries',
    'The same for all authors who departed before a node came, which cannot know where they ran.',
  ),
  departedBytes: agreed('limits.departedBytes', 'The same in bytes.'),
  beatInterval: agreed(
    'liveness.beatIntervalMs',
    'A recorded heartbeat is refused after some intervals, so the interval is a limit that protects; and all members must count in the same ones.',
  ),
  citationIntervals: agreed(
    'liveness.citationIntervals',
    'How old a cited heartbeat may be: the bound on replay by a host.',
  ),
  newIntervals: agreed(
    'liveness.newIntervals',
    'How long a member not yet heard of is spared suspicion.',
  ),
  lease: agreed(
    'liveness.leaseMs',
    'How long a node may go on without the others: a host that cuts it off gains that long.',
  ),
  maxDrift: agreed(
    'liveness.maxDriftMs',
    'How far ahead a stamp may be: a host with a wrong clock would win every write.',
  ),
} as const satisfies Readonly<Record<string, ManifestOption>>

export type ManifestOptionName = keyof typeof manifestOptions
