/** Looks at a live network for the commands: pins and files as people name them, the real world as ports. */

import { existsSync } from 'node:fs'
import { type Endorsements, noEndorsements } from '../attestation/endorsements.ts'
import { encodeEnvelope } from '../attestation/manifest-approval.ts'
import { UsageError } from '../base/errors.ts'
import { timestamp } from '../base/time.ts'
import { readAtMost } from '../host/bounded-read.ts'
import { readEndorsementFiles } from '../host/endorsements/files.ts'
import { systemRandom } from '../host/random.ts'
import { replaceFile } from '../host/replace-file.ts'
import { LightClient, type LightOptions, type LightPorts } from '../light/client.ts'
import { type CoterieLink, isMultiaddr, type Pin, parseLink, pinOf } from '../light/link.ts'
import type { LightMemory } from '../light/memory.ts'
import type { SourcePorts } from '../light/source.ts'
import { limits } from '../wire/limits.ts'
import { readPolicy, readPolicyBytes } from './policy-file.ts'

/** Flags of commands that look at a live network. */
export interface LightFlags {
  /** A manifest file: whom to believe. */
  readonly manifest?: string
  /** The same as a `coterie:` link. */
  readonly link?: string
  readonly endorsements?: readonly string[]
  /** Where is kept how far the network was seen. */
  readonly state?: string
  /** Where all that was gathered goes. */
  readonly bundle?: string
}

/** Whom to believe, and where to ask. */
export interface Place {
  readonly pin: Pin
  readonly manifest: Uint8Array | undefined
  /** Origins and multiaddrs. */
  readonly sources: readonly string[]
}

/** A bundle, as `bundleCodec` bounds it. */
const bundleBytesMax = 8 * 1024 * 1024

/**
 * What flags and addresses say.
 *
 * @throws {UsageError} `PIN_MISSING`, `SOURCES_MISSING`, and what `readPolicy` throws. @throws {CoterieError} `LINK_BAD`. @throws {HostError} `MANIFEST_UNREADABLE`.
 */
export async function placeOf(flags: LightFlags, addresses: readonly string[]): Promise<Place> {
  const isLink = (address: string): boolean => address.startsWith('coterie:')
  const links = [...(flags.link === undefined ? [] : [flags.link]), ...addresses.filter(isLink)]
  const link = links[0] === undefined ? undefined : parseLink(links[0])
  const sources = [...new Set([...addresses.filter(each => !isLink(each)), ...(link?.nodes ?? [])])]
  const { pin, manifest } = await pinFrom(flags, link)
  return { pin, manifest, sources }
}

/** The pin of a manifest file or of a link. @throws as `placeOf`. */
async function pinFrom(
  { manifest: path }: LightFlags,
  link: CoterieLink | undefined,
): Promise<Omit<Place, 'sources'>> {
  if (path === undefined) {
    if (link !== undefined) return { pin: link, manifest: undefined }
    throw new UsageError('PIN_MISSING', 'A node that says itself whom to believe proves nothing.', {
      next: 'Name a manifest file from somebody whom you trust, or a coterie: link.',
    })
  }
  const { manifest, approvals, steps } = readPolicy(await readPolicyBytes(path))
  const pin = pinOf(manifest)
  const isSame =
    link === undefined || (link.network === pin.network && link.manifest === pin.manifest)
  if (!isSame) {
    throw new UsageError('PIN_AMBIGUOUS', 'The link pins another manifest than the file.', {
      next: 'Give one of them.',
    })
  }
  const head = steps.at(-1) ?? { manifest, approvals }
  return { pin, manifest: encodeEnvelope(head) }
}

/** A light client, and the connections that it asks over: whoever is done closes them, or the process goes on. */
export interface OpenedLight extends AsyncDisposable {
  readonly client: LightClient
}

/** A light client for a command. @throws {UsageError} `SOURCES_MISSING`, and what the client and `readEndorsementFiles` throw. */
export async function openLight(place: Place, flags: LightFlags): Promise<OpenedLight> {
  if (place.sources.length === 0) {
    throw new UsageError('SOURCES_MISSING', 'It is not said which nodes to ask.', {
      next: 'Name the addresses of their HTTP API, their multiaddrs, or a coterie: link.',
    })
  }
  const endorsements = await endorsementsIn(flags)
  // libp2p is loaded by who dials: it takes longer than a look over HTTP.
  const dialler = place.sources.some(isMultiaddr)
    ? await (await import('../host/net/light-dialler.ts')).openLightDialler(place.pin)
    : undefined
  const close = async (): Promise<void> => await dialler?.close()
  try {
    const options: LightOptions = {
      ...{ pin: place.pin, endorsements },
      sources: place.sources.map(
        each => (isMultiaddr(each) ? dialler?.source(each) : undefined) ?? each,
      ),
      ...(place.manifest === undefined ? {} : { manifest: place.manifest }),
    }
    const client = await LightClient.open(portsWith(flags.state), options)
    return { client, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Vendors' documents in the files that flags name. */
export async function endorsementsIn({ endorsements }: LightFlags): Promise<Endorsements> {
  if (endorsements === undefined || endorsements.length === 0) return noEndorsements
  return (await readEndorsementFiles(endorsements)).endorsements
}

/** Saves what the client went by, if a flag says where. */
export async function saveBundle(client: LightClient, path: string | undefined): Promise<void> {
  if (path !== undefined) await replaceFile(path, client.bundle())
}

/** The bytes of a bundle. @throws {UsageError} `FILE_UNREADABLE`. */
export function readBundle(path: string): Promise<Uint8Array> {
  return readAtMost(path, bundleBytesMax)
}

/** How commands ask nodes. */
export const sourcePorts: SourcePorts = { fetch, deadline: span => AbortSignal.timeout(span) }

function portsWith(state: string | undefined): LightPorts {
  return {
    ...sourcePorts,
    clock: { wall: () => timestamp(Date.now()) },
    random: systemRandom,
    ...(state === undefined ? {} : { memory: memoryIn(state) }),
  }
}

function memoryIn(path: string): LightMemory {
  return {
    load: async () => (existsSync(path) ? readAtMost(path, limits.frameBytesMax) : undefined),
    save: bytes => replaceFile(path, bytes),
  }
}
