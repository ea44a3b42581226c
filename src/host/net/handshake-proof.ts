/** What a side shows in a handshake, and how the other checks it. */
import { type BinderSide, binder } from '../../attestation/binder.ts'
import { equalConstantTime } from '../../base/bytes.ts'
import { type Digest, digestOf } from '../../base/ids.ts'
import { verifySignature } from '../../crypto/sign.ts'
import { type Evidence, evidenceCodec, evidenceDigest } from '../../wire/evidence.ts'
import type { HandshakeFrame, Hello, Proof } from '../../wire/handshake.ts'
import type { ChannelFacts } from './channel-facts.ts'
import { type Exchange, refusal } from './handshake-exchange.ts'
import type { Admission, Shown } from './port.ts'

/** What goes into this side's proof. */
export interface ProofPlan {
  /** What the hello of this exchange named. */
  readonly self: Pick<Shown, 'keys' | 'evidence'>
  readonly channel: ChannelFacts
  readonly theirChallenge: Uint8Array
  readonly showEvidence: boolean
  readonly wanted: boolean
}

/** This side's proof, signed over the binder of this channel and both challenges. */
export function proofOf(
  exchange: Exchange,
  admission: Pick<Admission, 'sign'>,
  plan: ProofPlan,
): Extract<HandshakeFrame, { readonly kind: 'proof' }> {
  const { channel, self } = plan
  const { keys, evidence } = self
  const bound = binderOf(channel, {
    prover: channel.own,
    initiator: channel.own === 'initiator' ? exchange.challenge : plan.theirChallenge,
    responder: channel.own === 'initiator' ? plan.theirChallenge : exchange.challenge,
    evidence: evidenceDigest(evidence),
    kem: keys.kem,
  })
  return {
    kind: 'proof',
    keys,
    evidence: plan.showEvidence ? evidenceCodec.encode(evidence) : null,
    signature: admission.sign(bound),
    wanted: plan.wanted,
  }
}

/**
 * That the proof is of this peer, over this channel, made now: everything but the evidence's own worth. The
 * checks are cheap and come before it.
 */
export function checkProof(
  exchange: Exchange,
  shown: {
    readonly channel: ChannelFacts
    readonly theirs: Hello
    readonly proof: Proof
    readonly known: Evidence | undefined
  },
): Evidence {
  const { channel, theirs, proof, known } = shown
  const [prover, side] =
    channel.own === 'initiator'
      ? (['responder', channel.responder] as const)
      : (['initiator', channel.initiator] as const)
  // Evidence of somebody else's keys, relayed or reflected, stops here.
  if (!equalConstantTime(proof.keys.identity, side.identity)) throw refusal('IDENTITY_MISMATCH')
  if (!equalConstantTime(proof.keys.noise, side.noise)) throw refusal('NOISE_KEY_MISMATCH')
  if (theirs.evidence === null) throw refusal('EVIDENCE_MISSING')
  const digest = digestOf(theirs.evidence)
  const sent = proof.evidence === null ? undefined : evidenceCodec.decode(proof.evidence)
  // What is known was looked up under this digest; what was sent must have it.
  const evidence = sent ?? known
  if (evidence === undefined) throw refusal('EVIDENCE_MISSING')
  if (sent !== undefined && evidenceDigest(sent) !== digest) throw refusal('EVIDENCE_MISMATCH')
  const bound = binderOf(channel, {
    prover,
    initiator: prover === 'initiator' ? theirs.challenge : exchange.challenge,
    responder: prover === 'initiator' ? exchange.challenge : theirs.challenge,
    evidence: digest,
    kem: proof.keys.kem,
  })
  const { signature } = proof
  const holds = verifySignature({ publicKey: side.identity, message: bound, signature })
  if (!holds) throw refusal('BINDER_MISMATCH')
  return evidence
}

function binderOf(
  channel: ChannelFacts,
  proof: {
    readonly prover: 'initiator' | 'responder'
    readonly initiator: Uint8Array
    readonly responder: Uint8Array
    readonly evidence: Digest
    readonly kem: Uint8Array
  },
): Uint8Array {
  const side = (of: 'initiator' | 'responder'): BinderSide => ({
    ...channel[of],
    challenge: proof[of],
  })
  return binder({
    purpose: 'handshake',
    network: channel.network,
    protocol: channel.protocol,
    prover: proof.prover,
    manifest: channel.manifest,
    initiator: side('initiator'),
    responder: side('responder'),
    handshakeHash: channel.handshakeHash,
    evidence: proof.evidence,
    kem: proof.kem,
  })
}
