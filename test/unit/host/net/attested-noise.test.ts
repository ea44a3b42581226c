import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { expect, test } from 'vitest'
import { toHex } from '../../../../src/base/bytes.ts'
import {
  type ConnectionRole,
  type EncrypterHooks,
  lightServer,
  memberEncrypter,
} from '../../../../src/host/net/attested-noise.ts'
import type { Attested } from '../../../../src/host/net/handshake-exchange.ts'
import { IdentityKey } from '../../../../src/host/net/identity-key.ts'
import { NoiseStatic } from '../../../../src/host/net/noise-crypto.ts'
import type { RefusedConnection } from '../../../../src/host/net/port.ts'
import { VerificationQueue } from '../../../../src/host/net/verification-queue.ts'
import { systemRandom } from '../../../../src/host/random.ts'
import { systemTimers } from '../../../../src/host/timers.ts'
import { FakeAdmission, type FakeNodeOptions } from '../../../fixtures/fake-admission.ts'

class End implements EncrypterHooks {
  readonly admission: FakeAdmission
  readonly attestedNow: Attested[] = []
  readonly refusals: RefusedConnection[] = []
  readonly encrypter
  constructor(options: FakeNodeOptions) {
    this.admission = new FakeAdmission(options)
    const { identitySeed, noiseSecret } = this.admission.secrets()
    const privateKey = new IdentityKey(identitySeed)
    const deps = {
      network: this.admission.network,
      own: new NoiseStatic(noiseSecret),
      random: systemRandom,
      timers: systemTimers,
      hooks: this as EncrypterHooks,
      admission: this.admission,
      queue: new VerificationQueue(),
    }
    const components = {
      privateKey,
      peerId: peerIdFromPrivateKey(privateKey),
      logger: defaultLogger(),
      upgrader: { getStreamMuxers: () => new Map([['/yamux/1.0.0', yamux()()]]) } as never,
    }
    this.encrypter = memberEncrypter(deps)(components)
    lightServer(deps)(components)
  }
  barred(node: Parameters<EncrypterHooks['barred']>[0], _role: ConnectionRole) {
    return this.admission.barred(node)
  }
  attested(_link: object, attested: Attested) {
    this.attestedNow.push(attested)
  }
  refused(refused: RefusedConnection) {
    this.refusals.push(refused)
  }
}

async function meet(initiator: End, responder: End) {
  const [left, right] = multiaddrConnectionPair()
  const [dialled, answered] = await Promise.allSettled([
    initiator.encrypter.secureOutbound(left),
    responder.encrypter.secureInbound(right),
  ])
  return { dialled, answered }
}

test('both ends attest each other and agree on one channel', async () => {
  const [a, b] = [new End({ name: 'a' }), new End({ name: 'b' })]
  const { dialled, answered } = await meet(a, b)
  expect([dialled.status, answered.status]).toEqual(['fulfilled', 'fulfilled'])
  const [ofB, ofA] = [a.attestedNow[0]!, b.attestedNow[0]!]
  expect(ofB.keys).toEqual(b.admission.keys)
  expect(ofA.keys).toEqual(a.admission.keys)
  expect(toHex(ofA.channel.handshakeHash)).toBe(toHex(ofB.channel.handshakeHash))
})
