/** What Intel's service answers with under a root of our own: documents for some date, and the chains beside them. */
import type { KeyObject } from 'node:crypto'
import { after, days, type Timestamp } from '../../src/base/time.ts'
import { toPem } from '../../src/host/tee/pem.ts'
import { type DcapAuthority, makeDcapAuthority } from './dcap.ts'
import { identityForm, instantText, signedDocument, tcbInfoForm } from './dcap-collateral.ts'

export interface IntelRoot extends DcapAuthority {
  /** PEM: who signs TCB info and identities, then the root. */
  readonly tcbChain: string
  /** PEM: the authority of platforms, then the root. */
  readonly platformChain: string
}

/** Valid for a year around `at`. */
export function makeIntelRoot(at: Timestamp): IntelRoot {
  const authority = makeDcapAuthority(at)
  const [signer, issuer, root] = [
    authority.signerCertificate,
    authority.issuerCertificate,
    authority.rootCertificate,
  ].map(each => toPem('CERTIFICATE', each))
  return { ...authority, tcbChain: `${signer}${root}`, platformChain: `${issuer}${root}` }
}

export interface SignedRequest {
  readonly id?: 'SGX' | 'TDX' | 'QE' | 'TD_QE'
  readonly fmspc?: string
  readonly evaluationNumber?: number
  readonly issueDate?: Timestamp
  readonly nextUpdate?: Timestamp
  readonly key?: KeyObject
}

/** TCB info or an enclave's identity, by its id; of yesterday and for a month. */
export function intelDocument(from: IntelRoot, request: SignedRequest = {}): Uint8Array {
  const { id = 'TDX', evaluationNumber = 18, key = from.signer.privateKey } = request
  const tee = id === 'SGX' || id === 'QE' ? 'sgx' : 'tdx'
  const dated = {
    issueDate: instantText(request.issueDate ?? after(from.at, days(-1))),
    nextUpdate: instantText(request.nextUpdate ?? after(from.at, days(29))),
    tcbEvaluationDataNumber: evaluationNumber,
  }
  if (id === 'QE' || id === 'TD_QE') {
    return signedDocument('enclaveIdentity', { ...identityForm(tee, from), ...dated }, key)
  }
  const fmspc = request.fmspc ?? '90C06F000000'
  return signedDocument('tcbInfo', { ...tcbInfoForm(tee, from), ...dated, fmspc }, key)
}
