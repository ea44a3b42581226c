/**
 * The attested handshake: who says what, in which order, and what each side checks.
 *
 * ```
 * I → R  hello     challenge, manifest (nonce, hash), evidence digest
 * R → I  hello     the same, and whether I's evidence is wanted   [+ ancestors, manifest, if R's is higher]
 * I → R  [ancestors, manifest, if I's is higher +] proof: keys, evidence if wanted, signed binder; wanted?
 * R → I  accepted + proof: keys, evidence if wanted, signed binder
 * I → R  accepted
 * ```
 *
 * The dialler proves itself first. A `refusal` frame ends the exchange from either side in any state, and
 * both sides have read the other's verdict before the connection is handed on. A light client proves
 * nothing and is proved to: `hello` → `hello` + `proof` → `accepted`.
 *
 * Pure but for the frame port: no socket, no clock; a test drives both ends in memory.
 */
import type { TrustedVerdict, Verdict } from '../../attestation/verdict.ts'
import { bytesOfDigest, digestOf } from '../../base/ids.ts'
import { type Evidence, evidenceDigest, type NodeKeys } from '../../wire/evidence.ts'
import type { Hello } from '../../wire/handshake.ts'
import {
  type Attested,
  type Exchange,
  expect,
  type Outcome,
  refusal,
  refuseIf,
  send,
  settle,
} from './handshake-exchange.ts'
import { agreeOnManifest, manifestFrames } from './handshake-manifest.ts'
import { checkProof, proofOf } from './handshake-proof.ts'
import type { Admission, Shown } from './port.ts'
import type { VerificationQueue } from './verification-queue.ts'

/** Mutual attestation, in the role of `exchange.channel`. Rejects only if the channel breaks or time is up. */
export function attestMember(
  exchange: Exchange,
  admission: Admission,
  queue: VerificationQueue,
): Promise<Outcome<Attested>> {
  const run = exchange.channel.own === 'initiator' ? dialMember : answerMember
  return settle(exchange, () => run(exchange, admission, queue))
}

/** Proves this node to a light client, which proves nothing. */
export function serveLight(exchange: Exchange, admission: Admission): Promise<Outcome<undefined>> {
  return settle(exchange, async () => {
    const theirs = await expect(exchange, 'hello')
    refuseIf(exchange.barred())
    const self = admission.self()
    const channel = { ...exchange.channel, manifest: self.manifest.hash }
    const hello = helloOf(exchange, self, true)
    const proof = proofOf(exchange, admission, {
      self,
      channel,
      theirChallenge: theirs.challenge,
      showEvidence: theirs.wanted,
      wanted: false,
    })
    await send(exchange, hello, proof)
    await expect(exchange, 'accepted')
    return undefined
  })
}

/** What a light client needs to judge a node. */
export type LightAppraiser = Pick<Admission, 'appraiseKeys'>

/**
 * Takes a node's proof as a light client: that this identity shows this evidence over this channel, now. What the evidence is worth is
 * the appraiser's to say; without one nothing is attested here, and the client judges what the node answers.
 */
export function dialLight(
  exchange: Exchange,
  appraiser: LightAppraiser | null,
): Promise<Outcome<Attested | undefined>> {
  return settle(exchange, async () => {
    const { challenge } = exchange
    await send(exchange, { kind: 'hello', challenge, manifest: null, evidence: null, wanted: true })
    const theirs = await expect(exchange, 'hello')
    const manifest = theirs.manifest?.hash
    if (manifest === undefined) throw refusal('MANIFEST_MISSING')
    const channel = { ...exchange.channel, manifest: digestOf(manifest) }
    const proof = await expect(exchange, 'proof')
    const shown = checkProof(exchange, { channel, theirs, proof, known: undefined })
    const verdict =
      appraiser === null ? undefined : trusted(appraiser.appraiseKeys(proof.keys, shown))
    await send(exchange, { kind: 'accepted' })
    return verdict && { keys: proof.keys, evidence: shown, verdict, channel, shown: null }
  })
}

