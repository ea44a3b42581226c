/**
 * Sealed calls (docs/spec/attested-channel.md): the part of a light client that speaks to a node in private. What it believes of the node comes
 * from a look at it; the rest is arithmetic. Loaded on demand.
 */
import { isRefusal } from '../attestation/verdict.ts'
import { toHex } from '../base/bytes.ts'
import { CoterieError, ifReadable, PeerFault, UsageError } from '../base/errors.ts'
import { keyOfNodeId, type NodeId } from '../base/ids.ts'
import { after, seconds } from '../base/time.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { settled } from '../crypto/settled.ts'
import {
  type ChannelOffer,
  channelOfferCodec,
  type OfferContext,
  type OfferRefusalCode,
  offerRefusal,
  subkeyDigest,
} from '../wire/channel-offer.ts'
import {
  type Call,
  callBodyBytesMax,
  isCallPath,
  isCallType,
  sealedAnswerBytesMax,
} from '../wire/sealed-call.ts'
import { OutgoingCall } from '../wire/sealed-exchange.ts'
import type { Caller, CallRequest, CallResult } from './caller.ts'
import type { Looked } from './client.ts'
import type { LightSource, Question } from './source.ts'
import { headAgeMax } from './state-word.ts'
import { trustOf } from './trust.ts'

/** A call counts for so long after it was made, by the clock of the client: whoever holds it back longer has a dead one. */
const callLife = seconds(30)
/** From the first byte out to the last byte in: a write waits for others to hold it. */
const callPatience = seconds(40)

/** As `callNode`, once the nodes were looked at. */
export async function callThrough(
  request: CallRequest,
  { key, source: wanted }: Caller,
  looked: Looked,
  signal: AbortSignal | undefined,
): Promise<CallResult> {
  const call = callOf(request)
  const fresh = freshOnes(looked, wanted)
  const { manifests, pin, report } = looked
  const { random, clock } = looked.ports
  const trust = await settled(() => trustOf(manifests, pin, 0))
  const clients = isRefusal(trust) ? [] : trust.manifest.api.clients
  if (!clients.some(each => each.key === toHex(key.publicKey))) throw notListed()
  const { source, node, offer } = await firstOffer(fresh, looked, signal)
  const target = { network: pin.network, node: keyOfNodeId(node) }
  const subkey = subkeyDigest(offer.subkey)
  const entropy = random.bytes(kemBytes.entropy)
  using outgoing = OutgoingCall.to({ ...target, subkey }, { subkey: offer.subkey, entropy })
  // The node signed a key that is none: no honest one does.
  if (outgoing === undefined) throw badOffer('OFFER_FORGED')
  const unsigned = {
    ...call,
    id: random.bytes(16),
    expiresAt: after(clock.wall(), callLife),
    client: key.publicKey,
  }
  const signature = await key.sign(outgoing.message(unsigned))
  const body = outgoing.seal({ ...unsigned, signature })
  const bytes = await asked(source, sealedQuestion(body), signal)
  if (typeof bytes === 'string') throw notAnswered(bytes)
  const answer = await settled(() => outgoing.open(bytes))
  if (answer === undefined) throw forgedAnswer()
  const { status, type, body: said } = answer
  return { status, type, body: said, node, source: source.address, report }
}

/** @throws {UsageError} `BAD_CALL`. */
function callOf({ method, path, type, body = new Uint8Array(0) }: CallRequest): Call {
  const media = type ?? (body.length === 0 ? '' : 'application/json')
  if (isCallPath(path) && isCallType(media) && body.length <= callBodyBytesMax) {
    return { method, path, type: media, body }
  }
  throw new UsageError('BAD_CALL', 'This is no call that a node takes.', {
    next: `Give a path of printable ASCII that begins with a slash, as /v1/state/team%2Fmotd, and a body of at most ${callBodyBytesMax} bytes.`,
  })
}

interface FreshNode {
  readonly source: LightSource
  readonly node: NodeId
}

