/** Proofs of keys in files: read within bounds, verified without a node. */
import { base64 } from '@scure/base'
import { type JsonEntry, type JsonProof, jsonEntry, proofShape } from '../api/values.ts'
import { fromHex, fromUtf8 } from '../base/bytes.ts'
import { CoterieError, PeerFault, UsageError } from '../base/errors.ts'
import { nameOfFile, readAtMost } from '../host/bounded-read.ts'
import { provenContent } from '../wire/proven-content.ts'
import { decodeKeyProof, type KeyProof } from '../wire/state-proof.ts'

/** A proof of the largest size in base64, its key with every character escaped, and room to spare. */
const fileBytesMax = 4 * 1024 * 1024

/** What the verifier knows by itself. */
export interface Trusted {
  /** Which key was asked for; `undefined` to take whichever the proof names. */
  readonly key: string | undefined
  /** 64 hexadecimal digits; `undefined` to go by the root that the proof names, which proves nothing of any network. */
  readonly root: string | undefined
  /** Whether the manifest puts a key in the public trie; `undefined` while no manifest is at hand. */
  readonly isPublic: ((key: string) => boolean) | undefined
}

/** What a proof shows. */
export interface Proven {
  readonly key: string
  readonly root: string
  readonly rootFrom: 'caller' | 'proof'
  readonly trie: 'public' | 'private'
  readonly trieFrom: 'manifest' | 'proof'
  /** `null` if the key holds nothing. */
  readonly entry: JsonEntry | null
}

/**
 * The proof in a file, or on standard input for `-`.
 *
 * @throws {UsageError} `FILE_UNREADABLE`, `FILE_TOO_LARGE`, `BAD_PROOF_FILE`.
 */
export async function readProof(path: string): Promise<JsonProof> {
  const text = fromUtf8(await boundedBytes(path)) ?? ''
  const parsed = proofShape.safeParse(jsonOf(text))
  if (parsed.success) return parsed.data
  throw new UsageError('BAD_PROOF_FILE', `${nameOfFile(path)} does not hold a proof of a key.`, {
    next: 'Give a file that coterie state prove <key> --out <file> wrote, unchanged.',
  })
}

/**
 * What a proof shows to whoever trusts `trusted`.
 *
 * @throws {PeerFault} `PROOF_INVALID`, `ROOT_MISMATCH`, `KEY_MISMATCH`. @throws {CoterieError} `TRIE_UNKNOWN` for the absence of a key
 * without a manifest: it truly is absent from the trie where it does not belong.
 */
export function verifyProof(given: JsonProof, trusted: Trusted): Proven {
  const { key } = given
  if (trusted.key !== undefined && trusted.key !== key) throw otherKey(key)
  const proof = decoded(given)
  const root = trusted.root ?? given.root
  const isPublic = trusted.isPublic?.(key) ?? proof.isPublic
  const claim = { key, isPublic, root: fromHex(root) ?? new Uint8Array(0) }
  const content = provenContent(proof, claim)
  if (content === undefined) throw root === given.root ? invalid(key) : mismatch(given.root)
  if (content === null && trusted.isPublic === undefined) throw trieUnknown(key, isPublic)
  return {
    key,
    root,
    rootFrom: trusted.root === undefined ? 'proof' : 'caller',
    trie: isPublic ? 'public' : 'private',
    trieFrom: trusted.isPublic === undefined ? 'proof' : 'manifest',
    entry: content === null ? null : jsonEntry({ ...content, key }),
  }
}

function decoded(given: JsonProof): KeyProof {
  try {
    return decodeKeyProof(base64.decode(given.proof))
  } catch (cause) {
    if (cause instanceof PeerFault) throw invalid(given.key, cause)
    throw cause
  }
}

function invalid(key: string, cause?: PeerFault): PeerFault {
  return new PeerFault('PROOF_INVALID', `This proof shows nothing of ${JSON.stringify(key)}.`, {
    cause,
    next: 'Ask for another one. If the manifest changed meanwhile, take proof, root and manifest of one moment.',
  })
}

function otherKey(key: string): PeerFault {
  return new PeerFault('KEY_MISMATCH', `This proof is of another key: ${JSON.stringify(key)}.`, {
    next: 'Ask for the proof of the key that you want: coterie state prove <key>.',
  })
}

function mismatch(root: string): PeerFault {
  return new PeerFault('ROOT_MISMATCH', `This proof stands under another root: ${root}.`, {
    next: 'Every write changes the root: take the root and the proof of one moment.',
  })
}

function trieUnknown(key: string, isPublic: boolean): CoterieError {
  const [trie, other] = isPublic ? ['public', 'private'] : ['private', 'public']
  return new CoterieError(
    'TRIE_UNKNOWN',
    `${JSON.stringify(key)} is absent from the ${trie} part of the state, but may stand in the ${other} one.`,
    {
      next: 'Say with --manifest <file> where keys belong: coterie policy draft --out <file> gets it from a node that you trust.',
    },
  )
}

async function boundedBytes(path: string): Promise<Uint8Array> {
  const bytes = await readAtMost(path, fileBytesMax)
  if (bytes.length <= fileBytesMax) return bytes
  throw new UsageError(
    'FILE_TOO_LARGE',
    `${nameOfFile(path)} is larger than ${fileBytesMax} bytes.`,
    { next: 'No proof is that long: name the file that coterie state prove wrote.' },
  )
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse throws SyntaxError for what is no JSON, and no shape takes `undefined`.
    return undefined
  }
}
