/** One manifest for both ends of a handshake: the higher one, checked step by step by whoever lacks it. */
import type { ManifestMark } from '../../attestation/manifest.ts'
import { ancestorsMax } from '../../attestation/manifest-lineage.ts'
import { type Digest, digestOf } from '../../base/ids.ts'
import type { HandshakeFrame, Hello } from '../../wire/handshake.ts'
import { limits } from '../../wire/limits.ts'
import { type Exchange, expect, refusal, refuseIf, send } from './handshake-exchange.ts'
import type { Admission } from './port.ts'

/** What a hello said of the manifest in force, as the other side was told. */
interface Told {
  readonly mine: ManifestMark
  readonly theirs: Hello
  /** Whether this side's envelopes, if any are due, went out behind its hello. */
  readonly isSent: boolean
}

/** What follows this side's hello: the way to a higher manifest, or the proof that there are two of one nonce. */
export function manifestFrames(
  admission: Admission,
  { mine, theirs }: Pick<Told, 'mine' | 'theirs'>,
): readonly HandshakeFrame[] {
  const their = markOfHello(theirs)
  if (mine.nonce < their.nonce || isSame(mine, their)) return []
  const steps = admission.manifestSteps(their.nonce)
  return steps.map((envelope, i) => ({
    kind: i === steps.length - 1 ? 'manifest' : 'ancestor',
    envelope,
  }))
}

/**
 * Agrees on the higher manifest. The lower side takes it into force before any evidence is judged, so a
 * manifest that was current once admits nobody today. Two manifests of one nonce end the exchange, after each
 * side has seen the other's: the approvals on both are what convicts the manifest set.
 */
export async function agreeOnManifest(
  exchange: Exchange,
  admission: Admission,
  told: Told,
): Promise<{ readonly hash: Digest; readonly toSend: readonly HandshakeFrame[] }> {
  const { mine } = told
  const their = markOfHello(told.theirs)
  const toSend = told.isSent ? [] : manifestFrames(admission, told)
  if (mine.nonce > their.nonce || isSame(mine, their)) return { hash: mine.hash, toSend }
  const isConflict = mine.nonce === their.nonce
  if (isConflict) await send(exchange, ...toSend)
  const refused = admission.considerManifest(await expectSteps(exchange))
  if (isConflict) {
    const facts = { nonce: their.nonce, mine: mine.hash, theirs: their.hash }
    throw refusal('MANIFEST_CONFLICT', facts)
  }
  refuseIf(refused)
  const { hash } = admission.self().manifest
  if (hash !== their.hash) throw refusal('MANIFEST_MISMATCH', { mine: hash, theirs: their.hash })
  return { hash, toSend: [] }
}

/** The other side's envelopes, the last one being what it announced. */
async function expectSteps(exchange: Exchange): Promise<readonly Uint8Array[]> {
  const steps: Uint8Array[] = []
  let bytes = 0
  for (;;) {
    const { kind, envelope } = await expect(exchange, 'manifest', 'ancestor')
    steps.push(envelope)
    bytes += envelope.length
    if (kind === 'manifest') return steps
    if (steps.length > ancestorsMax || bytes > limits.manifestLineageBytesMax) {
      throw refusal('MANIFEST_TOO_LARGE', { steps: steps.length, bytes })
    }
  }
}

/** Both: whoever names a nonce must show the manifest that has it. */
function isSame(left: ManifestMark, right: ManifestMark): boolean {
  return left.nonce === right.nonce && left.hash === right.hash
}

function markOfHello({ manifest }: Hello): ManifestMark {
  if (manifest === null) throw refusal('MANIFEST_MISSING')
  return { nonce: manifest.nonce, hash: digestOf(manifest.hash) }
}
