import { noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { after, days } from '../../../../src/base/time.ts'
import { currentTcb, makeTestnetAuthority, registersOf } from '../../../../src/host/tee/machine.ts'
import { keyReportData } from '../../../../src/wire/evidence.ts'
import { platformConforms } from '../../../conformance/platform.ts'
import { epoch, testNetwork, testNode } from '../../../fixtures/network.ts'

platformConforms('simulated', async () => {
  const network = testNetwork()
  const node = await testNode(network, 'a')
  const genuine = {
    evidence: node.evidence,
    expectedReportData: keyReportData(network.network, 'simulated', node.keys),
    endorsements: noEndorsements,
    policy: network.policy,
    now: epoch,
  }
  const on = async (machine: Parameters<typeof testNode>[2]) => {
    const { evidence } = await testNode(network, 'a', machine)
    return { ...genuine, evidence }
  }
  const elsewhere = { ...network, authority: makeTestnetAuthority(epoch) }
  return {
    genuine,
    debug: await on({ debug: true }),
    expired: await on({ notAfter: after(epoch, days(-0.5)) }),
    notYetValid: await on({ notBefore: after(epoch, days(1)) }),
    foreign: { ...genuine, evidence: (await testNode(elsewhere, 'a')).evidence },
    otherMeasurement: await on({ registers: registersOf('other') }),
    oldFirmware: await on({ tcb: { ...currentTcb, tee: 0 } }),
    otherReportData: { ...genuine, expectedReportData: new Uint8Array(64) },
  }
})
