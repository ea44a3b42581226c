/** configfs-tsm as its driver behaves (Linux, drivers/virt/coco/guest/report.c): fields, generations, refusals. */
import { concatBytes } from '../../src/base/bytes.ts'
import { type DeviceFiles, errnoError } from '../../src/host/tee/device-files.ts'

export interface FakeDriver {
  readonly provider: 'tdx_guest' | 'sev_guest' | 'other_guest'
  /** The answer to 64 bytes; throws what reading `outblob` shall throw. */
  readonly outblob: (inblob: Uint8Array) => Uint8Array
  /** `undefined`: the driver has no such field. */
  readonly auxblob?: (() => Uint8Array) | undefined
}

interface Request {
  inblob: Uint8Array
  generation: number
}

/** Where the fake keeps requests. */
export const fakeConfigfsRoot = '/config/tsm/report'

export class FakeConfigfs implements DeviceFiles {
  driver: FakeDriver | undefined
  /** Runs before each call; may throw, or write into a request as somebody else would. */
  before: (call: keyof DeviceFiles, path: string) => void = () => undefined
  /** How many bytes of a write are taken. */
  takes = Number.POSITIVE_INFINITY
  readonly calls: string[] = []
  readonly #requests = new Map<string, Request>()

  constructor(driver: FakeDriver | undefined) {
    this.driver = driver
  }

  /** Requests that were made and not taken away. */
  get open(): number {
    return this.#requests.size
  }

  /** Another program writes into every open request. */
  intrude(inblob: Uint8Array): void {
    for (const request of this.#requests.values()) {
      request.inblob = inblob
      request.generation++
    }
  }

  async makeDirectory(path: string): Promise<void> {
    this.#called('makeDirectory', path)
    if (!path.startsWith(`${fakeConfigfsRoot}/`)) throw errnoError('ENOENT', path)
    if (this.driver === undefined) throw errnoError('ENXIO', path)
    if (this.#requests.has(path)) throw errnoError('EEXIST', path)
    this.#requests.set(path, { inblob: new Uint8Array(), generation: 0 })
  }

  async removeDirectory(path: string): Promise<void> {
    this.#called('removeDirectory', path)
    if (!this.#requests.delete(path)) throw errnoError('ENOENT', path)
  }

  /** As the kernel: a wrong length is taken here, and said when the answer is read. */
  async write(path: string, bytes: Uint8Array): Promise<number> {
    this.#called('write', path)
    const { request, field } = this.#find(path)
    if (field !== 'inblob') throw errnoError('EACCES', path)
    const taken = bytes.slice(0, this.takes)
    request.inblob = taken
    request.generation++
    return taken.length
  }

  async read(path: string, bytesMax: number): Promise<Uint8Array> {
    // A driver takes its time: without turns, another request would come between.
    await new Promise(resolve => setImmediate(resolve))
    this.#called('read', path)
    const bytes = this.#field(path)
    if (bytes.length > bytesMax) throw errnoError('EFBIG', path)
    return concatBytes(bytes)
  }

  async probe(): Promise<'absent'> {
    return 'absent'
  }

  #field(path: string): Uint8Array {
    const { request, field } = this.#find(path)
    if (this.driver === undefined) throw errnoError('ENXIO', path)
    if (field === 'provider') return Buffer.from(`${this.driver.provider}\n`)
    if (field === 'generation') return Buffer.from(`${request.generation}\n`)
    if (field === 'outblob') {
      if (request.inblob.length !== 64) throw errnoError('EINVAL', path)
      return this.driver.outblob(request.inblob)
    }
    if (field === 'auxblob' && this.driver.auxblob !== undefined) return this.driver.auxblob()
    throw errnoError('ENOENT', path)
  }

  #find(path: string): { readonly request: Request; readonly field: string } {
    const end = path.lastIndexOf('/')
    const request = this.#requests.get(path.slice(0, end))
    if (request === undefined) throw errnoError('ENOENT', path)
    return { request, field: path.slice(end + 1) }
  }

  #called(call: keyof DeviceFiles, path: string): void {
    this.calls.push(`${call} ${path.slice(path.lastIndexOf('/') + 1)}`)
    this.before(call, path)
  }
}
