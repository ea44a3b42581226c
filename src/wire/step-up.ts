/**
 * Step-up: a peer asks for a fresh quote, bound to its own connection, purpose and nonce. Quotes are slow
 * (seconds on real hardware), so requests that wait at one time share one: what is quoted is the root of a
 * Merkle tree whose leaves are the requests' binders, and each answer carries its path.
 */
import { bytesOfDigest, type NetworkId } from '../base/ids.ts'
import { framed, sha256, sha512 } from '../crypto/hash.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'
import { byteString, choice, fixedBytes, list, message, uint } from './schema.ts'

/** Append only: the position is what travels. */
export const stepUpPurposes = ['step-up', 're-attest', 'release'] as const

/** A request on the open member connection. */
export interface StepUpRequest {
  readonly purpose: (typeof stepUpPurposes)[number]
  /** 32 random bytes of the asker, used once. */
  readonly nonce: Uint8Array
}

/** The answer: evidence whose report data commits to the asker's binder. */
export interface StepUpAnswer {
  /** Canonical encoding of the evidence. */
  readonly evidence: Uint8Array
  /** Place of the asker's leaf, from 0. */
  readonly index: number
  /** How many leaves the tree has. */
  readonly count: number
  /** Siblings from the leaf up, 32 bytes each. */
  readonly path: readonly Uint8Array[]
}

/** Requests that may share one quote. */
export const stepUpBatchMax = 1024
const depthMax = 10

export const stepUpRequestCodec = message<StepUpRequest>(
  'step-up-request',
  1,
  { purpose: [1, choice(stepUpPurposes)], nonce: [2, fixedBytes(32)] },
  { bytesMax: 256 },
)

export const stepUpAnswerCodec = message<StepUpAnswer>(
  'step-up-answer',
  1,
  {
    evidence: [1, byteString(1, limits.handshakeFrameBytesMax)],
    index: [2, uint(stepUpBatchMax - 1)],
    count: [3, uint(stepUpBatchMax)],
    path: [4, list(fixedBytes(32), depthMax)],
  },
  { bytesMax: limits.handshakeFrameBytesMax + 1024, itemsMax: 64 },
)

/** The leaf of a binder, 32 bytes. */
export function stepUpLeaf(binder: Uint8Array): Uint8Array {
  return sha256(framed(domains.stepUpLeaf, binder))
}

/** The root over `leaves`, 1 to `stepUpBatchMax` of them, and the path of each. A last odd one moves up alone. */
export function stepUpTree(leaves: readonly Uint8Array[]): {
  readonly root: Uint8Array
  readonly paths: readonly (readonly Uint8Array[])[]
} {
  const paths: Uint8Array[][] = leaves.map(() => [])
  let level = [...leaves]
  let places = leaves.map((_, place) => place)
  while (level.length > 1) {
    const current = level
    places.forEach((place, leaf) => {
      const sibling = current[place ^ 1]
      if (sibling !== undefined) paths[leaf]?.push(sibling)
    })
    level = pairs(current)
    places = places.map(place => place >> 1)
  }
  return { root: level[0] ?? new Uint8Array(32), paths }
}

/** The root that a leaf and its path lead to; `undefined` if the path does not fit the place. */
export function stepUpRoot(leaf: Uint8Array, answer: StepUpAnswer): Uint8Array | undefined {
  const { count, path } = answer
  let { index } = answer
  if (index >= count) return undefined
  let node = leaf
  let used = 0
  for (let width = count; width > 1; width = Math.ceil(width / 2), index >>= 1) {
    if ((index ^ 1) >= width) continue
    const sibling = path[used++]
    if (sibling === undefined) return undefined
    node = index % 2 === 0 ? branch(node, sibling) : branch(sibling, node)
  }
  return used === path.length ? node : undefined
}

/** The 64 bytes to be quoted for a root. */
export function stepUpReportData(network: NetworkId, root: Uint8Array): Uint8Array {
  return sha512(framed(domains.stepUpReport, bytesOfDigest(network), root))
}

function pairs(level: readonly Uint8Array[]): Uint8Array[] {
  const parents: Uint8Array[] = []
  for (let i = 0; i < level.length; i += 2) {
    const [left, right] = [level[i], level[i + 1]]
    if (left !== undefined) parents.push(right === undefined ? left : branch(left, right))
  }
  return parents
}

function branch(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(framed(domains.stepUpBranch, left, right))
}