async function dialMember(
  exchange: Exchange,
  admission: Admission,
  queue: VerificationQueue,
): Promise<Attested> {
  refuseIf(exchange.barred())
  // One look for the whole exchange: newer evidence may come meanwhile, and the hello named this one.
  const self = admission.self()
  const mine = self.manifest
  await send(exchange, helloOf(exchange, self, false))
  const theirs = await expect(exchange, 'hello')
  const agreed = await agreeOnManifest(exchange, admission, { mine, theirs, isSent: false })
  const channel = { ...exchange.channel, manifest: agreed.hash }
  const known = knownEvidence(admission, theirs)
  const proof = proofOf(exchange, admission, {
    self,
    channel,
    theirChallenge: theirs.challenge,
    showEvidence: theirs.wanted,
    wanted: known === undefined,
  })
  await send(exchange, ...agreed.toSend, proof)
  await expect(exchange, 'accepted')
  const answer = await expect(exchange, 'proof')
  const evidence = checkProof(exchange, { channel, theirs, proof: answer, known })
  const verdict = await appraise(admission, queue, { keys: answer.keys, evidence, known })
  // Much may have happened since the first look: a removal, a connection from the other side.
  refuseIf(exchange.barred())
  await send(exchange, { kind: 'accepted' })
  return { keys: answer.keys, evidence, verdict, channel, shown: evidenceDigest(self.evidence) }
}

async function answerMember(
  exchange: Exchange,
  admission: Admission,
  queue: VerificationQueue,
): Promise<Attested> {
  const theirs = await expect(exchange, 'hello')
  refuseIf(exchange.barred())
  const known = knownEvidence(admission, theirs)
  const self = admission.self()
  const own = { ...helloOf(exchange, self, false), wanted: known === undefined }
  const mine = self.manifest
  await send(exchange, own, ...manifestFrames(admission, { mine, theirs }))
  const agreed = await agreeOnManifest(exchange, admission, { mine, theirs, isSent: true })
  const channel = { ...exchange.channel, manifest: agreed.hash }
  const proof = await expect(exchange, 'proof')
  const evidence = checkProof(exchange, { channel, theirs, proof, known })
  const verdict = await appraise(admission, queue, { keys: proof.keys, evidence, known })
  refuseIf(exchange.barred())
  const answer = proofOf(exchange, admission, {
    self,
    channel,
    theirChallenge: theirs.challenge,
    showEvidence: proof.wanted,
    wanted: false,
  })
  await send(exchange, { kind: 'accepted' }, answer)
  await expect(exchange, 'accepted')
  return { keys: proof.keys, evidence, verdict, channel, shown: evidenceDigest(self.evidence) }
}

type HelloFrame = { readonly kind: 'hello' } & Hello

function helloOf(exchange: Exchange, { evidence, manifest }: Shown, wanted: boolean): HelloFrame {
  return {
    kind: 'hello',
    challenge: exchange.challenge,
    manifest: { nonce: manifest.nonce, hash: bytesOfDigest(manifest.hash) },
    evidence: bytesOfDigest(evidenceDigest(evidence)),
    wanted,
  }
}

function knownEvidence(admission: Admission, theirs: Hello): Evidence | undefined {
  if (theirs.evidence === null) throw refusal('EVIDENCE_MISSING')
  return admission.knownEvidence(digestOf(theirs.evidence))
}

/** Strangers wait their turn; evidence that is believed already is a look into a cache. */
async function appraise(
  admission: Admission,
  queue: VerificationQueue,
  shown: {
    readonly keys: NodeKeys
    readonly evidence: Evidence
    readonly known: Evidence | undefined
  },
): Promise<TrustedVerdict> {
  const judge = (): Verdict => admission.appraiseKeys(shown.keys, shown.evidence)
  const verdict = shown.known === undefined ? await queue.ofStranger(judge) : judge()
  if (verdict === undefined) throw refusal('BUSY')
  return trusted(verdict)
}

function trusted(verdict: Verdict): TrustedVerdict {
  if (verdict.kind === 'trusted') return verdict
  if (verdict.kind === 'refused') throw refusal(verdict.code, verdict.facts)
  throw refusal('UNDETERMINED', { missing: verdict.missing.join(', ').slice(0, 160) })
}
