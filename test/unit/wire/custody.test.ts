import { utf8 } from '../../../src/base/bytes.ts'
import {
  bootAttestationCodec,
  carriedShareCodec,
  custodyManifestAnswerCodec,
  custodyManifestRequestCodec,
  keyExportCodec,
  quorumKeyAnswerCodec,
  quorumKeyRequestCodec,
} from '../../../src/wire/custody.ts'
import type { MemberRecord } from '../../../src/wire/member-record.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

const carried = {
  alias: 'member1',
  manifest: filled(32, 1),
  node: filled(32, 2),
  encapsulation: filled(1120, 3),
  sealed: filled(49, 4),
  approval: filled(64, 5),
  manifestApproval: filled(64, 6),
}
conformMessage({
  codec: carriedShareCodec,
  samples: { both: carried, share: { ...carried, manifestApproval: null } },
  mutationsMax: 2000,
})

const record: MemberRecord = {
  keys: { identity: filled(32, 7), noise: filled(32, 8), kem: filled(1216, 9) },
  evidence: { platform: 'simulated', body: utf8('evidence') },
  possession: filled(64, 10),
}
conformMessage({
  codec: bootAttestationCodec,
  samples: {
    boot: { record, manifest: filled(32, 1), evidence: { platform: 'simulated', body: utf8('q') } },
  },
  mutationsMax: 2000,
})

conformMessage({
  codec: keyExportCodec,
  samples: {
    export: {
      manifest: filled(32, 1),
      from: filled(32, 2),
      to: filled(32, 3),
      encapsulation: filled(1120, 4),
      sealed: filled(48, 5),
      approvals: [
        { alias: 'member1', signature: filled(64, 6) },
        { alias: 'member2', signature: filled(64, 7) },
      ],
    },
  },
  mutationsMax: 2000,
})

const attestation = {
  record,
  manifest: filled(32, 1),
  evidence: { platform: 'simulated', body: utf8('q') },
}
conformMessage({
  codec: quorumKeyRequestCodec,
  samples: {
    same: { envelope: null, attestation },
    other: { envelope: utf8('{}'), attestation },
  },
  mutationsMax: 2000,
})

conformMessage({
  codec: quorumKeyAnswerCodec,
  samples: { key: { exported: filled(300, 8), signature: filled(64, 9) } },
  mutationsMax: 1000,
})

conformMessage({
  codec: custodyManifestRequestCodec,
  samples: { ask: { network: filled(32, 1) } },
  mutationsMax: 500,
})

conformMessage({
  codec: custodyManifestAnswerCodec,
  samples: { manifest: { envelope: utf8('{"manifest":{}}') } },
  mutationsMax: 500,
})