/** Nodes that are genuine and whose state is fresh, one at least. Anything less may be made to answer from a past that nobody else shares. */
function freshOnes({ report, sources }: Looked, wanted: string | undefined): readonly FreshNode[] {
  if (wanted !== undefined && !sources.some(({ address }) => address === wanted)) {
    throw new UsageError('SOURCE_UNKNOWN', 'The node to call is none of those that are asked.', {
      next: 'Name one of the sources of this client.',
    })
  }
  const views = report.nodes.filter(view => wanted === undefined || view.source === wanted)
  const trusted = views.filter(({ verdict }) => verdict === 'trusted')
  const fresh = trusted.flatMap(({ state, node, source: at }) => {
    const source = state === 'fresh' ? sources.find(({ address }) => address === at) : undefined
    return source === undefined || node === null ? [] : [{ source, node }]
  })
  if (fresh.length > 0) return fresh
  const [first] = trusted
  if (first === undefined) {
    const { sentence, verdict } = views[0] ?? report
    const options = { next: 'See the report of check for what is wrong, and ask another node.' }
    const what = `Nothing was sent: ${sentence}`
    throw verdict === 'refused'
      ? new PeerFault('NODE_NOT_TRUSTED', what, options)
      : new CoterieError('NODE_NOT_TRUSTED', what, options)
  }
  throw new CoterieError('NODE_NOT_FRESH', `Nothing was sent: its state is ${first.state}.`, {
    next: 'See the report of check for what is behind that, ask another node, or again in a few seconds.',
  })
}

/** The first of the nodes that offers a key, and its offer. @throws {CoterieError} `NO_OFFER`, `OFFER_FORGED`, `OFFER_EXPIRED`. */
async function firstOffer(
  nodes: readonly FreshNode[],
  { pin, ports }: Looked,
  signal: AbortSignal | undefined,
): Promise<FreshNode & { readonly offer: ChannelOffer }> {
  let missing: unknown
  for (const each of nodes) {
    const bytes = await asked(each.source, offerQuestion, signal)
    const now = ports.clock.wall()
    const node = keyOfNodeId(each.node)
    try {
      const context = { network: pin.network, node, now, skew: headAgeMax }
      return { ...each, offer: await checkedOffer(bytes, context) }
    } catch (error) {
      // Not every way to a node leads to its offer; a bad one is told and not passed over.
      if (!(error instanceof CoterieError) || error.code !== 'NO_OFFER') throw error
      missing ??= error
    }
  }
  throw missing
}

async function checkedOffer(
  bytes: Uint8Array | string,
  context: OfferContext,
): Promise<ChannelOffer> {
  const offer =
    typeof bytes === 'string' ? undefined : ifReadable(() => channelOfferCodec.decode(bytes))
  if (offer === undefined) throw noOffer(typeof bytes === 'string' ? bytes : 'OFFER_MALFORMED')
  const code = await settled(() => offerRefusal(offer, context))
  if (code !== undefined) throw badOffer(code)
  return offer
}

const offerQuestion: Question = {
  path: '/light/channel',
  type: 'application/cbor',
  bytesMax: channelOfferCodec.limits.bytesMax,
}

function sealedQuestion(body: Uint8Array): Question {
  const bytesMax = sealedAnswerBytesMax
  return { path: '/light/sealed', type: 'application/cbor', body, bytesMax, patience: callPatience }
}

/** Bytes, or the code of why there are none. */
async function asked(
  source: LightSource,
  question: Question,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | string> {
  const answer = await source.ask(question, signal)
  return answer.kind === 'bytes' ? answer.bytes : answer.code
}

function notListed(): UsageError {
  return new UsageError(
    'CLIENT_NOT_LISTED',
    'Nothing was sent: the manifest in force lists no client with this key.',
    {
      next: 'Have the manifest set list it: coterie policy add-client.',
    },
  )
}

function noOffer(code: string): CoterieError {
  return new CoterieError(
    'NO_OFFER',
    `Nothing was sent: the node offers no key for calls (${code}).`,
    {
      next: 'Ask again in a few seconds, or another node.',
    },
  )
}

function badOffer(code: OfferRefusalCode): CoterieError {
  if (code === 'OFFER_EXPIRED') {
    return new CoterieError(
      'OFFER_EXPIRED',
      'Nothing was sent: the offered key is not of this hour.',
      {
        next: 'Compare the clock of this machine with another one; if it is right, whoever carries the bytes shows old ones.',
      },
    )
  }
  return new PeerFault('OFFER_FORGED', 'Nothing was sent: the node did not sign the offered key.', {
    next: 'Whoever carries the bytes changes them: call over another way, or another node.',
  })
}

function notAnswered(code: string): CoterieError {
  return new CoterieError(
    'CALL_NOT_ANSWERED',
    `No answer of the node came (${code}). Whether it carried the call out is not known.`,
    {
      next: 'Read what the call was to change before you make it again.',
    },
  )
}

function forgedAnswer(): PeerFault {
  return new PeerFault(
    'ANSWER_FORGED',
    'What came back is not what the node answered to this call. Whether it carried the call out is not known.',
    {
      next: 'Whoever carries the bytes changes them: call over another way, or another node.',
    },
  )
}
