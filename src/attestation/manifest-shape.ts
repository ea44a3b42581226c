/** The shape of a manifest, key by key, with every bound. */
import type {
  ApiClient,
  Delegation,
  Founding,
  KeySet,
  Manifest,
  Owner,
  ReferenceMeasurement,
  TcbRule,
  TestAnchor,
  WriteRule,
} from './manifest-document.ts'
import {
  dictionary,
  expected,
  flag,
  hex,
  list,
  matching,
  nullable,
  object,
  oneOf,
  type Reader,
  risingList,
  text,
  time,
  whole,
} from './manifest-reader.ts'
import { isPlatformName, type PlatformName, platformNames } from './platforms.ts'

const key = hex(32)
const digest = hex(32)
const day = 86_400_000
const nonce = whole(0, Number.MAX_SAFE_INTEGER)
const name = matching(/^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$/, 'a name of a-z, 0-9, . and -')
const prefix = text(0, 256)
const membersMax = 64
const stateEntries = whole(1_000, 100_000_000)
/** At least room for a few of the largest values. */
const stateBytes = whole(1_048_576, 1_099_511_627_776)

const platform: Reader<PlatformName> = (value, path) => {
  if (typeof value === 'string' && isPlatformName(value)) return value
  throw expected(`one of ${platformNames.join(', ')}`, path)
}

const keySet = object<KeySet>({
  members: risingList(key, membersMax),
  threshold: whole(1, membersMax),
})

const anchor = object<TestAnchor>({
  platform,
  publicKey: matching(/^(?:[0-9a-f]{2}){32,600}$/, 'a public key as lower-case hexadecimal DER'),
})

export const foundingShape = object<Founding>({
  name,
  nonce,
  manifestSet: keySet,
  shareSet: keySet,
  testnet: flag,
  anchors: list(anchor, 8),
  founders: object<Founding['founders']>({
    instances: risingList(digest, 256),
    owners: risingList(key, membersMax),
  }),
})

const measurement = object<ReferenceMeasurement>({
  name,
  platform,
  registers: dictionary(matching(/^(?:[0-9a-f]{2}){1,64}$/, 'lower-case hexadecimal'), 16),
  svnMin: whole(0, 0xffff),
  validFrom: time,
  validUntil: time,
})

const tcbRule = object<TcbRule>({
  platform,
  allowed: list(
    oneOf(
      'UpToDate',
      'SWHardeningNeeded',
      'ConfigurationNeeded',
      'ConfigurationAndSWHardeningNeeded',
      'OutOfDate',
      'OutOfDateConfigurationNeeded',
    ),
    6,
  ),
  minimum: dictionary(whole(0, 0xffff), 16),
  advisories: nullable(
    risingList(matching(/^[A-Z]{1,16}-[A-Z]{1,8}-\d{1,8}$/, 'the name of an advisory'), 256),
  ),
  graceMs: whole(0, 365 * day),
  privilegeLevels: list(whole(0, 3), 4),
  evaluationMin: whole(0, 1_000_000),
})

const owner = object<Owner>({ name, key, instances: risingList(digest, 256) })

const client = object<ApiClient>({
  name,
  key,
  rights: list(oneOf('read', 'write', 'custody'), 3),
  prefixes: list(prefix, 64),
})

const writeRule = object<WriteRule>({
  prefix,
  roles: list(oneOf('member', 'client'), 2),
  valueBytesMax: whole(0, 65_536),
  schema: oneOf('bytes', 'text', 'json'),
})

export const manifestShape = object<Manifest>({
  format: (value, path) => {
    whole(1, 1)(value, path)
    return 1
  },
  founding: foundingShape,
  nonce,
  namespace: object<Manifest['namespace']>({ quorumKey: nullable(key) }),
  join: object<Manifest['join']>(
    {
      measurements: list(measurement, 64),
      tcb: list(tcbRule, 8),
      evidenceAgeMs: whole(1_000, day),
      pins: risingList(digest, 1_024),
      owners: list(owner, 256),
      delegation: object<Delegation>({ k: whole(2, 8) }),
    },
    ['delegation'],
  ),
  manifestSet: keySet,
  shareSet: keySet,
  committee: object<Manifest['committee']>({
    n: whole(1, 7),
    r: whole(0, 6),
    diversity: whole(1, 7),
  }),
  light: object<Manifest['light']>({ quorum: whole(1, 64) }),
  api: object<Manifest['api']>({
    publicPrefixes: risingList(prefix, 64),
    clients: list(client, 256),
    guestLoopback: flag,
  }),
  write: list(writeRule, 256),
  governance: nullable(
    object<NonNullable<Manifest['governance']>>({
      voters: keySet,
      votingMs: whole(1_000, 365 * day),
    }),
  ),
  pivot: nullable(
    object<NonNullable<Manifest['pivot']>>({
      hash: digest,
      restart: oneOf('never', 'always'),
      args: list(text(0, 1_024), 64),
    }),
  ),
  limits: object<Manifest['limits']>({
    liveIdentitiesPerInstance: whole(1, 100_000),
    newIdentitiesPerHour: whole(1, 100_000),
    stateEntriesPerInstance: stateEntries,
    stateBytesPerInstance: stateBytes,
    departedEntries: stateEntries,
    departedBytes: stateBytes,
  }),
  liveness: object<Manifest['liveness']>({
    beatIntervalMs: whole(50, 60_000),
    citationIntervals: whole(1, 100),
    newIntervals: whole(1, 1_000),
    leaseMs: whole(1_000, 600_000),
    maxDriftMs: whole(100, 600_000),
  }),
})
