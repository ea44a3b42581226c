/** Where a browser verifies the nodes of a testnet: the page of its first node, told whom to believe and whom to ask. */
import { readFile } from 'node:fs/promises'
import { parseEnvelope } from '../src/attestation/manifest-approval.ts'
import { isRefusal } from '../src/attestation/verdict.ts'
import { HostError } from '../src/base/errors.ts'
import { formatLink, linkNodesMax, pinOf } from '../src/light/link.ts'
import type { Folder } from './folder.ts'
import { httpPort, loopback } from './ports.ts'

/** The pin stands behind `#`: it goes to no server. @throws {HostError} `BAD_FOLDER` for a manifest that is none. */
export async function verifyAddress(
  folder: Pick<Folder, 'manifest'>,
  { basePort, nodes }: { readonly basePort: number; readonly nodes: number },
): Promise<string> {
  const envelope = parseEnvelope(new Uint8Array(await readFile(folder.manifest)))
  if (isRefusal(envelope)) throw new HostError('BAD_FOLDER', `the manifest: ${envelope.code}`)
  const asked = Array.from({ length: Math.min(nodes, linkNodesMax) }, (_, index) => {
    return `http://${loopback}:${httpPort(basePort, index)}`
  })
  const link = formatLink({ ...pinOf(envelope.manifest), nodes: asked })
  return `http://${loopback}:${httpPort(basePort, 0)}/verify#pin=${encodeURIComponent(link)}`
}
