/**
 * Quotes of SGX enclaves under Gramine, through its pseudo-files (Gramine documentation, "Attestation and Secret
 * Provisioning", `/dev/attestation`).
 */
import { fromUtf8 } from '../../base/bytes.ts'
import { HostError } from '../../base/errors.ts'
import type { Evidence } from '../../wire/evidence.ts'
import { deviceFault } from './device-faults.ts'
import type { DeviceFiles } from './device-files.ts'
import type { Attester } from './port.ts'
import { exactQuote, quoteBytesMax } from './quote-shape.ts'
import { ownReportData, Turns } from './turns.ts'

/** Where Gramine keeps its pseudo-files. */
export const gramineRoot = '/dev/attestation'

const typeBytesMax = 64

/**
 * Whether this process runs in an enclave that can quote for DCAP.
 *
 * @throws {HostError} `TEE_NO_DCAP` for an enclave with another kind of attestation, or none.
 */
export async function checkGramine(files: DeviceFiles, root = gramineRoot): Promise<void> {
  try {
    const type = fromUtf8(await files.read(`${root}/attestation_type`, typeBytesMax))?.trim() ?? ''
    if (type === 'dcap') return
    throw new HostError('TEE_NO_DCAP', 'This enclave does not attest by DCAP.', {
      next: 'Write sgx.remote_attestation = "dcap" into the manifest of Gramine and sign it anew.',
    })
  } catch (error) {
    throw deviceFault(error)
  }
}

/**
 * Asks Gramine. What is to be quoted is one state of the whole process: one attester for a process, and
 * nothing else in it may write there.
 */
export class GramineAttester implements Attester {
  readonly platform = 'sgx'
  readonly #files: DeviceFiles
  readonly #root: string
  readonly #turns = new Turns()

  constructor(files: DeviceFiles, root = gramineRoot) {
    this.#files = files
    this.#root = root
  }

  async quote(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence> {
    const asked = ownReportData(reportData)
    return await this.#turns.take(() => this.#ask(asked), signal)
  }

  async #ask(reportData: Uint8Array): Promise<Evidence> {
    try {
      const written = await this.#files.write(`${this.#root}/user_report_data`, reportData)
      // A short write is filled up with zeros, and the quote would be of those.
      if (written !== reportData.length) {
        throw new HostError('TEE_REQUEST_REFUSED', `The enclave took ${written} bytes of 64.`)
      }
      // The quote is made when its file is opened: an open file would give the quote of an earlier request.
      const quote = await this.#files.read(`${this.#root}/quote`, 2 * quoteBytesMax)
      return { platform: this.platform, body: exactQuote(this.platform, quote, reportData) }
    } catch (error) {
      throw deviceFault(error)
    }
  }
}
