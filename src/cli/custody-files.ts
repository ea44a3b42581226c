/** What `doctor` says of files of a ceremony before anybody sends them: in which field they differ from what a node takes. */
import type { z } from 'zod'
import { custodyRoutes } from '../api/custody-contract.ts'
import { type CustodyInfo, carriedShareShape } from '../api/custody-shapes.ts'
import {
  custodyBytesMax,
  type GenesisTerms,
  genesisTermsShape,
} from '../attestation/custody/custody-manifest.ts'
import { orRefusal } from '../attestation/manifest-reader.ts'
import { isRefusal } from '../attestation/verdict.ts'
import { toHex } from '../base/bytes.ts'
import { ifReadable } from '../base/errors.ts'
import { nodeIdOfKey } from '../base/ids.ts'
import { type CarriedShare, carriedShareCodec } from '../wire/custody.ts'
import { type Found, fail, failed, ok, warn } from './finding.ts'
import { jsonIn } from './genesis-file.ts'

type Request = z.output<typeof custodyRoutes.genesisBoot.body>

/** What a node at hand says, if there is one: files are held against it. */
export type AtHand = CustodyInfo | undefined

/** A genesis request: keys, thresholds, and whether its name and nonce are new to the node. */
export async function requestFinding(path: string, node: AtHand): Promise<Found> {
  try {
    const value = await jsonIn(path, 2 * custodyBytesMax)
    const read = custodyRoutes.genesisBoot.body.safeParse(value)
    if (!read.success) return fail(`BAD_BODY: ${path}: ${issueOf(value, read.error)}.`, remake)
    const terms = orRefusal(() => genesisTermsShape(termsOf(read.data), 'request'))
    if (isRefusal(terms)) {
      const { reason = '', path: place = '' } = terms.facts
      return fail(`${terms.code}: ${path}: ${reason || `see ${place}`}`, remake)
    }
    return namespaceFinding(terms, node)
  } catch (error) {
    return failed(error, remake)
  }
}

const remake =
  'Write it with coterie keys genesis-request --member <public part> for each holder; a pub_key is a list of 65, 130 or 1248 bytes.'

function namespaceFinding({ namespace, shareSet, manifestSet }: GenesisTerms, node: AtHand): Found {
  const { name, nonce } = namespace
  const held = node?.namespace ?? null
  if (held !== null && held.name === name && held.nonce >= nonce) {
    const text = `LOW_NONCE: the node has ${name} with nonce ${held.nonce}, and the request has ${nonce}.`
    return fail(text, `Give --namespace-nonce ${held.nonce + 1} or more.`)
  }
  const shares = `${shareSet.threshold} of ${shareSet.members.length} rebuild the key`
  const approvals = `${manifestSet.threshold} of ${manifestSet.members.length} approve`
  return ok(`${name}, nonce ${nonce}: ${shares}, ${approvals}`)
}

/** Shares as `keys decrypt-share` prints them: sealed, for this node, under its manifest, and how many are enough. */
export async function shareFindings(
  paths: readonly string[],
  node: AtHand,
): Promise<readonly Found[]> {
  const read = await Promise.all(paths.map(path => readShare(path)))
  const aliases: string[] = []
  const found = read.map((share, i): Found => {
    const path = paths[i] ?? ''
    if ('result' in share) return share
    const flaw = shareFlaw(share, { node, aliases })
    aliases.push(share.alias)
    return flaw === undefined ? ok(`${path}: of ${share.alias}`) : fail(`${path}: ${flaw}`, anew)
  })
  const good = read.flatMap(share => ('alias' in share ? [share.alias] : []))
  return [...found, ...thresholdFinding(new Set(good), node)]
}

const anew =
  'Have the holder run coterie keys decrypt-share again for the attestation of this node.'

async function readShare(path: string): Promise<CarriedShare | Found> {
  try {
    const bytes = carriedShareShape.safeParse(await jsonIn(path, 64 * 1024)).data
    const share = bytes && ifReadable(() => carriedShareCodec.decode(bytes))
    if (share !== undefined) return share
    const is = bytes === undefined ? 'no list of numbers from 0 to 255' : `${bytes.length} bytes`
    // As the node tells them apart: a plain share is short, one as genesis sealed it is not.
    const isClear = bytes !== undefined && bytes.length <= 34
    const code = isClear ? 'SHARE_IN_CLEAR' : 'SHARE_MALFORMED'
    return fail(`${code}: ${path} is ${is}, and no share that is sealed to a node.`, anew)
  } catch (error) {
    return failed(error, anew)
  }
}

function shareFlaw(
  share: CarriedShare,
  { node, aliases }: { readonly node: AtHand; readonly aliases: readonly string[] },
): string | undefined {
  if (aliases.includes(share.alias)) return `SHARE_TWICE: another one is of ${share.alias} as well`
  if (node === undefined) return undefined
  const isFor = nodeIdOfKey(share.node)
  if (isFor !== node.node) return `SHARE_FOR_ANOTHER_NODE: for ${isFor}, and here is ${node.node}`
  const manifest = toHex(share.manifest)
  if (node.manifest_hash !== null && manifest !== node.manifest_hash) {
    return `MANIFEST_MISMATCH: under ${manifest}, and the node runs under ${node.manifest_hash}`
  }
  return node.shares?.by?.includes(share.alias)
    ? `SHARE_TWICE: the node has that of ${share.alias} already`
    : undefined
}

function thresholdFinding(aliases: ReadonlySet<string>, node: AtHand): readonly Found[] {
  if (node?.shares == null) return []
  const { have, need, by = [] } = node.shares
  const together = have + [...aliases].filter(alias => !by.includes(alias)).length
  const text = `${have} of ${need} shares are in, and ${together} with these.`
  const next = `Bring shares of ${need - together} more holders.`
  return [together >= need ? ok(text) : warn(text, next)]
}

/** The first thing that does not fit, by its path, in the form that the file means. */
function issueOf(value: unknown, { issues }: z.ZodError): string {
  const [first] = issues
  const isNested = typeof value === 'object' && value !== null && 'parameters' in value
  const found = first?.code === 'invalid_union' ? first.errors[isNested ? 1 : 0]?.[0] : first
  if (found === undefined) return 'it is no genesis request'
  const place = found.path.join('.')
  return `${place === '' ? 'the request' : place}: ${found.message}`
}

function termsOf(request: Request): unknown {
  const { pivot_hash, pivot_args: args, manifest_members, share_members } = request
  const holders = (members: Request['share_members']) =>
    members.map(({ alias, pub_key }) => ({ alias, key: toHex(pub_key) }))
  const isNone = pivot_hash.every(byte => byte === 0)
  return {
    namespace: { name: request.namespace_name, nonce: request.namespace_nonce },
    pivot: isNone ? null : { hash: toHex(pivot_hash), restart: 'never', args },
    manifestSet: { members: holders(manifest_members), threshold: request.manifest_threshold },
    shareSet: { members: holders(share_members), threshold: request.share_threshold },
  }
}
