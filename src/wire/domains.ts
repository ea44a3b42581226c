/**
 * Every domain-separation tag, in one table. A signature or hash made for one purpose never passes for
 * another: the tag is the first length-prefixed part of what is signed or hashed.
 */
export const domains = {
  networkId: 'coterie/network-id/1',
  manifest: 'coterie/manifest/1',
  manifestApproval: 'coterie/manifest-approval/1',
  keyEvidence: 'coterie/key-evidence/1',
  binder: 'coterie/binder/1',
  noisePrologue: 'coterie/noise-prologue/1',
  stepUpLeaf: 'coterie/step-up-leaf/1',
  stepUpBranch: 'coterie/step-up-branch/1',
  stepUpReport: 'coterie/step-up-report/1',
  memberRecord: 'coterie/member-record/1',
  removal: 'coterie/removal/1',
  removalSet: 'coterie/removal-set/1',
  epochKeyId: 'coterie/epoch-key-id/1',
  epochKeyAnnouncement: 'coterie/epoch-key-announcement/1',
  epochKeyWrap: 'coterie/epoch-key-wrap/1',
  envelopeKey: 'coterie/envelope-key/1',
  envelopeBody: 'coterie/envelope-body/1',
  frameKey: 'coterie/frame-key/1',
  cachePage: 'coterie/cache-page/1',
  topic: 'coterie/topic/1',
  heartbeatDigest: 'coterie/heartbeat-digest/1',
  lifeProof: 'coterie/life-proof/1',
  trieLeaf: 'coterie/trie-leaf/1',
  triePath: 'coterie/trie-path/1',
  leafSalt: 'coterie/leaf-salt/1',
  leafContent: 'coterie/leaf-content/1',
  trieNode: 'coterie/trie-node/1',
  stateRoot: 'coterie/state-root/1',
  valueHash: 'coterie/value-hash/1',
  entrySignature: 'coterie/entry-signature/1',
  instance: 'coterie/instance/1',
  policy: 'coterie/policy/1',
  endorsements: 'coterie/endorsements/1',
  certificate: 'coterie/certificate/1',
  certificateCheck: 'coterie/certificate-check/1',
  simulatedEvidence: 'coterie/simulated-evidence/1',
} as const

export type Domain = (typeof domains)[keyof typeof domains]
