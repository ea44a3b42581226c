/**
 * Quotes of TDX and SEV-SNP guests through configfs-tsm (Linux 6.7 and later,
 * `Documentation/ABI/testing/configfs-tsm-report`): a directory is a request, its files are the fields.
 */
import { randomUUID } from 'node:crypto'
import { concatBytes, fromUtf8 } from '../../base/bytes.ts'
import { HostError } from '../../base/errors.ts'
import type { Evidence } from '../../wire/evidence.ts'
import { cleanTable } from './certificate-table.ts'
import { deviceFault } from './device-faults.ts'
import { type DeviceFiles, errnoOf } from './device-files.ts'
import type { Attester } from './port.ts'
import { exactQuote, quoteBytesMax } from './quote-shape.ts'
import { ownReportData, Turns } from './turns.ts'

/** Where the kernel keeps requests for reports. */
export const configfsRoot = '/sys/kernel/config/tsm/report'

/** What the kernel calls the drivers of the platforms. */
const platformOfProvider = { tdx_guest: 'tdx', sev_guest: 'sev-snp' } as const
export type ConfigfsPlatform = (typeof platformOfProvider)[keyof typeof platformOfProvider]

/** The kernel gives at most 32 KiB (`TSM_REPORT_OUTBLOB_MAX`), for the table of certificates too. */
const blobBytesMax = 32 * 1024
const textBytesMax = 64

/**
 * The platform whose driver stands behind configfs-tsm: asked by a request that is not carried out.
 *
 * @throws {HostError} `TEE_…`; `TEE_PROVIDER_GONE` for a driver that nobody here knows.
 */
export async function configfsPlatform(
  files: DeviceFiles,
  root = configfsRoot,
): Promise<ConfigfsPlatform> {
  return await inRequest(files, root, request => request.platform())
}

/** Asks the driver of `platform`. One attester for a machine and process: its turns keep requests apart. */
export class ConfigfsAttester implements Attester {
  readonly platform: ConfigfsPlatform
  readonly #files: DeviceFiles
  readonly #root: string
  readonly #turns = new Turns()

  constructor(
    files: DeviceFiles,
    options: { readonly platform: ConfigfsPlatform; readonly root?: string },
  ) {
    this.platform = options.platform
    this.#files = files
    this.#root = options.root ?? configfsRoot
  }

  async quote(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence> {
    const asked = ownReportData(reportData)
    return await this.#turns.take(() => this.#ask(asked), signal)
  }

  async #ask(reportData: Uint8Array): Promise<Evidence> {
    const { platform } = this
    const body = await inRequest(this.#files, this.#root, async request => {
      if ((await request.platform()) !== platform) {
        throw new HostError('TEE_CHANGED', `The driver is not that of ${platform} any more.`, {
          next: 'Start the node anew.',
        })
      }
      const { quote, table } = await request.carryOut(reportData)
      const exact = exactQuote(platform, quote, reportData)
      const isBounded = exact.length + table.length <= quoteBytesMax
      // Without its certificates a report can still be appraised: verifiers have, or fetch, endorsements.
      return platform === 'sev-snp' && isBounded ? concatBytes(exact, table) : exact
    })
    return { platform, body }
  }
}

/** Runs a conversation in a directory of its own, which is gone afterwards. @throws {HostError} `TEE_…`. */
async function inRequest<T>(
  files: DeviceFiles,
  root: string,
  converse: (request: ReportRequest) => Promise<T>,
): Promise<T> {
  // Nobody else finds the name: two programs in one directory would answer each other.
  const path = `${root}/coterie-${randomUUID()}`
  try {
    await files.makeDirectory(path)
    try {
      return await converse(new ReportRequest(files, path))
    } finally {
      // A directory that stays costs the kernel some KiB; the answer is no worse for it.
      await files.removeDirectory(path).catch(() => undefined)
    }
  } catch (error) {
    throw deviceFault(error)
  }
}

/** One directory. */
class ReportRequest {
  readonly #files: DeviceFiles
  readonly #path: string

  constructor(files: DeviceFiles, path: string) {
    this.#files = files
    this.#path = path
  }

  async platform(): Promise<ConfigfsPlatform> {
    const provider = await this.#text('provider')
    for (const [name, platform] of Object.entries(platformOfProvider)) {
      if (name === provider) return platform
    }
    throw new HostError('TEE_PROVIDER_GONE', 'A driver that is not known here makes the reports.')
  }

  /** Every write of a field counts the generation up by one, so more than our one means somebody else's. */
  async carryOut(reportData: Uint8Array): Promise<{ quote: Uint8Array; table: Uint8Array }> {
    const before = await this.#generation()
    // The driver sees the bytes when the file is closed (fs/configfs/file.c), and says no only when it is asked for the answer.
    const written = await this.#files.write(`${this.#path}/inblob`, reportData)
    if (written !== reportData.length) {
      throw new HostError('TEE_REQUEST_REFUSED', `The driver took ${written} bytes of 64.`)
    }
    const quote = await this.#files.read(`${this.#path}/outblob`, blobBytesMax)
    const table = await this.#certificates()
    // Kernels before 2026 give no bytes and no error where the host failed to quote.
    if (quote.length === 0) {
      throw new HostError('TEE_EMPTY_ANSWER', 'The host made no quote, and the driver no error.', {
        next: 'Ask again; if it stays so, the quoting service of the host does not run.',
      })
    }
    if ((await this.#generation()) !== before + 1) {
      throw new HostError('TEE_RACED', 'Somebody else wrote into this request for a quote.', {
        next: 'Ask again; find out which program writes into the requests of others.',
      })
    }
    return { quote, table }
  }

  /** SEV-SNP alone has them; without, or with an empty table, whoever appraises needs endorsements. */
  async #certificates(): Promise<Uint8Array> {
    try {
      return cleanTable(await this.#files.read(`${this.#path}/auxblob`, blobBytesMax))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return new Uint8Array()
      throw error
    }
  }

  async #generation(): Promise<number> {
    const text = await this.#text('generation')
    if (!/^\d{1,15}$/.test(text)) {
      throw new HostError('TEE_BAD_ANSWER', 'The generation of a request is no number.')
    }
    return Number(text)
  }

  async #text(name: string): Promise<string> {
    const bytes = await this.#files.read(`${this.#path}/${name}`, textBytesMax)
    return fromUtf8(bytes)?.replace(/\n$/, '') ?? ''
  }
}
