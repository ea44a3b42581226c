/** Whether the page that nodes serve for verification is the one that this version was built with. */
import { pageDir, verifyPageFacts, verifyPath } from '../api/page-files.ts'
import { toHex } from '../base/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { httpSource, type SourcePorts } from '../light/source.ts'
import { paint, printable, printLine } from './output.ts'

/** Many times what the page has. */
const pageBytesMax = 4 * 1024 * 1024

export interface ServedPage {
  /** Where it is. */
  readonly address: string
  /** `same`: byte for byte. `other`: not for this version, or changed. `none`: nothing is served there that could be opened. */
  readonly is: 'same' | 'other' | 'none'
  /** SHA-256 of what is served, hexadecimal; `null` for nothing. */
  readonly sha256: string | null
}

/** Looks at the pages of nodes; `expected` is the hash of the own one. Never throws. */
export function pagesServed(
  ports: SourcePorts,
  origins: readonly string[],
  expected: string,
): Promise<readonly ServedPage[]> {
  return Promise.all(
    origins.map(async (origin): Promise<ServedPage> => {
      const question = { path: verifyPath, type: 'text/html', bytesMax: pageBytesMax } as const
      const answer = await httpSource(origin, ports).ask(question)
      const address = `${origin}${verifyPath}`
      if (answer.kind === 'failed') return { address, is: 'none', sha256: null }
      const found = toHex(sha256(answer.bytes))
      return { address, is: found === expected ? 'same' : 'other', sha256: found }
    }),
  )
}

/** Tells people about the pages of the nodes that they asked; nothing where this checkout has built none to compare with. */
export async function printPages(ports: SourcePorts, origins: readonly string[]): Promise<void> {
  const own = verifyPageFacts(pageDir)
  if (own === null) return
  for (const { address, is, sha256: found } of await pagesServed(ports, origins, own.sha256)) {
    if (is === 'same') printLine(`The page at ${printable(address)} is the one of this version.`)
    if (is === 'other') {
      const answer = paint('yellow', 'is not the one of this version')
      printLine(`The page at ${printable(address)} ${answer}: believe nothing that it shows.`)
      printLine(`    found     ${found}`)
      printLine(`    expected  ${own.sha256}`)
    }
  }
}
