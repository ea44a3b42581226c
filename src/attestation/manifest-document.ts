/** What a manifest holds: types only. `manifest.ts` parses, names and compares. */
import type { Brand } from '../base/brand.ts'
import type { PlatformName } from './platforms.ts'

/** A set of Ed25519 keys of which `threshold` must agree. */
export interface KeySet {
  /** Ed25519 public keys, 64 lower-case hexadecimal digits each; rising, so that one set has one spelling. */
  readonly members: readonly string[]
  readonly threshold: number
}

/** A trust anchor of a testnet. Known by its key, never by a name. */
export interface TestAnchor {
  readonly platform: PlatformName
  /** The root's SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) as DER, lower-case hexadecimal. */
  readonly publicKey: string
}

/**
 * What can never change: its hash is the network id.
 *
 * Founders are machines and owners, not identities: an identity key is made at every boot, after the
 * manifest was written. On a testnet anybody admitted may found.
 */
export interface Founding {
  /** 1..64 of a-z, 0-9 and inner hyphens. */
  readonly name: string
  /** Tells networks of one name apart. */
  readonly nonce: number
  readonly manifestSet: KeySet
  readonly shareSet: KeySet
  readonly testnet: boolean
  /** Empty unless `testnet`. */
  readonly anchors: readonly TestAnchor[]
  readonly founders: {
    /** Platform instances, as digests. */
    readonly instances: readonly string[]
    /** Owner keys, 64 hexadecimal digits. */
    readonly owners: readonly string[]
  }
}

/** A Reference Value (RFC 9334): software that may join, on one platform, for a time. */
export interface ReferenceMeasurement {
  /** How verdicts and people call it; unique in the manifest. */
  readonly name: string
  readonly platform: PlatformName
  /** Register → lower-case hexadecimal. Registers that are not named are not compared. */
  readonly registers: Readonly<Record<string, string>>
  /** The least security version of the software that is accepted. */
  readonly svnMin: number
  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly validFrom: string
  readonly validUntil: string
}

/** What the firmware of a platform must be. */
export interface TcbRule {
  readonly platform: PlatformName
  readonly allowed: readonly TcbStatus[]
  /** Component → least security version. Below any of them the status is `OutOfDate`. */
  readonly minimum: Readonly<Record<string, number>>
  /** The vendor's advisories that are put up with, rising, as in `INTEL-SA-00615`; `null` for any that an allowed status stands for. */
  readonly advisories: readonly string[] | null
  /** For how long after the date of its TCB level firmware that is out of date is put up with. 0: not at all. */
  readonly graceMs: number
  /** VM privilege levels that may ask for evidence (SEV-SNP, VMPL 0..3); empty where the platform has none. */
  readonly privilegeLevels: readonly number[]
  /** The least number of Intel's TCB evaluation that is believed (DCAP); 0 where the vendor counts none. */
  readonly evaluationMin: number
}

/** Intel's words (TCB status of DCAP quote verification), used for every platform. `Revoked` can never be allowed. */
export type TcbStatus =
  | 'UpToDate'
  | 'SWHardeningNeeded'
  | 'ConfigurationNeeded'
  | 'ConfigurationAndSWHardeningNeeded'
  | 'OutOfDate'
  | 'OutOfDateConfigurationNeeded'

/** Who runs which machines; quorums count owners as well as instances. */
export interface Owner {
  readonly name: string
  /** Ed25519 public key, 64 hexadecimal digits. */
  readonly key: string
  readonly instances: readonly string[]
}

/** Whether members believe what others found, when they appraised a third member that they have no connection to. */
export interface Delegation {
  /** So many delegated results, of signers on distinct instances of distinct owners, stand for an appraisal of one's own. */
  readonly k: number
}

/** Who may write below a prefix of the replica. The longest prefix of a key governs it. */
export interface WriteRule {
  readonly prefix: string
  readonly roles: readonly WriteRole[]
  readonly valueBytesMax: number
  readonly schema: 'bytes' | 'text' | 'json'
}

export type WriteRole = 'member' | 'client'

/** A client that may use sealed requests. */
export interface ApiClient {
  readonly name: string
  /** Ed25519 public key, 64 hexadecimal digits. */
  readonly key: string
  /** `custody`: all ceremonies and uses of the quorum key, whatever the prefixes. */
  readonly rights: readonly ('read' | 'write' | 'custody')[]
  /** Prefixes of the replica that reading and writing are for. */
  readonly prefixes: readonly string[]
}

/** The whole document. Durations are whole milliseconds, named with `Ms`. */
export interface Manifest {
  readonly format: 1
  readonly founding: Founding
  /** Rises with every manifest of the network. */
  readonly nonce: number
  readonly namespace: {
    /** `quorumKeyName` of the quorum key once it exists, else `null`. */
    readonly quorumKey: string | null
  }
  readonly join: {
    readonly measurements: readonly ReferenceMeasurement[]
    readonly tcb: readonly TcbRule[]
    /** How long a verdict lasts after the last proof of freshness. */
    readonly evidenceAgeMs: number
    /** If not empty: the only platform instances that may join, as digests. */
    readonly pins: readonly string[]
    readonly owners: readonly Owner[]
    /** Absent: everybody appraises everybody itself. The only key that may be absent: manifests from before it mean what they meant. */
    readonly delegation?: Delegation
  }
  readonly manifestSet: KeySet
  readonly shareSet: KeySet
  readonly committee: {
    /** Voters, 1..7. */
    readonly n: number
    /** Voters whose memory may be rolled back. */
    readonly r: number
    /** Distinct platform instances that the voters must stand on. */
    readonly diversity: number
  }
  readonly light: { readonly quorum: number }
  readonly api: {
    readonly publicPrefixes: readonly string[]
    readonly clients: readonly ApiClient[]
    readonly guestLoopback: boolean
  }
  readonly write: readonly WriteRule[]
  /** Who votes on proposals, or `null` while nobody does. */
  readonly governance: { readonly voters: KeySet; readonly votingMs: number } | null
  /** The application that members run beside the node, or `null`. */
  readonly pivot: {
    readonly hash: string
    readonly restart: 'never' | 'always'
    readonly args: readonly string[]
  } | null
  readonly limits: {
    /** Identities of one platform instance that may be live at once. */
    readonly liveIdentitiesPerInstance: number
    /** New identities of one platform instance within any hour. */
    readonly newIdentitiesPerHour: number
    /** Cells of the replica, removed ones included, that the authors on one platform instance may hold together. */
    readonly stateEntriesPerInstance: number
    readonly stateBytesPerInstance: number
    /** The same for all authors together who departed before a node came: it cannot know where they ran. */
    readonly departedEntries: number
    readonly departedBytes: number
  }
  readonly liveness: {
    readonly beatIntervalMs: number
    /** A beat counts if it cites one that is at most so many intervals old. */
    readonly citationIntervals: number
    /** Intervals for which a member not yet heard of is `new` and not suspect. */
    readonly newIntervals: number
    /** How long beats that cite a node keep its policy lease. */
    readonly leaseMs: number
    /** A stamp further ahead of the group clock is not merged. */
    readonly maxDriftMs: number
  }
}

/** A manifest that its parser passed: every rule of a single document holds. */
export type ParsedManifest = Brand<Manifest, 'ParsedManifest'>
