/** The attester of the simulated TEE. It proves nothing about hardware. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import {
  documentCodec,
  reportCodec,
  type SimulatedReport,
} from '../../attestation/simulated/document.ts'
import { signedBytes } from '../../attestation/simulated/verify.ts'
import { assert, HostError } from '../../base/errors.ts'
import type { Evidence } from '../../wire/evidence.ts'
import { type Machine, readMachine } from './machine.ts'
import { fromPem } from './pem.ts'
import type { Attester } from './port.ts'

/**
 * The simulated hardware of a machine file.
 *
 * @throws {HostError} `TEE_FILE_UNREADABLE`. @throws {UsageError} `TEE_FILE_EXPOSED`, `BAD_MACHINE_FILE`.
 */
export async function openSimulatedAttester(path: string): Promise<Attester> {
  return attesterOf(await readMachine(path))
}

/** The attester of a machine at hand. */
export function attesterOf(machine: Machine): Attester {
  return new SimulatedAttester(machine)
}

class SimulatedAttester implements Attester {
  readonly platform = 'simulated'
  readonly #key: KeyObject
  readonly #chain: readonly Uint8Array[]
  readonly #report: Omit<SimulatedReport, 'reportData'>

  constructor(machine: Machine) {
    this.#key = createPrivateKey(machine.key)
    this.#chain = machine.chain.map(certificateBytes)
    const { registers, tcb, committedTcb, debug } = machine
    this.#report = {
      instance: bytesOf(machine.instance),
      debug,
      registers: {
        measurement: bytesOf(registers.measurement),
        rtmrs: registers.rtmrs.map(bytesOf),
        hostData: bytesOf(registers.hostData),
        signer: bytesOf(registers.signer),
        productId: registers.productId,
        svn: registers.svn,
      },
      tcb,
      committedTcb,
    }
  }

  async quote(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence> {
    signal.throwIfAborted()
    assert(reportData.length === 64, 'report data has 64 bytes')
    const report = reportCodec.encode({ ...this.#report, reportData })
    const key = { key: this.#key, dsaEncoding: 'ieee-p1363' } as const
    const signature = new Uint8Array(sign('sha256', signedBytes(report), key))
    const body = documentCodec.encode({ report, signature, chain: this.#chain })
    return { platform: this.platform, body }
  }
}

function certificateBytes(pem: string): Uint8Array {
  const bytes = fromPem(pem)
  if (bytes === undefined) throw new HostError('TEE_BROKEN', 'A certificate is not PEM.')
  return bytes
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
