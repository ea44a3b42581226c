/** A manifest in sentences, for the people who approve it. */
import type {
  ApiClient,
  KeySet,
  Manifest,
  ReferenceMeasurement,
  TcbRule,
} from './manifest-document.ts'

/** What the manifest means, one plain sentence per line, the most consequential first. */
export function explainManifest(manifest: Manifest): string[] {
  const { founding, join } = manifest
  return [
    `This is manifest ${manifest.nonce} of the network ${founding.name} (${founding.nonce}).`,
    trustSentence(manifest),
    ...join.measurements.map(measurementSentence),
    ...(join.measurements.length === 0 ? ['No software may join: no measurement is named.'] : []),
    ...join.tcb.map(tcbSentence),
    `A verdict on a member lasts at most ${span(join.evidenceAgeMs)} after it last proved itself.`,
    join.pins.length === 0
      ? 'Any machine of an admitted platform may join.'
      : `Only ${count(join.pins.length, 'listed machine')} may join.`,
    join.delegation === undefined
      ? 'Every member appraises every other itself.'
      : `Of members without a connection, ${join.delegation.k} appraisals by machines of distinct owners stand for one of its own.`,
    ...join.owners.map(
      ({ name, instances }) => `${name} owns ${count(instances.length, 'machine')}.`,
    ),
    founderSentence(manifest),
    setSentence('approve the next manifest', manifest.manifestSet),
    setSentence('rebuild the quorum key', manifest.shareSet),
    ...committeeSentences(manifest),
    ...apiSentences(manifest),
    ...writeSentences(manifest),
    ...applicationSentences(manifest),
    ...limitSentences(manifest),
  ]
}

function trustSentence({ founding }: Manifest): string {
  return founding.testnet
    ? `It is a testnet: it trusts ${count(founding.anchors.length, 'anchor')} of its own and no vendor, and proves nothing about hardware.`
    : 'It trusts the hardware vendors whose roots are part of the program, and nobody else.'
}

function measurementSentence(measurement: ReferenceMeasurement): string {
  const { name, platform, registers, svnMin, validFrom, validUntil } = measurement
  const named = Object.entries(registers).map(([register, value]) => `${register} ${value}`)
  return `The software ${name} may join on ${platform} from ${validFrom} to ${validUntil} with security version ${svnMin} or later and ${named.join(', ')}.`
}

function tcbSentence(rule: TcbRule): string {
  const { platform, allowed, minimum, advisories, graceMs, privilegeLevels, evaluationMin } = rule
  const statuses = allowed.length === 0 ? 'nothing' : allowed.join(' or ')
  const parts = Object.entries(minimum).map(([component, svn]) => `${component} ${svn}`)
  const least = parts.length === 0 ? '' : `, where up to date means at least ${parts.join(', ')}`
  const more = [
    ...(advisories === null ? [] : [`No advisory but ${listed(advisories)} may stand open.`]),
    ...(graceMs === 0
      ? []
      : [`What is out of date is put up with until ${graceMs} ms after the date of its level.`]),
    ...(privilegeLevels.length === 0
      ? []
      : [`Evidence may be asked for at privilege level ${privilegeLevels.join(' or ')}.`]),
    ...(evaluationMin === 0 ? [] : [`Evaluations before number ${evaluationMin} do not count.`]),
  ]
  return [`Firmware of ${platform} must be ${statuses}${least}.`, ...more].join(' ')
}

const listed = (names: readonly string[]): string =>
  names.length === 0 ? 'none at all' : names.join(', ')

function founderSentence({ founding }: Manifest): string {
  const { instances, owners } = founding.founders
  if (founding.testnet) return 'Any admitted node may found the network.'
  if (instances.length + owners.length === 0) return 'No machine may found the network.'
  return `The network may be founded by ${count(instances.length, 'listed machine')} and the machines of ${count(owners.length, 'listed owner')}.`
}

function setSentence(deed: string, set: KeySet): string {
  return `${set.threshold} of ${count(set.members.length, 'key holder')} must ${deed}.`
}

