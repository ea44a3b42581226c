/** What Intel says about the machines of `dcap.ts`: lists of revoked certificates, TCB info, identities of quoting enclaves. */
import type { KeyObject } from 'node:crypto'
import type { Endorsement, Endorsements } from '../../src/attestation/endorsements.ts'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { after, days, type Timestamp } from '../../src/base/time.ts'
import {
  algorithm,
  commonName,
  components,
  type DcapAuthority,
  dcapNames,
  goodEnclaveSvn,
  goodPck,
  goodTdxSvn,
  pemText,
  quotingEnclaves,
  signDer,
  signRaw,
} from './dcap.ts'
import { bits, der, extension, integer, sequence, time } from './der.ts'

export interface ListRequest {
  readonly revoked?: readonly string[]
  readonly issuerName?: string
  readonly issuerKey?: KeyObject
  readonly thisUpdate?: Timestamp
  readonly nextUpdate?: Timestamp
}

/** A list of revoked certificates: the root's, or that of the authority of PCKs. */
export function dcapList(
  authority: DcapAuthority,
  by: 'root' | 'issuer',
  request: ListRequest = {},
): Uint8Array {
  const { at } = authority
  const { revoked = [] } = request
  const entries = revoked.map(serial => sequence(integer(serial), time(after(at, days(-2)))))
  const body = sequence(
    integer('01'),
    algorithm,
    commonName(request.issuerName ?? dcapNames[by]),
    time(request.thisUpdate ?? after(at, days(-2))),
    time(request.nextUpdate ?? after(at, days(28))),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    der(0xa0, sequence(extension('551d14', integer('01')))),
  )
  const key = request.issuerKey ?? authority[by].privateKey
  return sequence(body, algorithm, bits(signDer(body, key)))
}

export interface LevelForm {
  tcb: Record<string, unknown>
  tcbDate: string
  tcbStatus: string
  advisoryIDs?: string[]
}

export interface ModuleForm {
  id: string
  mrsigner: string
  attributes: string
  attributesMask: string
  tcbLevels: LevelForm[]
}

/** TCB info as Intel publishes it; tests change it before it is signed. */
export interface TcbInfoForm {
  id: string
  version: number
  issueDate: string
  nextUpdate: string
  fmspc: string
  pceId: string
  tcbType: number
  tcbEvaluationDataNumber: number
  tdxModule?: Omit<ModuleForm, 'id' | 'tcbLevels'>
  tdxModuleIdentities?: ModuleForm[]
  tcbLevels: LevelForm[]
}

export interface IdentityForm {
  id: string
  version: number
  issueDate: string
  nextUpdate: string
  tcbEvaluationDataNumber: number
  miscselect: string
  miscselectMask: string
  attributes: string
  attributesMask: string
  mrsigner: string
  isvprodid: number
  tcbLevels: LevelForm[]
}

type Tee = 'sgx' | 'tdx'

/** Seconds are all that Intel writes. */
export const instantText = (at: Timestamp): string => `${new Date(at).toISOString().slice(0, 19)}Z`

const svns = (values: readonly number[]): { svn: number }[] =>
  Array.from({ length: 16 }, (_, i) => ({ svn: values[i] ?? 0 }))

/** A level of the platform whose first component has this version. */
export function platformLevel(tee: Tee, first: number, status: string, advisories: string[] = []) {
  const tcb = {
    sgxtcbcomponents: svns(components(first)),
    pcesvn: goodPck.pceSvn,
    ...(tee === 'tdx' && { tdxtcbcomponents: svns(goodTdxSvn) }),
  }
  return levelForm(tcb, status, advisories)
}

/** A level of an enclave or a module. */
export const svnLevel = (isvsvn: number, status: string, advisories: string[] = []): LevelForm =>
  levelForm({ isvsvn }, status, advisories)

function levelForm(
  tcb: Record<string, unknown>,
  tcbStatus: string,
  advisoryIDs: string[],
): LevelForm {
  const level = { tcb, tcbDate: '2026-05-13T00:00:00Z', tcbStatus }
  return advisoryIDs.length > 0 ? { ...level, advisoryIDs } : level
}

