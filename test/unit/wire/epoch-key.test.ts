import { expect, test } from 'vitest'
import { bytesOfDigest } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { kemBytes } from '../../../src/crypto/kem-bytes.ts'
import {
  epochKeyId,
  epochKeyKinds,
  epochKeyLife,
  type KeyGrant,
  keyGrantCodec,
  keyRequestCodec,
} from '../../../src/wire/epoch-key.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

conformMessage({
  codec: keyRequestCodec,
  mutationsMax: 2000,
  samples: {
    request: { id: filled(32, 1), nonce: filled(16, 2), removalDigest: filled(32, 3) },
  },
})

const grant: KeyGrant = {
  announcement: {
    ...{ kind: 'traffic', id: filled(32, 1), creator: filled(32, 2), life: 14_400_000 },
    ...{ removalDigest: filled(32, 3), signature: filled(64, 4) },
  },
  ...{ removalDigest: filled(32, 3), lifeLeft: 9_999_999 },
  ...{ encapsulation: filled(kemBytes.ciphertext, 5), sealedKey: filled(48, 6) },
}

conformMessage({
  codec: keyGrantCodec,
  mutationsMax: 1500,
  samples: {
    traffic: grant,
    commit: {
      ...grant,
      announcement: { ...grant.announcement, kind: 'commit', life: null },
      lifeLeft: null,
    },
  },
})

test('a key id is a hash over the kind and the key', () => {
  const key = new Secret(filled(32, 9))
  const ids = epochKeyKinds.map(kind => epochKeyId(kind, key))
  expect(new Set(ids).size).toBe(epochKeyKinds.length)
  for (const id of ids) expect(bytesOfDigest(id)).not.toEqual(filled(32, 9))
  // Golden: the id is part of every envelope.
  expect(ids[0]).toMatchInlineSnapshot(
    `"06d5dde4b36c4af508c4202050382aa444e5cdc3100d48dd7218d4efedc3a5a8"`,
  )
})

test('every kind has a life, and only commit keys have none that ends', () => {
  expect(epochKeyKinds.filter(kind => epochKeyLife[kind] === null)).toEqual(['commit'])
})
