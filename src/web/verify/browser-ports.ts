/** The ports in a browser: the light client over the browser's own network, chance, time and storage. */
import { base64 } from '@scure/base'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { CoterieError } from '../../base/errors.ts'
import { timestamp } from '../../base/time.ts'
import { sha256 } from '../../crypto/hash.ts'
import { LightClient, type LightPorts, reportBytes, verifyBundle } from '../../light/client.ts'
import type { LightReport } from '../../light/report.ts'
import { type PageStorage, pageMemory } from './memory.ts'
import type { Checked, PagePorts } from './ports.ts'
import { linkOf, readWish } from './wish.ts'
import { commandOf } from './words.ts'

/** Longest bundle that is read: as long as one may be. */
const bundleBytesMax = 8 * 1_024 * 1_024

export function browserPorts(page: Window & typeof globalThis): PagePorts {
  const urls: string[] = []
  return {
    build: buildOf(page.document),
    async check(wish) {
      const read = readWish(wish)
      const { pin, sources, manifest, key } = read
      const storage = storageOf(page)
      const ports = {
        ...portsOf(page),
        ...(storage === undefined ? {} : { memory: pageMemory(storage, pin.network) }),
      }
      const options = { pin, sources, ...(manifest === undefined ? {} : { manifest }) }
      const client = await LightClient.open(ports, options)
      const report = key === '' ? await client.check() : (await client.get(key)).report
      const command = commandOf({ link: linkOf(read), sources, key })
      return checked(report, client.bundle(), command)
    },
    async reopen(file, wish) {
      if (file.size > bundleBytesMax) {
        throw new CoterieError('BUNDLE_TOO_LARGE', 'No bundle is that long.')
      }
      const bundle = new Uint8Array(await file.arrayBuffer())
      const { report } = await verifyBundle(bundle, { pin: readWish(wish).pin })
      return checked(report, bundle, null)
    },
    explain(error) {
      if (error instanceof CoterieError)
        return { code: error.code, message: error.message, next: error.next }
      return { code: 'INTERNAL', message: `This page is at fault: ${String(error)}`, next: '' }
    },
    urlOf(bytes) {
      // One at a time: each keeps its bytes in memory.
      for (const url of urls.splice(0)) page.URL.revokeObjectURL(url)
      const url = page.URL.createObjectURL(new Blob([bytes.slice()]))
      urls.push(url)
      return url
    },
  }
}

function checked(report: LightReport, bundle: Uint8Array, command: string | null): Checked {
  return { report, text: fromUtf8(reportBytes(report)) ?? '', bundle, command }
}

function portsOf(page: Window & typeof globalThis): LightPorts {
  return {
    fetch: (url, options) => page.fetch(url, options),
    deadline: span => AbortSignal.timeout(span),
    clock: { wall: () => timestamp(Date.now()) },
    random: { bytes: count => page.crypto.getRandomValues(new Uint8Array(count)) },
  }
}

/** None where the browser forbids it, as some do for pages that are files: then the page forgets. */
function storageOf(page: Window): PageStorage | undefined {
  try {
    return page.localStorage
  } catch {
    return undefined
  }
}

/** The hash of this page's script as its policy names it (CSP Level 3, section 2.3.1). */
function buildOf(document: Document): string {
  const text = document.querySelector('script')?.textContent ?? ''
  return text === ''
    ? 'none: this is not a built page'
    : `sha256-${base64.encode(sha256(utf8(text)))}`
}
