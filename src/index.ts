/** The public API of the library. What is not named here may change at any time. */
export { ApiClient, ApiError } from './api/client.ts'
export { createNode, type NodeOptions } from './api/create-node.ts'
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
  StatusView,
  WriteOptions,
  WriteReceipt,
} from './node/handle.ts'
export { type HostOption, hostOptions, manifestOptions, type Settings } from './node/options.ts'
