/** What a report and the certificate beside it say, for people to read; nothing of it is believed here. */
import { toHex } from '../../base/bytes.ts'
import { ifReadable } from '../../base/errors.ts'
import type { Fields } from '../claims.ts'
import { type Endorsements, noEndorsements } from '../endorsements.ts'
import { broughtWith } from './brought.ts'
import { chooseKey } from './choose-key.ts'
import { commonNameOf, type EndorsementKey } from './endorsement-key.ts'
import { type Tcb, tcbOf } from './products.ts'
import { cpuText, decodeReport, productOf, type Report } from './report.ts'

/** Decodes evidence, with the VCEK or VLEK if one is at hand; `undefined` for bytes that are no report. Never throws. */
export function sevSnpFields(
  body: Uint8Array,
  endorsements: Endorsements = noEndorsements,
): Fields | undefined {
  return ifReadable(() => {
    const report = decodeReport(body)
    const key = chooseKey(report, broughtWith(body, endorsements))
    return { ...reportFields(report, key), ...(key && { certificate: certificateFields(key) }) }
  })
}

function reportFields(report: Report, key: EndorsementKey | undefined): Fields {
  const { policy, cpu, tcb } = report
  const named = productOf(report)
  const product = typeof named === 'string' ? named : null
  const { current, reported, committed, launch } = tcb
  return {
    ...{ version: report.version, guest_svn: report.guestSvn },
    policy: `0x${policy.bits.toString(16).padStart(16, '0')}`,
    ...{ policyDebug: policy.debug, policyMigrate: policy.migration, smt: policy.smt },
    ...{ family_id: toHex(report.familyId), image_id: toHex(report.imageId) },
    ...{ vmpl: report.vmpl, sigAlgo: report.signatureAlgorithm },
    platform_info: `0x${report.platformInfo.toString(16)}`,
    author_key_en: Number(report.authorKeyEnabled),
    mask_chip_key: Number(report.maskChipKey),
    signing_key: report.signingKey,
    report_data: toHex(report.reportData),
    measurement: toHex(report.measurement),
    host_data: toHex(report.hostData),
    id_key_digest: toHex(report.idKeyDigest),
    author_key_digest: toHex(report.authorKeyDigest),
    report_id: toHex(report.reportId),
    chip_id: toHex(report.chipId),
    cpuid: cpu === undefined ? null : cpuText(cpu),
    product,
    reported_tcb_hex: toHex(reported),
    current_tcb_hex: toHex(current),
    committed_tcb_hex: toHex(committed),
    launch_tcb_hex: toHex(launch),
    build: report.build.join('.'),
    reported_tcb: versionFields(tcbOf(product ?? key?.product ?? 'Milan', reported)),
    debug: policy.debug,
  }
}

function certificateFields(key: EndorsementKey): Fields {
  const { certificate, productName, hardwareId, providerId, tcb } = key
  return {
    subject_cn: commonNameOf(certificate.subject),
    product_name: productName,
    ...(hardwareId && { hwid: toHex(hardwareId) }),
    ...(providerId !== undefined && { csp_id: providerId }),
    tcb: versionFields(tcb),
  }
}

/** Components as vendors' tools abbreviate them. */
const shortNames = [
  ...([
    ['fmc', 'fmc'],
    ['bootloader', 'bl'],
    ['tee', 'tee'],
    ['snp', 'snp'],
  ] as const),
  ['microcode', 'ucode'],
] as const

function versionFields(tcb: Tcb): Fields {
  const found = shortNames.flatMap(([component, name]) => {
    const version = tcb[component]
    return version === undefined ? [] : [[name, version] as const]
  })
  return Object.fromEntries(found)
}
