/**
 * The public API of light clients: without a node, libp2p or a clock of its own, for browsers as for Node. What is not named here may
 * change at any time.
 */
export { type Endorsements, noEndorsements } from './attestation/endorsements.ts'
export { type Timestamp, timestamp } from './base/time.ts'
export { callNode } from './light/call.ts'
export type { Caller, CallerKey, CallRequest, CallResult } from './light/caller.ts'
export {
  LightClient,
  type LightOptions,
  type LightPorts,
  type LightValue,
  type Looked,
  reportBytes,
  verifyBundle,
  type WatchOptions,
} from './light/client.ts'
export { type CoterieLink, formatLink, type Pin, parseLink } from './light/link.ts'
export type { LightMemory } from './light/memory.ts'
export type { HeadView, LightReport, NodeView, ValueView } from './light/report.ts'
export type {
  Answer,
  Fetch,
  LightSource,
  Question,
  SourceCode,
  SourcePorts,
} from './light/source.ts'
export { httpSource } from './light/source.ts'
export { headAgeMax, type StateFields, type StateWord, stateWords } from './light/state-word.ts'
export type { ProvenContent } from './wire/proven-content.ts'
