/** What each check means when it passes, in words for people. */

const meanings: Readonly<Record<string, string>> = {
  size: 'it is small enough to be looked at',
  form: 'it is evidence of this platform in its one form',
  algorithm: 'it names the one signature algorithm of its platform',
  fields: 'every field is there once, and within its bounds',
  instance: 'all that names its machine names the same one',
  certificates: 'what it brings as certificates are certificates',
  root: 'the key of its root is a pinned one',
  timestamp: 'it was made while its certificate held, and not later than now',
  'document-signature': 'the key of the hardware signed this document',
  chain: 'its certificates lead to a root of the vendor that is part of this program',
  'report-signature': 'the key of the hardware signed this report',
  'endorsement-key': 'the certificate of the key that signed this report is at hand',
  product: 'processor and certificate are of one product',
  revocation: 'the vendor has revoked no authority that vouches for it',
  'certificate-tcb': 'the certificate is for exactly the firmware that the report names',
  migration: 'nobody may move it, with its memory, to another machine',
  header: 'it is a quote of a version and a kind that this program knows',
  'qe-report-signature': "the machine's certified key signed for its quoting enclave",
  'attestation-key': 'the quoting enclave vouches for the key that signed this quote',
  'quote-signature': 'that key signed this quote',
  'tcb-signer': 'what the vendor says of this machine is signed by the vendor',
  'tcb-info': 'what the vendor says of this processor is of this time',
  'qe-identity': "the quoting enclave is the vendor's own",
  'platform-level': 'the vendor knows the level of its firmware',
  'tdx-module': 'its TDX module is one that the vendor knows',
  'qe-level': 'the vendor knows the level of its quoting enclave',
  'tcb-status': 'the vendor has not revoked the level that it is at',
  'td-attributes': 'its attributes do not open it to its host',
  'platform-allowed': 'the policy admits this platform',
  debug: 'the host cannot read its memory through debug mode',
  tcb: 'the firmware is of a state that the policy allows',
  'privilege-level': 'it was asked for at a privilege level that the policy allows',
  measurement: 'the software is the one that is expected',
  'report-data': 'the evidence carries the data that were asked for',
  pins: 'the machine is one of those that the policy pins',
}

/** The meaning of a check that passed. A check that the table does not know speaks for itself. */
export function meaningOf(id: string): string {
  return Object.hasOwn(meanings, id) ? (meanings[id] ?? '') : `${id.replaceAll('-', ' ')} holds`
}
