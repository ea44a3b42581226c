/**
 * What must hold within one manifest beyond its shape. Each rule has a stable code and a sentence that
 * tells its author what to change; the first broken rule is the answer.
 */
import { fromHex, toHex } from '../base/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { KeySet, Manifest, ReferenceMeasurement } from './manifest-document.ts'
import { nearest } from './manifest-reader.ts'
import { factsOf, vendorAnchors } from './platforms.ts'
import type { Refusal } from './verdict.ts'

type Rule = (manifest: Manifest) => Refusal | undefined

/** The first broken rule, or `undefined`. */
export function brokenRule(manifest: Manifest): Refusal | undefined {
  return brokenRules(manifest)[0]
}

/** Every broken rule: what an author mends in one go. */
export function brokenRules(manifest: Manifest): readonly Refusal[] {
  return rules.flatMap(rule => rule(manifest) ?? [])
}

const rules: readonly Rule[] = [
  approvalNeedsMajority,
  thresholdIsReachable,
  anchorsOnlyOnTestnet,
  anchorsAreNotVendors,
  measurementsHaveAnchors,
  measurementsAreDistinct,
  measurementsBind,
  platformsHaveOneTcbRule,
  tcbComponentsExist,
  tcbRulesFitPlatforms,
  ownersAreDistinct,
  committeeCanDecide,
  prefixesHaveOneRule,
  clientsAreDistinct,
  loopbackNeedsGuest,
  leaseOutlivesCitations,
  departedHoldAShare,
]

function broken(code: string, reason: string, facts: Refusal['facts'] = {}): Refusal {
  return { code, facts: { reason, ...facts } }
}

/** Two disjoint halves of a set could otherwise approve two manifests of one nonce. */
function approvalNeedsMajority({ founding, manifestSet }: Manifest): Refusal | undefined {
  for (const set of [founding.manifestSet, manifestSet]) {
    const n = set.members.length
    if (2 * set.threshold <= n || set.threshold > n) {
      return broken(
        'THRESHOLD_NOT_MAJORITY',
        `A manifest set of ${n} needs a threshold of more than half and at most ${n}, not ${set.threshold}.`,
        { members: n, threshold: set.threshold },
      )
    }
  }
  return undefined
}

function thresholdIsReachable(manifest: Manifest): Refusal | undefined {
  const sets: readonly (KeySet | undefined)[] = [
    manifest.founding.shareSet,
    manifest.shareSet,
    manifest.governance?.voters,
  ]
  for (const set of sets) {
    if (set !== undefined && set.threshold > set.members.length) {
      return broken(
        'THRESHOLD_UNREACHABLE',
        `A set of ${set.members.length} can never reach a threshold of ${set.threshold}.`,
        { members: set.members.length, threshold: set.threshold },
      )
    }
  }
  return undefined
}

function anchorsOnlyOnTestnet({ founding }: Manifest): Refusal | undefined {
  if (founding.testnet && founding.anchors.length === 0) {
    return broken('TESTNET_WITHOUT_ANCHOR', 'A testnet trusts no vendor and must name an anchor.')
  }
  if (!founding.testnet && founding.anchors.length > 0) {
    return broken(
      'ANCHOR_WITHOUT_TESTNET',
      'Only a testnet names trust anchors; otherwise those of the vendors hold, which are part of the code.',
    )
  }
  return undefined
}

function anchorsAreNotVendors({ founding }: Manifest): Refusal | undefined {
  for (const { publicKey } of founding.anchors) {
    const keyDigest = toHex(sha256(fromHex(publicKey) ?? new Uint8Array()))
    const vendor = vendorAnchors.find(anchor => anchor.keyDigest === keyDigest)
    if (vendor !== undefined) {
      return broken(
        'VENDOR_ANCHOR_IN_TESTNET',
        `A testnet may not trust ${vendor.name}: real hardware would pass for simulated, or the reverse.`,
        { anchor: vendor.name },
      )
    }
  }
  return undefined
}