function committeeSentences({ committee, light, namespace }: Manifest): string[] {
  const { n, r, diversity } = committee
  return [
    `Critical state is kept by ${count(n, 'voter')} on at least ${count(diversity, 'machine')}, of which ${r} may be rolled back.`,
    `A light client believes a root that ${count(light.quorum, 'machine')} signed.`,
    namespace.quorumKey === null
      ? 'The network has no quorum key yet.'
      : `The quorum key is ${namespace.quorumKey}.`,
  ]
}

function clientSentences({ name, rights, prefixes }: ApiClient): string[] {
  const ofState = rights.filter(right => right !== 'custody').join(' and ')
  const below = prefixes.map(prefix => `"${prefix}"`).join(', ')
  return [
    `The client ${name} may ${ofState || 'do nothing'} below ${below || 'no prefix'}.`,
    ...(rights.includes('custody')
      ? [`The client ${name} may have the quorum key sign, seal and derive for it.`]
      : []),
  ]
}

function apiSentences({ api }: Manifest): string[] {
  const shown = api.publicPrefixes.map(prefix => `"${prefix}"`).join(', ')
  return [
    shown === '' ? 'No state is public.' : `State below ${shown} is public.`,
    ...api.clients.flatMap(clientSentences),
    api.guestLoopback
      ? 'Programs inside the confidential VM may use the API on its loopback.'
      : 'State is not served on any plain socket.',
  ]
}

function writeSentences({ write }: Manifest): string[] {
  if (write.length === 0) return ['Nobody may write.']
  return write.map(({ prefix, roles, valueBytesMax, schema }) => {
    const what = `write ${schema} of up to ${valueBytesMax} bytes below "${prefix}"`
    const isForClients = roles.includes('client')
    if (roles.includes('member')) {
      return `Members may ${what}${isForClients ? ', and clients once entries can carry their word' : ''}.`
    }
    return isForClients
      ? `Nobody can ${what} yet: it is for clients, and no entry carries their word so far.`
      : `Nobody may ${what}.`
  })
}

function applicationSentences({ governance, pivot }: Manifest): string[] {
  return [
    governance === null
      ? 'Nobody votes on proposals.'
      : `${setSentence('agree to a proposal', governance.voters).slice(0, -1)} within ${span(governance.votingMs)}.`,
    pivot === null
      ? 'Members run no application beside the node.'
      : `Members run the application ${pivot.hash} with ${argumentsOf(pivot.args)}; after it ends it is ${pivot.restart} started again.`,
  ]
}

function argumentsOf(args: readonly string[]): string {
  if (args.length === 0) return 'no arguments'
  return `the arguments ${args.map(each => JSON.stringify(each)).join(' ')}`
}

function limitSentences({ limits, liveness }: Manifest): string[] {
  return [
    `One machine may have ${count(limits.liveIdentitiesPerInstance, 'live node')} at once and start ${limits.newIdentitiesPerHour} in an hour.`,
    `The nodes of one machine hold ${count(limits.stateEntriesPerInstance, 'entry', 'entries')} and ${size(limits.stateBytesPerInstance)} of the state; those that departed unseen, ${count(limits.departedEntries, 'entry', 'entries')} and ${size(limits.departedBytes)} together.`,
    `Members beat every ${span(liveness.beatIntervalMs)}; a beat counts if it cites one of the last ${count(liveness.citationIntervals, 'interval')}, and a member unheard of is new for ${liveness.newIntervals}.`,
    `A node that most machines have not cited for ${span(liveness.leaseMs)} releases no key.`,
    `Writes dated more than ${span(liveness.maxDriftMs)} ahead are not merged.`,
  ]
}

function span(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`
  if (ms % 60_000 === 0) return `${ms / 60_000} min`
  return ms % 1_000 === 0 ? `${ms / 1_000} s` : `${ms} ms`
}

const count = (n: number, noun: string, nouns = `${noun}s`): string =>
  `${n} ${n === 1 ? noun : nouns}`

const size = (bytes: number): string =>
  bytes % 1_048_576 === 0 ? `${bytes / 1_048_576} MiB` : `${bytes} bytes`
