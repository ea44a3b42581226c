/** The public API of the library. What is not named here may change at any time. */
export { type ApiAddress, ApiClient, ApiError, type WriteQuery } from './api/client.ts'
export type { Answer, RouteName } from './api/contract.ts'
export { createNode, type NodeOptions } from './api/create-node.ts'
export type { JsonEntry, JsonValue } from './api/values.ts'
export {
  CoterieError,
  HostError,
  InvariantError,
  PeerFault,
  UsageError,
} from './base/errors.ts'
export type { NetworkId, NodeId } from './base/ids.ts'
export { type Duration, hours, milliseconds, minutes, seconds } from './base/time.ts'
export { version } from './base/version.ts'
export type { CustodyApi, MnemonicRequest, PivotHandler } from './node/custody-api.ts'
export type {
  AckLevel,
  CoterieNode,
  MemberState,
  MemberView,
  NodeEvent,
  NodePhase,
  PeerView,
  RefusalView,
  StateApi,
  StateEntry,
  StateEvent,
  StateProof,
  StatusView,
  WriteOptions,
  WriteReceipt,
} from './node/handle.ts'
export { type ManifestOption, manifestOptions } from './node/manifest-options.ts'
export type { OptionKind, OptionValue } from './node/option-kinds.ts'
export { type HostOption, type HostOptionName, hostOptions, type Settings } from './node/options.ts'
export type { PerPreset, PresetName } from './node/presets.ts'
export type {
  GroupRequest,
  GroupSignature,
  GroupView,
  PolicyAsked,
  PolicyProposed,
  ReshareRequest,
  SigningApi,
  SigningPolicy,
  SignRequest,
} from './node/signing-api.ts'
export { type ProvenContent, provenContent } from './wire/proven-content.ts'
export {
  decodeKeyProof,
  type KeyClaim,
  type KeyProof,
  type OpenLeaf,
  type ProofEnd,
  type ProofStep,
  verifyKeyProof,
} from './wire/state-proof.ts'
