/** Makes removal certificates from key files: the one deed of the CLI that needs a manifest-set key. */
import { compareBytes, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { bytesOfDigest, digestOf, keyOfNodeId, type NetworkId, nodeId } from '../base/ids.ts'
import { readKeyFile } from '../host/key-file.ts'
import {
  encodeRemoval,
  type RemovalClaim,
  type RemovalSignature,
  removalMessage,
  removalSubjectBytesMax,
} from '../wire/removal.ts'

/** What a certificate of this version may take out. */
export const scopes = ['identity', 'instance', 'measurement'] as const
export type Scope = (typeof scopes)[number]

/** What a person wants removed. @throws {UsageError} `BAD_SUBJECT` if the id does not fit the scope. */
export function claimOf(scope: Scope, id: string): RemovalClaim {
  switch (scope) {
    case 'identity':
      return { scope, subject: identityOf(id) }
    case 'instance': {
      const digest = fromHex(id)
      if (digest?.length !== 32) {
        throw badSubject('An instance is named by 64 hexadecimal digits.', 'coterie members --json')
      }
      return { scope, subject: digest }
    }
    case 'measurement': {
      const subject = utf8(id)
      if (subject.length === 0 || subject.length > removalSubjectBytesMax || !id.isWellFormed()) {
        throw badSubject('This is not the name of a measurement.', 'coterie members')
      }
      return { scope, subject }
    }
  }
}

/**
 * A certificate over `claim`, signed by every key file, as canonical bytes. One key counts once.
 *
 * @throws {UsageError | HostError} of a key file; `NO_KEY` for none.
 */
export async function signRemoval(options: {
  readonly network: string
  readonly claim: RemovalClaim
  readonly keyFiles: readonly string[]
}): Promise<Uint8Array> {
  const { claim, keyFiles } = options
  if (keyFiles.length === 0) throw new UsageError('NO_KEY', 'A removal needs at least one --key.')
  const network = networkOf(options.network)
  const message = removalMessage(network, claim)
  const bySigner = new Map<string, RemovalSignature>()
  for (const path of keyFiles) {
    using key = await readKeyFile(path)
    const signature = { signer: key.publicKey, signature: key.sign(message) }
    bySigner.set(toHex(key.publicKey), signature)
  }
  const signatures = [...bySigner.values()].sort((a, b) => compareBytes(a.signer, b.signer))
  return encodeRemoval({
    kind: 'certificate',
    network: bytesOfDigest(network),
    scope: claim.scope,
    subject: claim.subject,
    signatures,
  })
}

/** The network as the node names it, checked: what is signed is this, and nothing longer. */
function networkOf(text: string): NetworkId {
  const bytes = fromHex(text)
  if (bytes?.length !== 32) throw new UsageError('BAD_NETWORK', 'The node names no network id.')
  return digestOf(bytes) as string as NetworkId
}

function identityOf(id: string): Uint8Array {
  try {
    return keyOfNodeId(nodeId(id))
  } catch (cause) {
    throw badSubject('This is not a whole node id.', 'coterie members --json', cause)
  }
}

function badSubject(message: string, from: string, cause?: unknown): UsageError {
  return new UsageError('BAD_SUBJECT', message, { next: `Copy it whole from ${from}.`, cause })
}