/** Up to date from version 5 on; hardening from 4 on, out of date from 3 on. */
export function tcbInfoForm(tee: Tee, { at }: DcapAuthority): TcbInfoForm {
  const module = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8) }
  const masked = { ...module, attributesMask: 'FF'.repeat(8) }
  const levels = [svnLevel(5, 'UpToDate'), svnLevel(4, 'OutOfDate', ['INTEL-SA-00004'])]
  return {
    id: tee.toUpperCase(),
    version: 3,
    issueDate: instantText(after(at, days(-2))),
    nextUpdate: instantText(after(at, days(28))),
    fmspc: goodPck.fmspc.toUpperCase(),
    pceId: goodPck.pceId,
    tcbType: 0,
    tcbEvaluationDataNumber: 17,
    ...(tee === 'tdx' && {
      tdxModule: masked,
      tdxModuleIdentities: [{ id: 'TDX_01', ...masked, tcbLevels: levels }],
    }),
    tcbLevels: [
      platformLevel(tee, 5, 'UpToDate'),
      platformLevel(tee, 4, 'SWHardeningNeeded', ['INTEL-SA-00002']),
      platformLevel(tee, 3, 'OutOfDate', ['INTEL-SA-00002', 'INTEL-SA-00001']),
    ],
  }
}

export function identityForm(tee: Tee, { at }: DcapAuthority): IdentityForm {
  const { mrSigner, productId } = quotingEnclaves[tee]
  return {
    id: tee === 'sgx' ? 'QE' : 'TD_QE',
    version: 2,
    issueDate: instantText(after(at, days(-2))),
    nextUpdate: instantText(after(at, days(28))),
    tcbEvaluationDataNumber: 17,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: mrSigner.toUpperCase(),
    isvprodid: productId,
    tcbLevels: [
      svnLevel(goodEnclaveSvn, 'UpToDate'),
      svnLevel(goodEnclaveSvn - 2, 'OutOfDate', ['INTEL-SA-00003']),
    ],
  }
}

/** A response of Intel's service: a document and the signature over these very bytes. */
export function signedDocument(
  name: 'tcbInfo' | 'enclaveIdentity',
  document: object,
  key: KeyObject,
): Uint8Array {
  const text = JSON.stringify(document)
  const signature = toHex(signRaw(utf8(text), key))
  return utf8(`{"${name}":${text},"signature":"${signature}"}`)
}

export interface CollateralRequest {
  readonly tee?: Tee
  readonly rootList?: ListRequest
  readonly pckList?: ListRequest
  /** Changes before Intel signs. */
  readonly tcbInfo?: (form: TcbInfoForm) => void
  readonly identity?: (form: IdentityForm) => void
  readonly signer?: KeyObject
}

/** One document of each kind, by its name. */
export interface DcapCollateral {
  readonly rootList: Endorsement
  readonly pckList: Endorsement
  readonly signers: Endorsement
  readonly tcbInfo: Endorsement
  readonly identity: Endorsement
}

/** Everything that Intel says of `authority.at`, for a month. */
export function dcapCollateral(
  authority: DcapAuthority,
  request: CollateralRequest = {},
): DcapCollateral {
  const { tee = 'sgx', signer = authority.signer.privateKey } = request
  const info = tcbInfoForm(tee, authority)
  request.tcbInfo?.(info)
  const identity = identityForm(tee, authority)
  request.identity?.(identity)
  const { signerCertificate, rootCertificate } = authority
  return {
    rootList: { kind: 'crl', bytes: dcapList(authority, 'root', request.rootList) },
    pckList: { kind: 'crl', bytes: dcapList(authority, 'issuer', request.pckList) },
    signers: {
      kind: 'certificates',
      bytes: utf8(pemText([signerCertificate, rootCertificate])),
    },
    tcbInfo: { kind: 'tcb-info', bytes: signedDocument('tcbInfo', info, signer) },
    identity: { kind: 'qe-identity', bytes: signedDocument('enclaveIdentity', identity, signer) },
  }
}

/** In the order of their names, with some of them exchanged or, for `undefined`, left out. */
export function dcapEndorsements(
  collateral: DcapCollateral,
  change: Partial<Record<keyof DcapCollateral, Endorsement | undefined>> = {},
): Endorsements {
  const items = Object.values({ ...collateral, ...change }).filter(each => each !== undefined)
  return { items }
}
