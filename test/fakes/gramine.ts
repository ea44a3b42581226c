/** The pseudo-files of Gramine as they behave: one state for a process, short writes filled up, long ones cut. */
import { type DeviceFiles, errnoError } from '../../src/host/tee/device-files.ts'
import { bareQuote } from './bare-quote.ts'

/** Where the fake keeps its files. */
export const fakeGramineRoot = '/enclave/attestation'

export class FakeGramine implements DeviceFiles {
  type = 'dcap\n'
  /** How many bytes of a write are taken. */
  takes = 64
  quote: (reportData: Uint8Array) => Uint8Array = data => bareQuote('sgx-v3', data)
  #reportData = new Uint8Array(64)

  async write(path: string, bytes: Uint8Array): Promise<number> {
    if (path !== `${fakeGramineRoot}/user_report_data`) throw errnoError('ENOENT', path)
    const taken = bytes.subarray(0, this.takes)
    this.#reportData = new Uint8Array(64)
    this.#reportData.set(taken)
    return taken.length
  }

  async read(path: string, bytesMax: number): Promise<Uint8Array> {
    // The enclave asks its host: without turns, another request would come between.
    await new Promise(resolve => setImmediate(resolve))
    const bytes = this.#field(path)
    if (bytes.length > bytesMax) throw errnoError('EFBIG', path)
    return bytes
  }

  async probe(): Promise<'absent'> {
    return 'absent'
  }

  async makeDirectory(path: string): Promise<void> {
    throw errnoError('EACCES', path)
  }

  async removeDirectory(path: string): Promise<void> {
    throw errnoError('EACCES', path)
  }

  #field(path: string): Uint8Array {
    if (path === `${fakeGramineRoot}/attestation_type`) return Buffer.from(this.type)
    if (path === `${fakeGramineRoot}/quote`) return this.quote(this.#reportData)
    throw errnoError('ENOENT', path)
  }
}
