/** A complete manifest to start from, with the recommended numbers written out. */
import type {
  ApiClient,
  Founding,
  KeySet,
  Manifest,
  Owner,
  ReferenceMeasurement,
  TcbRule,
} from './manifest-document.ts'
import type { PlatformName } from './platforms.ts'

/** What the author of a manifest must decide. */
export interface ManifestDraft {
  readonly name: string
  /** Tells networks of one name apart; draw it at random for a throw-away network. */
  readonly foundingNonce: number
  readonly manifestSet: KeySet
  /** The manifest set unless said. */
  readonly shareSet?: KeySet
  /** Anchors make it a testnet. */
  readonly anchors?: Founding['anchors']
  readonly founders?: Founding['founders']
  readonly measurements: readonly ReferenceMeasurement[]
  readonly tcb: readonly TcbRule[]
  readonly owners?: readonly Owner[]
  readonly publicPrefixes?: readonly string[]
  readonly clients?: readonly ApiClient[]
}

/** What is asked of the firmware of `platform` unless its manifest says otherwise; no grace, and the most privileged level alone. */
export function tcbRuleOf(platform: PlatformName, change: Partial<TcbRule> = {}): TcbRule {
  return {
    platform,
    allowed: ['UpToDate', 'SWHardeningNeeded'],
    minimum: {},
    advisories: null,
    graceMs: 0,
    privilegeLevels: platform === 'sev-snp' ? [0] : [],
    evaluationMin: 0,
    ...change,
  }
}

const minute = 60_000
const mebibyte = 1_048_576

/**
 * The document of a first manifest. It is not checked: encode it and let `parseManifest` judge.
 *
 * A testnet differs in what it trusts and in the quotas of one machine, because all its nodes may share one.
 */
export function draftManifest(draft: ManifestDraft): Manifest {
  const anchors = draft.anchors ?? []
  const testnet = anchors.length > 0
  const shareSet = draft.shareSet ?? draft.manifestSet
  return {
    format: 1,
    founding: {
      name: draft.name,
      nonce: draft.foundingNonce,
      manifestSet: draft.manifestSet,
      shareSet,
      testnet,
      anchors,
      founders: draft.founders ?? { instances: [], owners: [] },
    },
    nonce: 0,
    namespace: { quorumKey: null },
    join: {
      measurements: draft.measurements,
      tcb: draft.tcb,
      evidenceAgeMs: 60 * minute,
      pins: [],
      owners: draft.owners ?? [],
    },
    manifestSet: draft.manifestSet,
    shareSet,
    committee: { n: 3, r: 0, diversity: 3 },
    light: { quorum: 2 },
    api: {
      publicPrefixes: draft.publicPrefixes ?? [],
      clients: draft.clients ?? [],
      guestLoopback: false,
    },
    write: [{ prefix: '', roles: ['member', 'client'], valueBytesMax: 65_536, schema: 'bytes' }],
    governance: null,
    pivot: null,
    limits: {
      ...(testnet
        ? { liveIdentitiesPerInstance: 1_000, newIdentitiesPerHour: 1_000 }
        : { liveIdentitiesPerInstance: 8, newIdentitiesPerHour: 6 }),
      stateEntriesPerInstance: 200_000,
      stateBytesPerInstance: 128 * mebibyte,
      departedEntries: 1_000_000,
      departedBytes: 512 * mebibyte,
    },
    liveness: {
      beatIntervalMs: 1_000,
      citationIntervals: 3,
      newIntervals: 5,
      leaseMs: 10 * minute,
      maxDriftMs: minute,
    },
  }
}
