/** What `doctor` says of custody: of the running node, of nodes that it should agree with, of files that go to it. */
import type { Answer } from '../api/contract.ts'
import type { CustodyInfo } from '../api/custody-shapes.ts'
import { quorumKeyName } from '../attestation/custody/custody-manifest.ts'
import { CoterieError } from '../base/errors.ts'
import { requestFinding, shareFindings } from './custody-files.ts'
import { askAttestation, askInfo } from './enclave-client.ts'
import { type Finding, type Found, fail, failed, ok, warn } from './finding.ts'

/** What a person wants looked at besides the node. */
export interface CustodyQuestions {
  readonly requests: readonly string[]
  readonly shares: readonly string[]
  /** Addresses of nodes that should have the same key. */
  readonly peers: readonly string[]
}

/** Of the node, by its API; `undefined` if none runs. */
export interface RunningNode {
  readonly http: string
  readonly members: Answer<'members'>['members']
}

export async function custodyFindings(
  node: RunningNode | undefined,
  { requests, shares, peers }: CustodyQuestions,
): Promise<readonly Finding[]> {
  const asked = node === undefined ? undefined : await infoOf(node.http)
  const info = asked !== undefined && 'phase' in asked ? asked : undefined
  const found: Finding[] = []
  const add = (name: string, ...all: readonly Found[]): void => {
    for (const each of all) found.push({ name, ...each })
  }
  if (info !== undefined && node !== undefined) {
    add('custody', phaseFinding(info))
    if (info.manifest_hash !== null) add('attestation', await attestationFinding(node.http, info))
  } else if (asked !== undefined && !('phase' in asked)) add('custody', asked)
  for (const request of requests) add('request', await requestFinding(request, info))
  if (shares.length > 0) add('share', ...(await shareFindings(shares, info)))
  for (const peer of peers) add('peer', await peerFinding(peer, { info, node }))
  return found
}

/** What the node says, or why it says nothing. */
async function infoOf(http: string): Promise<CustodyInfo | Found> {
  if (!http.startsWith('http://')) {
    const text = `Custody is not asked over ${http}.`
    return { result: 'unknown', text, next: 'Ask it from the application: node.custody.view().' }
  }
  try {
    return await askInfo(http)
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error
    // Outside of a testnet the host is told nothing: that is as it should be.
    if (error.code === 'NOT_FOR_THE_HOST') return ok('told to the application and listed clients')
    return failed(error, 'See the log of the node.')
  }
}

function phaseFinding(info: CustodyInfo): Found {
  const { phase, shares, approvals } = info
  const of = (set: CustodyInfo['shares']): string =>
    set === null ? '' : `${set.have} of ${set.need}`
  switch (phase) {
    case 'WaitingForBootInstruction':
      return ok('no manifest and no key: it waits for a boot instruction')
    case 'WaitingForQuorumShards':
      return warn(
        `${of(shares)} shares and ${of(approvals)} approvals are in.`,
        'Have further holders run coterie keys decrypt-share, then coterie keys inject.',
      )
    case 'WaitingForForwardedKey':
      return warn(
        'It waits for the key of another member.',
        'See that a member with the key is connected and under the same manifest: coterie doctor --peer <url>.',
      )
    case 'UnrecoverableError':
      return fail(
        `${phase}: it has dropped what it held.`,
        'Start the node anew, then bring the key back: by another member, or by shares.',
      )
    default:
      return ok(`${phase}${keyText(info)}`)
  }
}

function keyText({ quorum_public_key: key }: CustodyInfo): string {
  return key === null ? '' : `, quorum key ${quorumKeyName(key).slice(0, 16)}…`
}

async function attestationFinding(http: string, { manifest_hash }: CustodyInfo): Promise<Found> {
  try {
    const { length } = await askAttestation(http)
    return ok(`${length} bytes of evidence under the manifest ${manifest_hash?.slice(0, 16)}…`)
  } catch (error) {
    return failed(error, 'See what its TEE lacks: the finding tee above, and the log of the node.')
  }
}

/** Whether two nodes can hand the key on: same manifest, same name, and one a member of the other. */
async function peerFinding(
  url: string,
  own: { readonly info: CustodyInfo | undefined; readonly node: RunningNode | undefined },
): Promise<Found> {
  let theirs: CustodyInfo
  try {
    theirs = await askInfo(url)
  } catch (error) {
    return failed(error, `See whether the node at ${url} runs, and whether it is a testnet's.`)
  }
  const { info, node } = own
  if (info === undefined || node === undefined) {
    return ok(`${url} answers: ${theirs.phase}${keyText(theirs)}`)
  }
  const member = node.members.find(known => known.node === theirs.node)
  if (member === undefined || !member.connected) {
    const what = member === undefined ? 'is no member here' : 'is not connected'
    return fail(`NOT_A_MEMBER: ${theirs.node} at ${url} ${what}.`, 'See coterie peers why.')
  }
  return manifestFinding(url, info, theirs)
}

function manifestFinding(url: string, own: CustodyInfo, theirs: CustodyInfo): Found {
  const lacks = own.manifest_hash === null ? 'this node' : url
  if (own.manifest_hash === null || theirs.manifest_hash === null) {
    return warn(
      `The manifest is not shared: ${lacks} has none.`,
      'Give it the envelope of the other: POST /enclave/share-manifest.',
    )
  }
  if (own.manifest_hash !== theirs.manifest_hash) {
    const name = ({ namespace }: CustodyInfo): string => `${namespace?.name} ${namespace?.nonce}`
    return fail(
      `DIFFERENT_MANIFEST: ${own.manifest_hash} (${name(own)}) here, ${theirs.manifest_hash} (${name(theirs)}) at ${url}.`,
      'The key goes on under the same manifest, or a later one of it: start one of them anew and give it the envelope of the other.',
    )
  }
  return ok(`${url}: ${theirs.phase}, connected, under the same manifest`)
}
