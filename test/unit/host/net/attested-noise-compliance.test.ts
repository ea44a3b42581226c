import '../../../compliance-globals.ts'
import tests from '@libp2p/interface-compliance-tests/connection-encryption'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { yamux } from '@libp2p/yamux'
import { describe } from 'vitest'
import { Secret } from '../../../../src/base/secret.ts'
import { memberEncrypter } from '../../../../src/host/net/attested-noise.ts'
import { IdentityKey } from '../../../../src/host/net/identity-key.ts'
import { NoiseStatic } from '../../../../src/host/net/noise-crypto.ts'
import { VerificationQueue } from '../../../../src/host/net/verification-queue.ts'
import { systemRandom } from '../../../../src/host/random.ts'
import { systemTimers } from '../../../../src/host/timers.ts'
import { FakeAdmission } from '../../../fixtures/fake-admission.ts'

let count = 0

// libp2p's own suite: the keys are this network's, because an identity is made with its evidence.
describe('attested noise as a libp2p connection encrypter', () => {
  tests({
    async setup(options) {
      const admission = new FakeAdmission({
        name: `compliance ${count++}`,
        identitySeed: options?.privateKey.raw.slice(0, 32),
      })
      const privateKey = new IdentityKey(new Secret(admission.identitySeed.slice()))
      return memberEncrypter({
        network: admission.network,
        own: new NoiseStatic(admission.secrets().noiseSecret),
        random: systemRandom,
        timers: systemTimers,
        hooks: {
          barred: () => undefined,
          began: () => ({ [Symbol.dispose]() {} }),
          attested() {},
          refused() {},
        },
        admission,
        queue: new VerificationQueue(),
      })({
        privateKey,
        peerId: peerIdFromPrivateKey(privateKey),
        logger: defaultLogger(),
        upgrader: { getStreamMuxers: () => new Map([['/yamux/1.0.0', yamux()()]]) } as never,
      })
    },
    async teardown() {},
  })
})
