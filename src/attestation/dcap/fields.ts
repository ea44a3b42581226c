/** What stands in a quote, by the names of Intel's documents, for people and for comparison; nothing of it is believed. */
import { toHex } from '../../base/bytes.ts'
import { ifReadable } from '../../base/errors.ts'
import type { Fields } from '../claims.ts'
import { certificatesOfPem } from '../pem.ts'
import { parseCertificate } from '../x509.ts'
import { parsePck, pckAuthorityOf } from './pck.ts'
import { type EnclaveReport, isDebug, parseQuote, type Quote, type TdReport } from './quote.ts'
import type { Tee } from './tcb-info.ts'
import { isTdDebug } from './td-rules.ts'

/** `undefined` for bytes that are no quote of `tee`; without `pck` if the chain in it cannot be read. Hexadecimal is lower-case. */
export function fieldsOfQuote(tee: Tee, bytes: Uint8Array): Fields | undefined {
  const quote = ifReadable(() => parseQuote(bytes))
  if (quote === undefined || (quote.body.kind === 'td') !== (tee === 'tdx')) return undefined
  const { header, body, quotingEnclave } = quote
  const pck = ifReadable(() => pckFields(quote))
  return {
    version: header.version,
    tee: teeOf(body),
    att_key_type: header.keyType,
    cert_data_type: 5,
    ...lengths(quote, bytes),
    qe_vendor_id: toHex(header.vendor),
    ...(body.kind === 'enclave' ? enclaveFields(body.report) : tdFields(body.report)),
    ...(pck !== undefined && { pck }),
    qe: {
      mrsigner: toHex(quotingEnclave.mrSigner),
      isvsvn: quotingEnclave.svn,
      isvprodid: quotingEnclave.productId,
      attributes: toHex(quotingEnclave.attributes),
      miscselect: toHex(quotingEnclave.miscSelect),
    },
  }
}

function teeOf(body: Quote['body']): string {
  if (body.kind === 'enclave') return 'sgx'
  return body.report.later === undefined ? 'tdx10' : 'tdx15'
}

function lengths({ length }: Quote, bytes: Uint8Array): Fields {
  const trailing = bytes.subarray(length)
  return {
    quote_total_len: bytes.length,
    quote_exact_len: length,
    trailing_bytes: trailing.length,
    ...(trailing.length > 0 && { trailing_all_zero: trailing.every(byte => byte === 0) }),
  }
}

function enclaveFields(report: EnclaveReport): Fields {
  return {
    cpusvn: toHex(report.cpuSvn),
    miscselect: toHex(report.miscSelect),
    attributes: toHex(report.attributes),
    mrenclave: toHex(report.mrEnclave),
    mrsigner: toHex(report.mrSigner),
    isvprodid: report.productId,
    isvsvn: report.svn,
    report_data: toHex(report.reportData),
    debug: isDebug(report),
  }
}

function tdFields(report: TdReport): Fields {
  return {
    tee_tcb_svn: toHex(report.tcbSvn),
    mrseam: toHex(report.mrSeam),
    mrsignerseam: toHex(report.mrSignerSeam),
    seamattributes: toHex(report.seamAttributes),
    td_attributes: toHex(report.attributes),
    xfam: toHex(report.xfam),
    mrtd: toHex(report.mrTd),
    mrconfigid: toHex(report.mrConfigId),
    mrowner: toHex(report.mrOwner),
    mrownerconfig: toHex(report.mrOwnerConfig),
    ...Object.fromEntries(report.rtmrs.map((value, i) => [`rtmr${i}`, toHex(value)])),
    report_data: toHex(report.reportData),
    debug: isTdDebug(report),
    ...(report.later !== undefined && {
      tee_tcb_svn2: toHex(report.later.tcbSvn),
      mrservicetd: toHex(report.later.mrServiceTd),
    }),
  }
}

function pckFields({ chain }: Quote): Fields {
  const [der = new Uint8Array()] = certificatesOfPem(chain)
  const leaf = parseCertificate(der)
  const pck = parsePck(leaf)
  return {
    fmspc: pck.fmspc,
    pceid: pck.pceId,
    ca: pckAuthorityOf(leaf),
    pcesvn: pck.pceSvn,
    sgx_components: pck.components,
    valid: [leaf.notBefore, leaf.notAfter].map(at => new Date(at).toISOString()),
  }
}
