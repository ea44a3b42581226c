/**
 * TCB info and identities of quoting enclaves, as Intel's provisioning certification service publishes them (Intel SGX and TDX
 * PCS API, version 4): what firmware is worth. Nothing here is believed before its signature held.
 */
import { toHex } from '../../base/bytes.ts'
import type { Timestamp } from '../../base/time.ts'
import type { TcbStatus } from '../manifest-document.ts'
import { bad, JsonObject } from './json.ts'

export type Tee = 'sgx' | 'tdx'

/** Intel's word on a level. No manifest allows `Revoked`. */
export type IntelStatus = TcbStatus | 'Revoked'

export interface Level {
  readonly status: IntelStatus
  /** What Intel published about systems on this level, as in `INTEL-SA-00615`. */
  readonly advisories: readonly string[]
  /** When Intel set it. */
  readonly date: Timestamp
}

/** A level of the platform: the least security version of each part. */
export interface PlatformLevel extends Level {
  readonly components: readonly number[]
  readonly pceSvn: number
  /** Of TDX; empty for SGX. */
  readonly tdxComponents: readonly number[]
}

/** A level of one enclave or module: its least security version. */
export interface SvnLevel extends Level {
  readonly svn: number
}

/** Who must have signed the TDX module, and how it must be set up. */
export interface ModuleIdentity {
  readonly mrSigner: Uint8Array
  readonly attributes: Uint8Array
  readonly attributesMask: Uint8Array
  readonly levels: readonly SvnLevel[]
}

interface Dated {
  readonly issuedAt: Timestamp
  readonly nextUpdate: Timestamp
  /** Rises with every recovery of the TCB: of two documents the one with the higher number is in force. */
  readonly evaluationNumber: number
}

export interface TcbInfo extends Dated {
  readonly tee: Tee
  /** Hexadecimal. */
  readonly fmspc: string
  readonly pceId: string
  /** In Intel's order: the first that a platform reaches is its level. */
  readonly levels: readonly PlatformLevel[]
  /** Of TDX: the module of the first generation. */
  readonly module: ModuleIdentity | undefined
  /** Of TDX: later modules, by `TDX_` and their generation in hexadecimal. */
  readonly modules: ReadonlyMap<string, ModuleIdentity>
}

export interface EnclaveIdentity extends Dated {
  readonly tee: Tee
  readonly miscSelect: Uint8Array
  readonly miscSelectMask: Uint8Array
  readonly attributes: Uint8Array
  readonly attributesMask: Uint8Array
  readonly mrSigner: Uint8Array
  readonly productId: number
  readonly levels: readonly SvnLevel[]
}

const levelsMax = 64
const modulesMax = 32
const advisoriesMax = 128
const componentCount = 16
const numberMax = 0xffff_ffff

/** The text of `tcbInfo`, version 3. @throws {PeerFault} `BAD_COLLATERAL`. */
export function parseTcbInfo(text: string): TcbInfo {
  const info = JsonObject.parse(text)
  const tee = oneOf(info.text('id'), { SGX: 'sgx', TDX: 'tdx' } as const)
  if (info.whole('version', numberMax) !== 3) throw bad('TCB info of version 3')
  // The only way to compare levels that is specified: component by component.
  if (info.whole('tcbType', numberMax) !== 0) throw bad('TCB type 0')
  const modules = info.has('tdxModuleIdentities')
    ? info.objects('tdxModuleIdentities', modulesMax).map(namedModule)
    : []
  if (new Set(modules.map(([name]) => name)).size !== modules.length) throw bad('each module once')
  return {
    ...datesOf(info),
    tee,
    fmspc: toHex(info.bytes('fmspc', 6)),
    pceId: toHex(info.bytes('pceId', 2)),
    levels: info.objects('tcbLevels', levelsMax).map(level => platformLevel(level, tee)),
    module: tee === 'tdx' ? moduleIdentity(info.object('tdxModule'), []) : undefined,
    modules: new Map(modules),
  }
}

/** The text of `enclaveIdentity`, version 2. @throws {PeerFault} `BAD_COLLATERAL`. */
export function parseEnclaveIdentity(text: string): EnclaveIdentity {
  const identity = JsonObject.parse(text)
  if (identity.whole('version', numberMax) !== 2) throw bad('an enclave identity of version 2')
  return {
    ...datesOf(identity),
    tee: oneOf(identity.text('id'), { QE: 'sgx', TD_QE: 'tdx' } as const),
    miscSelect: identity.bytes('miscselect', 4),
    miscSelectMask: identity.bytes('miscselectMask', 4),
    attributes: identity.bytes('attributes', 16),
    attributesMask: identity.bytes('attributesMask', 16),
    mrSigner: identity.bytes('mrsigner', 32),
    productId: identity.whole('isvprodid', 0xffff),
    levels: svnLevels(identity),
  }
}

const statuses: Readonly<Record<IntelStatus, IntelStatus>> = {
  UpToDate: 'UpToDate',
  SWHardeningNeeded: 'SWHardeningNeeded',
  ConfigurationNeeded: 'ConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'ConfigurationAndSWHardeningNeeded',
  OutOfDate: 'OutOfDate',
  OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  Revoked: 'Revoked',
}

function oneOf<T>(text: string, known: Readonly<Record<string, T>>): T {
  const found = Object.hasOwn(known, text) ? known[text] : undefined
  if (found === undefined) throw bad(`one of ${Object.keys(known).join(', ')}`)
  return found
}

function datesOf(document: JsonObject): Dated {
  return {
    issuedAt: document.time('issueDate'),
    nextUpdate: document.time('nextUpdate'),
    evaluationNumber: document.whole('tcbEvaluationDataNumber', numberMax),
  }
}

function levelOf(level: JsonObject): Level {
  return {
    date: level.time('tcbDate'),
    status: oneOf(level.text('tcbStatus'), statuses),
    advisories: level.texts('advisoryIDs', advisoriesMax),
  }
}

function platformLevel(level: JsonObject, tee: Tee): PlatformLevel {
  const tcb = level.object('tcb')
  return {
    ...levelOf(level),
    components: componentsOf(tcb, 'sgxtcbcomponents'),
    pceSvn: tcb.whole('pcesvn', 0xffff),
    tdxComponents: tee === 'tdx' ? componentsOf(tcb, 'tdxtcbcomponents') : [],
  }
}

function componentsOf(tcb: JsonObject, name: string): readonly number[] {
  const components = tcb.objects(name, componentCount).map(each => each.whole('svn', 0xff))
  if (components.length !== componentCount) throw bad(`${componentCount} ${name}`)
  return components
}

const svnLevels = (of: JsonObject): readonly SvnLevel[] =>
  of.objects('tcbLevels', levelsMax).map(level => ({
    ...levelOf(level),
    svn: level.object('tcb').whole('isvsvn', 0xffff),
  }))

function moduleIdentity(module: JsonObject, levels: readonly SvnLevel[]): ModuleIdentity {
  return {
    mrSigner: module.bytes('mrsigner', 48),
    attributes: module.bytes('attributes', 8),
    attributesMask: module.bytes('attributesMask', 8),
    levels,
  }
}

function namedModule(module: JsonObject): readonly [string, ModuleIdentity] {
  const id = module.text('id').toUpperCase()
  if (!/^TDX_[0-9A-F]{2}$/.test(id)) throw bad('TDX_ and a generation')
  return [id, moduleIdentity(module, svnLevels(module))]
}
