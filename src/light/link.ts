/**
 * A `coterie:` link: the first thing that a light client is told, by somebody whom its owner trusts, as text or as a QR code.
 *
 *     coterie:<network id>/<manifest hash>?node=https%3A%2F%2Fnode.example&node=http%3A%2F%2F127.0.0.1%3A9000
 *
 * It pins who is believed (network and manifest) and names where to ask: HTTP APIs, or multiaddrs for whoever can dial them. The nodes
 * that it names are not trusted.
 */

import { manifestHash, networkIdOf } from '../attestation/manifest.ts'
import type { ParsedManifest } from '../attestation/manifest-document.ts'
import { fromHex } from '../base/bytes.ts'
import { CoterieError } from '../base/errors.ts'
import { type Digest, digestOf, type NetworkId } from '../base/ids.ts'

/** What a light client goes by. */
export interface Pin {
  readonly network: NetworkId
  /** Hash of a manifest of the network: the one in force, or an earlier one that it follows from. */
  readonly manifest: Digest
}

/** The pin of a manifest that one has from somebody whom one trusts. */
export function pinOf(manifest: ParsedManifest): Pin {
  return { network: networkIdOf(manifest.founding), manifest: manifestHash(manifest) }
}

/** What a `coterie:` link says: a pin, and where to ask. */
export interface CoterieLink extends Pin {
  /** At least one, each once: origins of HTTP APIs (`https://node.example`) and multiaddrs (`/ip4/192.0.2.1/tcp/9600/p2p/12D3KooW…`). */
  readonly nodes: readonly string[]
}

/** More sources than anybody asks at once. */
export const linkNodesMax = 16
/** Fits a QR code of version 40 with room. */
const linkCharactersMax = 2_048

const scheme = 'coterie:'
const form = /^coterie:([0-9a-f]{64})\/([0-9a-f]{64})\?(node=[^&]+(?:&node=[^&]+)*)$/

/**
 * Reads a link. One link has one spelling: writing what was read gives the same text.
 *
 * @throws {CoterieError} `LINK_BAD`, with what is wrong with it.
 */
export function parseLink(text: string): CoterieLink {
  if (text.length > linkCharactersMax)
    throw bad(`it is longer than ${linkCharactersMax} characters`)
  if (!text.startsWith(scheme)) throw bad('it does not begin with coterie:')
  const [, network, manifest, query] = form.exec(text) ?? []
  if (network === undefined || manifest === undefined || query === undefined) {
    throw bad('it is not coterie:<network id>/<manifest hash>?node=<address>')
  }
  const nodes = query.split('&').map(part => addressIn(part.slice('node='.length)))
  const link = {
    network: digest(network) as string as NetworkId,
    manifest: digest(manifest),
    nodes,
  }
  if (formatLink(link) !== text) throw bad('it is not spelled as this program spells it')
  return link
}

/** The text of a link. @throws {CoterieError} `LINK_BAD` if it names no node, too many, one twice, or something else than an address. */
export function formatLink({ network, manifest, nodes }: CoterieLink): string {
  if (nodes.length === 0 || nodes.length > linkNodesMax) {
    throw bad(`it names 1 to ${linkNodesMax} nodes`)
  }
  if (new Set(nodes).size < nodes.length) throw bad('it names a node twice')
  const query = nodes.map(node => `node=${encodeURIComponent(addressOf(node))}`)
  return `${scheme}${network}/${manifest}?${query.join('&')}`
}

/** A TCP port and the peer id of the node there. */
const multiaddr =
  /^\/(?:ip4|ip6|dns|dns4|dns6)\/[0-9A-Za-z.:-]+\/tcp\/[1-9]\d{0,4}\/p2p\/[1-9A-HJ-NP-Za-km-z]{46,62}$/

/** Whether this is how a node is dialled, and no HTTP API: browsers cannot, programs on Node do it by `coterie/light/libp2p`. */
export function isMultiaddr(address: string): boolean {
  return multiaddr.test(address)
}

/** The address of a node, either way. @throws {CoterieError} `LINK_BAD` for anything else. */
export function addressOf(address: string): string {
  return isMultiaddr(address) ? address : originOf(address)
}

/**
 * The origin that an address of a node names: a scheme, a host and perhaps a port, and nothing behind.
 *
 * @throws {CoterieError} `LINK_BAD` for anything else.
 */
export function originOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined
  const isOrigin = url?.origin === address || url?.href === address
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === undefined || !isOrigin || !isHttp || url.href !== `${url.origin}/`) {
    throw badAddress()
  }
  return url.origin
}

function addressIn(encoded: string): string {
  try {
    return addressOf(decodeURIComponent(encoded))
  } catch (cause) {
    if (cause instanceof CoterieError) throw cause
    // decodeURIComponent throws URIError for a lone percent sign and for bytes that are no text.
    throw bad('an address in it is not encoded for a link', cause)
  }
}

function digest(hex: string): Digest {
  return digestOf(fromHex(hex) ?? new Uint8Array(32))
}

function badAddress(): CoterieError {
  return new CoterieError('LINK_BAD', 'This is no address of a node.', {
    next: 'Write it like http://127.0.0.1:9000, with nothing behind, or with its peer id like /ip4/192.0.2.1/tcp/9600/p2p/12D3KooW…',
  })
}

function bad(what: string, cause?: unknown): CoterieError {
  return new CoterieError('LINK_BAD', `This is no coterie: link: ${what}.`, {
    cause,
    next: 'Copy the whole link, as coterie policy link printed it.',
  })
}
