/**
 * What a person can do about a refused handshake. Sentences speak of the refused machine, because either side
 * may be the one that reads them; the facts beside them name the register, version or date that differs.
 */

const build =
  'Run the software that the manifest admits on the refused machine, or have the manifest set admit what it runs.'
const renew = 'Give the refused machine valid certificates, then start its node anew.'
const clocks =
  'Compare the clocks of both machines with the dates in the facts, and set the wrong one.'
const updates =
  'Update the firmware of the refused machine to what the TCB rule of the manifest asks.'
const restart =
  'Start the refused node anew. If it happens again, something between the two relays or changes what they say.'
const manifests = 'Give both nodes the same manifest: the one that the manifest set approved last.'
const raise =
  'Give the manifest a nonce above the one in force, have it approved again, and apply that.'
const sign =
  'Have more members of the manifest set in force approve this very file: coterie policy approve <file> --key <key file>.'
const admit =
  'Have the manifest set admit the platform of the refused machine, or use a machine of another.'
const networks =
  'Compare the network in the status of both: another manifest founds another network. If they are equal, something between changes bytes.'

const advice: Readonly<Record<string, string>> = {
  MEASUREMENT_MISMATCH: build,
  SVN_TOO_LOW: build,
  MEASUREMENT_EXPIRED: build,
  MEASUREMENT_NOT_YET_VALID: clocks,
  EVIDENCE_EXPIRED: renew,
  EVIDENCE_NOT_RENEWED:
    'Find out why the TEE gives no newer evidence: coterie doctor, and the log. If it cannot, start the node anew before its evidence ends.',
  CHECKPOINTS_WITHHELD:
    'If a member that makes checkpoints still runs, let this node reach it: coterie peers why. If none does, have the manifest set approve a manifest with a higher nonce.',
  EVIDENCE_NOT_YET_VALID: clocks,
  TCB_NOT_ALLOWED: updates,
  ADVISORY_NOT_ALLOWED: updates,
  PRIVILEGE_LEVEL_NOT_ALLOWED:
    'Ask for evidence at a privilege level that the TCB rule of the manifest names; most privileged is 0.',
  DEBUG_ENABLED: 'Start the refused machine without debug mode: in it the host reads all memory.',
  PLATFORM_NOT_ALLOWED: admit,
  PLATFORM_NOT_SUPPORTED: admit,
  SIMULATED_NOT_TRUSTED:
    'Use real hardware: a simulated TEE joins networks of testnet manifests only.',
  UNKNOWN_ANCHOR: 'Use a machine that was made for this network: the root of its chain is another.',
  INSTANCE_NOT_PINNED: 'Have the manifest set pin this machine, or use one that is pinned.',
  REMOVED:
    'Find out why the manifest set removed it: the removed never returns. Only another identity, machine or software joins.',
  INSTANCE_LIVE_LIMIT:
    'Stop other nodes of this machine: the manifest limits how many live at once.',
  INSTANCE_NEW_LIMIT:
    'Wait an hour: the manifest limits how many identities a machine makes in one.',
  EVIDENCE_MALFORMED: restart,
  EVIDENCE_TOO_LARGE: restart,
  EVIDENCE_MISSING: restart,
  EVIDENCE_MISMATCH: restart,
  CHAIN_INVALID: renew,
  CERTIFICATE_REVOKED: renew,
  CERTIFICATE_TCB_MISMATCH:
    'Get the certificate anew: the firmware of the refused machine changed since it was issued.',
  PRODUCT_MISMATCH: renew,
  PRODUCT_NOT_SUPPORTED: admit,
  REPORT_NOT_SUPPORTED: admit,
  MIGRATION_ALLOWED:
    'Start the guest with a policy that forbids migration agents (bit 18, MIGRATE_MA, is zero).',
  QUOTE_NOT_SUPPORTED: admit,
  ATTESTATION_KEY_MISMATCH: restart,
  QE_IDENTITY_MISMATCH:
    "Install the vendor's quoting enclave on the refused machine: whoever made this one can have it sign anything.",
  TCB_LEVEL_UNKNOWN: updates,
  TCB_REVOKED: updates,
  TDX_MODULE_MISMATCH: "Load the vendor's own TDX module on the host of the refused machine.",
  TD_ATTRIBUTES_NOT_ALLOWED:
    'Start the guest with SEPT_VE_DISABLE, without MIGRATABLE and without reserved attributes.',
  SERVICE_TD_BOUND: 'Start the guest without a service TD (MRSERVICETD is zero).',
  SIGNATURE_INVALID: restart,
  UNDETERMINED: 'Fetch the endorsements that the facts name for the refused machine.',
  ENDORSEMENTS_MISSING:
    "Get what is missing from the vendor's service (Intel PCS, AMD KDS) or a cache of it, and give it with --endorsements.",
  MEASUREMENT_NOT_PINNED:
    'Give --measurement with the value that a build of the software states, or --policy.',
  INSTANCE_MISMATCH: restart,
  KEYS_MISMATCH: restart,
  REPORT_DATA_MISMATCH: restart,
  BINDER_MISMATCH: restart,
  IDENTITY_MISMATCH: restart,
  NOISE_KEY_MISMATCH: restart,
  MANIFEST_CONFLICT: manifests,
  MANIFEST_MISMATCH: manifests,
  MANIFEST_MISSING: manifests,
  MANIFEST_EQUIVOCATION:
    'Find out why the manifest set approved two manifests of one nonce; then have it approve one with a higher nonce, and apply that.',
  MANIFEST_LINEAGE_FULL: 'Keep the manifest set as it is, or begin a new network.',
  NONCE_NOT_HIGHER: raise,
  NONCE_TAKEN: raise,
  APPROVALS_MISSING: sign,
  APPROVAL_INVALID: sign,
  FOUNDING_CHANGED:
    'Leave the founding block as it is: another one is another network. To change it, begin a new network.',
  WRONG_NETWORK_OR_TAMPERED: networks,
  HANDSHAKE_ABORTED: networks,
}

/** The next step for a refusal code; empty where the node needs no help, such as `BUSY`, or knows none. */
export function adviceOn(code: string): string {
  return Object.hasOwn(advice, code) ? (advice[code] ?? '') : ''
}
