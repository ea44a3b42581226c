/**
 * Sealed calls (docs/spec/attested-channel.md): the part of a light client that speaks to a node in private. What it believes of the node comes
 * from a look at it; the rest is arithmetic. Loaded on demand.
 */
import { isRefusal } from '../attestation/verdict.ts'
import { toHex } from '../base/bytes.ts'
import { CoterieError, ifReadable, UsageError } from '../base/errors.ts'
import { keyOfNodeId, type NodeId } from '../base/ids.ts'
import { after, seconds } from '../base/time.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { settled } from '../crypto/settled.ts'
import {
  type ChannelOffer,
  channelOfferCodec,
  type OfferContext,
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
  const { source, node } = chosen(looked, wanted)
  const { manifests, pin, report } = looked
  const { random, clock } = looked.ports
  const trust = await settled(() => trustOf(manifests, pin, 0))
  const clients = isRefusal(trust) ? [] : trust.manifest.api.clients
  if (!clients.some(each => each.key === toHex(key.publicKey))) throw notListed()
  const target = { network: pin.network, node: keyOfNodeId(node) }
  const ask = (question: Question): Promise<Uint8Array | string> => asked(source, question, signal)
  const offer = await offerOf(ask, { ...target, now: clock.wall(), skew: headAgeMax })
  const subkey = subkeyDigest(offer.subkey)
  const entropy = random.bytes(kemBytes.entropy)
  using outgoing = OutgoingCall.to({ ...target, subkey }, { subkey: offer.subkey, entropy })
  // The node signed a key that is none: no honest one does.
  if (outgoing === undefined) throw noGoodOffer('OFFER_FORGED')
  const unsigned = {
    ...call,
    id: random.bytes(16),
    expiresAt: after(clock.wall(), callLife),
    client: key.publicKey,
  }
  const signature = await key.sign(outgoing.message(unsigned))
  const body = outgoing.seal({ ...unsigned, signature })
  const bytes = await ask(sealedQuestion(body))
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

/** A node that is genuine and whose state is fresh. Anything less may be made to answer from a past that nobody else shares. */
function chosen(
  { report, sources }: Looked,
  wanted: string | undefined,
): { readonly source: LightSource; readonly node: NodeId } {
  if (wanted !== undefined && !sources.some(({ address }) => address === wanted)) {
    throw new UsageError('SOURCE_UNKNOWN', 'The node to call is none of those that are asked.', {
      next: 'Name one of the sources of this client.',
    })
  }
  const views = report.nodes.filter(view => wanted === undefined || view.source === wanted)
  const trusted = views.filter(({ verdict }) => verdict === 'trusted')
  const view = trusted.find(({ state }) => state === 'fresh')
  const source = sources.find(({ address }) => address === view?.source)
  if (view?.node != null && source !== undefined) return { source, node: view.node }
  const [first] = trusted
  if (first === undefined) {
    const { sentence } = views[0] ?? report
    throw new CoterieError('NODE_NOT_TRUSTED', `Nothing was sent: ${sentence}`, {
      next: 'See the report of check for what is wrong, and ask another node.',
    })
  }
  throw new CoterieError('NODE_NOT_FRESH', `Nothing was sent: its state is ${first.state}.`, {
    next: 'See the report of check for what is behind that, ask another node, or again in a few seconds.',
  })
}

/** @throws {CoterieError} `NO_OFFER`, `OFFER_FORGED`, `OFFER_EXPIRED`. */
async function offerOf(
  ask: (question: Question) => Promise<Uint8Array | string>,
  context: OfferContext,
): Promise<ChannelOffer> {
  const bytes = await ask(offerQuestion)
  const offer =
    typeof bytes === 'string' ? undefined : ifReadable(() => channelOfferCodec.decode(bytes))
  if (offer === undefined) throw noOffer(typeof bytes === 'string' ? bytes : 'OFFER_MALFORMED')
  const code = await settled(() => offerRefusal(offer, context))
  if (code !== undefined) throw noGoodOffer(code)
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

function noGoodOffer(code: string): CoterieError {
  const what =
    code === 'OFFER_EXPIRED'
      ? 'is not of this hour'
      : 'is not signed by the node that was looked at'
  return new CoterieError(code, `Nothing was sent: the key that is offered for calls ${what}.`, {
    next: 'Compare the clock of this machine with another one; if it is right, whoever carries the bytes changes them.',
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

function forgedAnswer(): CoterieError {
  return new CoterieError(
    'ANSWER_FORGED',
    'What came back is not what the node answered to this call. Whether it carried the call out is not known.',
    {
      next: 'Whoever carries the bytes changes them: call over another way, or another node.',
    },
  )
}
