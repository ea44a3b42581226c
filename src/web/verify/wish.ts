/** What a person typed, read: a pin and whom to ask. */
import { parseLineage } from '../../attestation/manifest-lineage.ts'
import { isRefusal } from '../../attestation/verdict.ts'
import { utf8 } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { formatLink, isMultiaddr, originOf, type Pin, parseLink, pinOf } from '../../light/link.ts'
import type { Wish } from './ports.ts'

/** A wish that can be carried out. */
export interface ReadWish {
  readonly pin: Pin
  /** Origins; at least one unless only a bundle is opened. */
  readonly sources: readonly string[]
  /** The manifest, where one was given in place of a link. */
  readonly manifest: Uint8Array | undefined
  readonly key: string
}

/** @throws {UsageError} `PIN_MISSING`, `PIN_BAD`. @throws {CoterieError} `LINK_BAD`, for a source that is no origin as well. */
export function readWish(wish: Wish): ReadWish {
  const key = wish.key.trim()
  const named = wish.nodes.split(/\s+/).filter(line => line !== '')
  const text = wish.pin.trim()
  if (text === '') {
    throw new UsageError('PIN_MISSING', 'Nobody said whom to believe.', {
      next: 'Give a coterie: link or a manifest that you have from somebody you trust.',
    })
  }
  if (text.startsWith('coterie:')) {
    const { nodes, ...pin } = parseLink(text)
    // Those that a browser cannot dial are for other clients.
    const sources =
      named.length > 0 ? named.map(originOf) : nodes.filter(each => !isMultiaddr(each))
    return { pin, sources, manifest: undefined, key }
  }
  const manifest = utf8(text)
  return { pin: pinOfFile(manifest), sources: named.map(originOf), manifest, key }
}

/** Pins the newest manifest of a file: whoever gave it vouches for all of it. */
function pinOfFile(manifest: Uint8Array): Pin {
  const steps = parseLineage(manifest)
  if (isRefusal(steps)) {
    throw new UsageError(
      'PIN_BAD',
      `That is neither a coterie: link nor a manifest (${steps.code}).`,
      {
        next: 'Paste the link or the manifest file whole.',
      },
    )
  }
  const head = steps.at(-1)
  if (head === undefined) throw new UsageError('PIN_BAD', 'The manifest file holds no manifest.')
  return pinOf(head.manifest)
}

/** The link that says the same, for the command line. */
export function linkOf({ pin, sources }: Pick<ReadWish, 'pin' | 'sources'>): string {
  return formatLink({ ...pin, nodes: sources })
}
