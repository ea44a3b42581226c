/** Questions about evidence, each with the answer that is due: forged evidence of every platform, and published one where it lies. */

import { encodeManifest, type Manifest } from '../../src/attestation/manifest.ts'
import { draftManifest, tcbRuleOf } from '../../src/attestation/manifest-draft.ts'
import { factsOf } from '../../src/attestation/platforms.ts'
import type { Verdict } from '../../src/attestation/verdict.ts'
import { appraiserOf } from '../../src/attestation/verifiers.ts'
import { toHex } from '../../src/base/bytes.ts'
import type { Host } from '../../src/host/port.ts'
import { keyReportData } from '../../src/wire/evidence.ts'
import { VirtualTime } from '../fakes/virtual-time.ts'
import { attesterOn, endorsementsFor, mixedNetwork } from '../fixtures/mixed-network.ts'
import { realPlatforms } from '../fixtures/mixed-platforms.ts'
import { testNode } from '../fixtures/network.ts'
import { type Vector, vectorBytes, vectorsOf } from '../fixtures/vectors.ts'
import type { EvidenceQuestion } from './page/evidence.ts'

export interface EvidenceCase {
  readonly name: string
  readonly question: EvidenceQuestion
  /** The verdict under the manifest, and that against the measurements alone; either where it is known. */
  readonly due: {
    readonly appraised?: Verdict['kind']
    readonly inspected?: Verdict['kind']
  }
}

/** `question` with one bit of its evidence turned: the 101st byte is signed on every platform. */
function bent(question: EvidenceQuestion): EvidenceQuestion {
  const body = Buffer.from(question.body, 'hex')
  body.writeUInt8(body.readUInt8(100) ^ 1, 100)
  return { ...question, body: body.toString('hex') }
}

const manifestText = (manifest: Manifest): string =>
  Buffer.from(encodeManifest(manifest)).toString('utf8')

/** Machines of every platform in one testnet whose manifest names our roots. */
export async function forgedCases(): Promise<readonly EvidenceCase[]> {
  const network = mixedNetwork('browser')
  const { clock } = new VirtualTime()
  const reportData = new Uint8Array(64).fill(7)
  const fixed = { manifest: manifestText(network.manifest), at: clock.wall(), measurements: [] }
  const real = realPlatforms.map(async (platform): Promise<EvidenceQuestion> => {
    const quoted = await attesterOn(platform, {}, { clock } as Host).quote(
      reportData,
      new AbortController().signal,
    )
    const said = Object.entries(endorsementsFor[platform])
    const files = said.map(([path, { bytes }]) => ({ path, bytes: toHex(bytes) }))
    return { ...fixed, platform, body: toHex(quoted.body), files, reportData: toHex(reportData) }
  })
  const node = await testNode(network, 'a')
  const simulated: EvidenceQuestion = {
    ...{ ...fixed, platform: 'simulated', files: [] },
    body: toHex(node.evidence.body),
    reportData: toHex(keyReportData(network.network, 'simulated', node.keys)),
  }
  return [...(await Promise.all(real)), simulated].flatMap(question => [
    { name: `forged ${question.platform}`, question, due: { appraised: 'trusted' } },
    {
      name: `forged ${question.platform}, one bit turned`,
      question: bent(question),
      due: { appraised: 'refused' },
    },
    {
      name: `forged ${question.platform}, without endorsements`,
      question: { ...question, files: [] },
      due: { appraised: question.files.length > 0 ? 'undetermined' : 'trusted' },
    },
  ])
}

/** Every published piece of evidence; none where the folder is absent. */
export function publishedCases(): readonly EvidenceCase[] {
  return realPlatforms
    .flatMap(vectorsOf)
    .filter(({ file }) => !file.endsWith('.der'))
    .flatMap(vector => {
      const question = publishedQuestion(vector)
      const isAccepted = vector.expected.verdict === 'accept'
      const cases: EvidenceCase[] = [
        { name: vector.id, question, due: isAccepted ? { inspected: 'trusted' } : {} },
      ]
      if (!isAccepted) return cases
      const { files } = question
      return [
        ...cases,
        {
          name: `${vector.id}, one bit turned`,
          question: bent(question),
          due: { inspected: 'refused' },
        },
        {
          name: `${vector.id}, without ${files.length > 0 ? 'endorsements' : 'a measurement'}`,
          question: { ...question, ...(files.length > 0 ? { files: [] } : { measurements: [] }) },
          due: { inspected: 'undetermined' },
        },
      ] satisfies EvidenceCase[]
    })
}

function publishedQuestion(vector: Vector): EvidenceQuestion {
  const { platform, fields, file } = vector
  const paths = Object.values(vector.collateral?.files ?? {})
  const value = (name: string, bytes: number): string => {
    const found = fields?.[name]
    return typeof found === 'string' ? found : '00'.repeat(bytes)
  }
  const { required, registers } = factsOf(platform)
  const named = required.map(name => [name, value(name, registers[name] ?? 0)])
  const main = fields?.[appraiserOf(platform)?.mainRegister ?? '']
  const window = { validFrom: '2020-01-01T00:00:00Z', validUntil: '2030-01-01T00:00:00Z' }
  const manifest = draftManifest({
    name: 'published',
    foundingNonce: 0,
    manifestSet: { members: ['11'.repeat(32)], threshold: 1 },
    measurements: [
      { name: 'published', platform, registers: Object.fromEntries(named), svnMin: 0, ...window },
    ],
    tcb: [tcbRuleOf(platform)],
  })
  return {
    ...{ platform, manifest: manifestText(manifest) },
    body: toHex(vectorBytes(file)),
    files: paths.map(path => ({ path, bytes: toHex(vectorBytes(path)) })),
    measurements: typeof main === 'string' ? [main] : [],
    reportData: value('report_data', 64),
    at: Date.parse(vector.verify_at),
  }
}

/** Places that are changed in each document; a prime number of bytes apart, so that no field is always passed over. */
const apart = 61

/** The document changed at one place after the other, never to what it was, and cut short at some of them. */
function changed(document: string): readonly string[] {
  const bytes = Buffer.from(document, 'hex')
  const places = Array.from({ length: Math.ceil(bytes.length / apart) }, (_, i) => i * apart)
  return places.flatMap((place, i) => {
    const copy = Buffer.from(bytes)
    copy.writeUInt8(copy.readUInt8(place) ^ (1 + ((i * 151) % 255)), place)
    const cut = bytes.subarray(0, place).toString('hex')
    return i % 8 === 0 ? [copy.toString('hex'), cut] : [copy.toString('hex')]
  })
}

function changesTo(question: EvidenceQuestion): readonly EvidenceQuestion[] {
  const { body, files } = question
  return [
    ...changed(body).map(other => ({ ...question, body: other })),
    ...files.flatMap(({ path, bytes }, at) =>
      changed(bytes).map(other => ({ ...question, files: files.with(at, { path, bytes: other }) })),
    ),
  ]
}

/** For each platform, forged evidence that is trusted, changed in every way. */
export async function changedCases(): Promise<
  readonly (readonly [platform: string, questions: readonly EvidenceQuestion[]])[]
> {
  const whole = (await forgedCases()).filter(({ due }) => due.appraised === 'trusted')
  return [...Map.groupBy(whole, ({ question }) => question.platform)].map(([platform, [first]]) => [
    platform,
    first === undefined ? [] : changesTo(first.question),
  ])
}
