/** What a light client writes for itself: its memory and its bundles. */
import { timestamp } from '../../../src/base/time.ts'
import { bundleCodec } from '../../../src/light/gathered.ts'
import { memoryCodec } from '../../../src/light/memory.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

conformMessage({
  codec: memoryCodec,
  samples: {
    first: { network: filled(32, 1), manifestNonce: 0, claim: null, heads: [], forked: [] },
    later: {
      network: filled(32, 1),
      manifestNonce: 7,
      claim: filled(200, 2),
      heads: [filled(300, 3), filled(301, 4)],
      forked: [filled(32, 5)],
    },
  },
})

const said = { code: '', bytes: filled(40, 5) }
const silent = { code: 'SOURCE_TIMEOUT', bytes: filled(0, 0) }
const node = { source: 'http://127.0.0.1:9000', nonce: filled(32, 6) }

conformMessage({
  codec: bundleCodec,
  mutationsMax: 4_000,
  samples: {
    check: {
      at: timestamp(1_766_000_000_000),
      manifests: [],
      memory: null,
      key: null,
      nodes: [{ ...node, attestation: silent, checkpoint: silent, proof: null }],
      evidence: [],
    },
    get: {
      at: timestamp(1_766_000_000_000),
      manifests: [filled(10, 7), filled(11, 8)],
      memory: filled(12, 9),
      key: 'public/motd',
      nodes: [{ ...node, attestation: said, checkpoint: said, proof: said }],
      evidence: [filled(20, 10)],
    },
  },
})