function measurementsHaveAnchors({ founding, join }: Manifest): Refusal | undefined {
  for (const { name, platform } of join.measurements) {
    if (!founding.testnet && platform === 'simulated') {
      return broken(
        'SIMULATED_WITHOUT_TESTNET',
        `The measurement ${name} is of the simulated platform, which only a testnet may admit.`,
        { measurement: name },
      )
    }
    if (founding.testnet && !founding.anchors.some(anchor => anchor.platform === platform)) {
      return broken(
        'MEASUREMENT_WITHOUT_ANCHOR',
        `The measurement ${name} is of ${platform}, for which this testnet names no anchor.`,
        { measurement: name, platform },
      )
    }
  }
  return undefined
}

function measurementsAreDistinct({ join }: Manifest): Refusal | undefined {
  const name = firstTwice(join.measurements.map(measurement => measurement.name))
  if (name === undefined) return undefined
  return broken('MEASUREMENT_TWICE', `Two measurements are called ${name}.`, { measurement: name })
}

function measurementsBind({ join }: Manifest): Refusal | undefined {
  for (const measurement of join.measurements) {
    const refusal = bindingOf(measurement)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

function bindingOf(measurement: ReferenceMeasurement): Refusal | undefined {
  const { name, platform, registers } = measurement
  const facts = factsOf(platform)
  for (const [register, value] of Object.entries(registers)) {
    const length = Object.hasOwn(facts.registers, register) ? facts.registers[register] : undefined
    if (length === undefined) {
      const close = nearest(register, Object.keys(facts.registers)) ?? ''
      const hint = close === '' ? '' : ` Did you mean ${close}?`
      return broken(
        'REGISTER_UNKNOWN',
        `The measurement ${name} names the register ${register}, which ${platform} does not have.${hint}`,
        { measurement: name, register, nearest: close },
      )
    }
    if (value.length !== 2 * length) {
      return broken(
        'REGISTER_LENGTH',
        `The register ${register} of ${name} must have ${length} bytes.`,
        { measurement: name, register, bytes: length },
      )
    }
  }
  const missing = facts.required.find(register => !Object.hasOwn(registers, register))
  if (missing !== undefined) {
    return broken(
      'REGISTER_MISSING',
      `The measurement ${name} must name ${missing}; without it other software would pass for it.`,
      { measurement: name, register: missing },
    )
  }
  if (Date.parse(measurement.validFrom) >= Date.parse(measurement.validUntil)) {
    return broken('WINDOW_EMPTY', `The measurement ${name} ends before it begins.`, {
      measurement: name,
    })
  }
  return undefined
}

function platformsHaveOneTcbRule({ join }: Manifest): Refusal | undefined {
  const ruled = join.tcb.map(rule => rule.platform)
  const twice = firstTwice(ruled)
  if (twice !== undefined) {
    return broken('TCB_RULE_TWICE', `${twice} has two TCB rules.`, { platform: twice })
  }
  const bare = join.measurements.find(({ platform }) => !ruled.includes(platform))
  if (bare !== undefined) {
    return broken(
      'TCB_RULE_MISSING',
      `The measurement ${bare.name} is of ${bare.platform}, which has no TCB rule.`,
      { measurement: bare.name, platform: bare.platform },
    )
  }
  return undefined
}

function tcbComponentsExist({ join }: Manifest): Refusal | undefined {
  for (const { platform, minimum } of join.tcb) {
    const known = factsOf(platform).tcb
    const component = Object.keys(minimum).find(each => !known.includes(each))
    if (component !== undefined) {
      return broken(
        'TCB_COMPONENT_UNKNOWN',
        `${platform} has no TCB component ${component} that a manifest could set a minimum for.`,
        { platform, component, nearest: nearest(component, known) ?? '' },
      )
    }
  }
  return undefined
}

/** A rule about what a platform does not have would be a promise that nobody keeps. */
function tcbRulesFitPlatforms({ join }: Manifest): Refusal | undefined {
  for (const { platform, privilegeLevels, evaluationMin } of join.tcb) {
    const { hasPrivilegeLevels = false, isEvaluated = false } = factsOf(platform)
    if (privilegeLevels.length > 0 !== hasPrivilegeLevels) {
      return broken(
        'PRIVILEGE_LEVELS_MISPLACED',
        hasPrivilegeLevels
          ? `The TCB rule of ${platform} must name the privilege levels that may ask for evidence.`
          : `${platform} has no privilege levels that a TCB rule could name.`,
        { platform },
      )
    }
    if (evaluationMin > 0 && !isEvaluated) {
      return broken('EVALUATION_MISPLACED', `Nobody numbers evaluations of ${platform}.`, {
        platform,
      })
    }
  }
  return undefined
}

function ownersAreDistinct({ join }: Manifest): Refusal | undefined {
  const twice =
    firstTwice(join.owners.map(owner => owner.key)) ??
    firstTwice(join.owners.map(owner => owner.name)) ??
    firstTwice(join.owners.flatMap(owner => owner.instances))
  if (twice === undefined) return undefined
  return broken('OWNER_TWICE', `Names, keys and instances of owners are unique; ${twice} is not.`, {
    value: twice,
  })
}

/** A quorum q <= n must satisfy 2q > n + r (two quorums share a voter that was not rolled back). */
function committeeCanDecide({ committee }: Manifest): Refusal | undefined {
  const { n, r, diversity } = committee
  if (r >= n) {
    return broken(
      'COMMITTEE_IMPOSSIBLE',
      `No quorum of ${n} voters survives the rollback of ${r}.`,
      { n, r },
    )
  }
  if (diversity > n) {
    return broken(
      'COMMITTEE_IMPOSSIBLE',
      `${n} voters cannot stand on ${diversity} platform instances.`,
      { n, diversity },
    )
  }
  return undefined
}

function prefixesHaveOneRule({ write }: Manifest): Refusal | undefined {
  const prefix = firstTwice(write.map(rule => rule.prefix))
  if (prefix === undefined) return undefined
  return broken('WRITE_RULE_TWICE', `The prefix "${prefix}" has two write rules.`, { prefix })
}

function clientsAreDistinct({ api }: Manifest): Refusal | undefined {
  const twice =
    firstTwice(api.clients.map(client => client.key)) ??
    firstTwice(api.clients.map(client => client.name))
  if (twice === undefined) return undefined
  return broken('CLIENT_TWICE', `Names and keys of clients are unique; ${twice} is not.`, {
    value: twice,
  })
}

/** Loopback is inside the TEE only where the TEE is a whole guest; elsewhere it belongs to the host. */
function loopbackNeedsGuest({ api, join }: Manifest): Refusal | undefined {
  const outside = join.measurements.find(
    ({ platform }) => platform !== 'tdx' && platform !== 'sev-snp',
  )
  if (!api.guestLoopback || outside === undefined) return undefined
  return broken(
    'LOOPBACK_OUTSIDE_GUEST',
    `api.guestLoopback needs confidential VMs; on ${outside.platform} the loopback is the host's.`,
    { measurement: outside.name, platform: outside.platform },
  )
}

function leaseOutlivesCitations({ liveness }: Manifest): Refusal | undefined {
  const window = liveness.citationIntervals * liveness.beatIntervalMs
  if (liveness.leaseMs >= window) return undefined
  return broken(
    'LEASE_TOO_SHORT',
    `A lease of ${liveness.leaseMs} ms ends before the ${window} ms in which a beat may be cited.`,
    { leaseMs: liveness.leaseMs, windowMs: window },
  )
}

/** Else a machine that filled its share and died leaves more than whoever joins after it has room for, and that is lost. */
function departedHoldAShare({ limits }: Manifest): Refusal | undefined {
  const { stateEntriesPerInstance, stateBytesPerInstance, departedEntries, departedBytes } = limits
  const holds = departedEntries >= stateEntriesPerInstance && departedBytes >= stateBytesPerInstance
  if (holds) return undefined
  return broken(
    'DEPARTED_BELOW_SHARE',
    'The departed need room for all that one machine may have written: at least its share.',
    { departedEntries, stateEntriesPerInstance, departedBytes, stateBytesPerInstance },
  )
}

function firstTwice<T>(items: readonly T[]): T | undefined {
  const seen = new Set<T>()
  for (const item of items) {
    if (seen.has(item)) return item
    seen.add(item)
  }
  return undefined
}
