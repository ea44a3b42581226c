/** Routes of custody: JSON in, the machine's own documents on, and its answers back as JSON. */
import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type { GenesisTerms } from '../../attestation/custody/custody-manifest.ts'
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { RateBudget } from '../../base/rate-budget.ts'
import { entropyOf, isMnemonic } from '../../crypto/mnemonic.ts'
import { systemClock } from '../../host/clock.ts'
import type { CustodyApi } from '../../node/custody-api.ts'
import type { CoterieNode } from '../../node/handle.ts'
import type { Route } from '../contract.ts'
import { custodyRoutes as routes } from '../custody-contract.ts'
import type {
  custodyInfoShape,
  genesisAnswerShape,
  genesisRequestShape,
} from '../custody-shapes.ts'
import { apiError } from '../errors.ts'
import type { Register } from '../register.ts'
import type { Request } from '../request.ts'

/** As the caller of whoever reaches the host's socket; no name of a client has a slash. */
export const hostDoor = 'door/http'

/** Who asks, and whether it may. */
export interface Asker {
  /** Whom keys are used for. */
  readonly caller: string
  readonly isPermitted: boolean
}

/** Ceremonies cost quotes and appraisals; uses a few hundred microseconds. Of all callers together; five seconds' worth at once. */
const ceremonyRate = { messagesPerSecond: 4, bytesPerSecond: 8 * 1024 * 1024 }
const useRate = { messagesPerSecond: 50, bytesPerSecond: 8 * 1024 * 1024 }

type Handler<Body, Out> = (request: Request<unknown, Body>) => Out | Promise<Out>

/** As it is written. */
type JsonGenesis = z.input<typeof genesisAnswerShape>
type JsonInfo = z.input<typeof custodyInfoShape>

export function registerCustodyRoutes(
  register: Register,
  node: Pick<CoterieNode, 'custody' | 'id'>,
  asker: Asker,
): void {
  registerCeremonies(paced(register, asker, ceremonyRate), node)
  registerUses(paced(register, asker, useRate), node, asker)
}

type Paced = <Query, Body, Out>(
  route: Route<Query, Body, unknown, Out>,
  handler: Handler<Body, Out>,
) => void

/** Answers whoever may, no faster than the rate. */
export function paced(
  register: Register,
  { isPermitted }: Asker,
  rate: typeof ceremonyRate,
): Paced {
  const budget = new RateBudget(rate, systemClock)
  return (route, handler) =>
    register.answer(route, request => {
      if (!isPermitted) {
        throw apiError(
          'NO_RIGHT',
          'The manifest gives this client no right to custody.',
          'Ask the manifest set for it.',
        )
      }
      if (budget.spend(0)) return handler(request)
      throw apiError('TOO_MANY_REQUESTS', 'More than this node takes.', 'Ask again in a second.')
    })
}

function registerCeremonies(answer: Paced, node: Pick<CoterieNode, 'custody' | 'id'>): void {
  answer(routes.custodyInfo, () => infoOf(node))
  answer(routes.genesisBoot, async ({ body }) =>
    genesisJson(await node.custody.genesisBoot(termsOf(body))),
  )
  answer(routes.injectShares, async ({ body }) => {
    const { namespace_name: name, namespace_nonce: nonce, shares, approvals } = body
    const done = await node.custody.injectShares({
      namespace: { name, nonce },
      shares: shares.map(given => ({ alias: given.member_alias, share: given.decrypted_share })),
      approvals: approvals.map(({ member_alias, signature }) => ({
        ...{ alias: member_alias, signature },
      })),
    })
    return {
      reconstructed_quorum_key: done.isProvisioned ? listOfHex(done.quorumKey) : null,
      // Below the threshold nothing is reconstructed, and that is no error.
      success: done.isProvisioned || done.accepted.length > 0,
      refused: done.refused.map(({ alias, code }) => ({ member_alias: alias, code })),
    }
  })
  answer(routes.genesisOutput, async () => genesisJson(await node.custody.genesisOutput()))
  answer(routes.bootStandard, async ({ body }) => {
    const { manifest } = await node.custody.bootStandard(jsonBytes(body.manifest_envelope))
    return wrapped({ BootStandardResponse: { success: true, manifest_hash: manifest } })
  })
  answer(routes.recovery, async () => {
    const { cut, root, entries, manifest, ...more } = await node.custody.recoverable()
    return {
      ...{ cut_ms: cut, state_root: root, entries, manifest_hash: manifest },
      ...{ manifest_nonce: more.nonce, removals_left_out: more.removalsLeftOut },
    }
  })
  answer(routes.recover, async ({ body }) => {
    const { cut, root } = await node.custody.recover({ root: body.state_root })
    return { cut_ms: cut, state_root: root }
  })
  answer(routes.shareManifest, async ({ body }) => {
    await node.custody.shareManifest(jsonBytes(body.manifest_envelope))
    return wrapped({ ShareManifestResponse: { success: true } })
  })
  answer(routes.generateAttestation, async () => {
    const { attestation } = await node.custody.attestBoot()
    return wrapped({ GenerateAttestationResponse: { attestation_doc: [...attestation] } })
  })
  answer(routes.exportKey, async ({ body }) => {
    const envelope = jsonBytes(body.manifest_envelope)
    const attestation = body.attestation_doc
    const { exported, signature } = await node.custody.exportKey({ envelope, attestation })
    return wrapped({
      ExportKeyResponse: { encrypted_quorum_key: [...exported], signature: [...signature] },
    })
  })
  answer(routes.injectKey, async ({ body }) => {
    const { encrypted_quorum_key: exported, signature } = body
    await node.custody.injectKey({ exported, signature })
    return wrapped({ InjectKeyResponse: { success: true } })
  })
}

function registerUses(answer: Paced, node: Pick<CoterieNode, 'custody'>, { caller }: Asker): void {
  answer(routes.signMessage, ({ body }) => {
    const { signature, publicKey } = node.custody.sign({ ...body, caller })
    return wrapped({
      SignMessageResponse: { signature: [...signature], public_key: [...publicKey] },
    })
  })
  answer(routes.encryptData, ({ body }) => {
    const sealed = node.custody.encrypt({ caller, plaintext: body.data })
    return wrapped({ EncryptDataResponse: { encrypted_data: [...sealed] } })
  })
  answer(routes.decryptData, ({ body }) => {
    const data = node.custody.decrypt({ caller, sealed: body.encrypted_data })
    return wrapped({ DecryptDataResponse: { data: [...data] } })
  })
  answer(routes.generateSeed, ({ body }) => {
    const { strength } = body
    const named = 'seed_type' in body ? { type: body.seed_type, data: body.seed_data } : null
    const words = node.custody.mnemonic({ named, strength })
    const entropy = toHex(entropyOf(words))
    return { seed_phrase: words, entropy, strength, word_count: countOf(words) }
  })
  answer(routes.validateSeed, ({ body }) => {
    return { valid: isMnemonic(body.seed_phrase), word_count: countOf(body.seed_phrase) }
  })
  answer(routes.deriveKey, ({ body }) => {
    using key = node.custody.derive({ caller, context: utf8(body.path) })
    return { path: body.path, key: key.use(bytes => [...bytes]) }
  })
}

function infoOf({ id, custody }: Pick<CoterieNode, 'custody' | 'id'>): JsonInfo {
  const { phase, namespace, quorumKey, manifest, shares, approvals } = custody.view()
  return {
    ...{ phase, namespace, shares, approvals, node: id, manifest_hash: manifest },
    quorum_public_key: quorumKey === null ? null : listOfHex(quorumKey),
  }
}

function termsOf(request: z.output<typeof genesisRequestShape>): GenesisTerms {
  const { pivot_hash, pivot_args: args, manifest_members, share_members } = request
  const holders = (members: typeof manifest_members) =>
    members.map(({ alias, pub_key }) => ({ alias, key: toHex(pub_key) }))
  const isNone = pivot_hash.every(byte => byte === 0)
  if (isNone && args.length > 0) {
    const next = 'Name the SHA-256 of the application, or leave its arguments out.'
    throw apiError('BAD_BODY', 'There are arguments for no application.', next)
  }
  return {
    namespace: { name: request.namespace_name, nonce: request.namespace_nonce },
    pivot: isNone ? null : { hash: toHex(pivot_hash), restart: 'never', args },
    manifestSet: { members: holders(manifest_members), threshold: request.manifest_threshold },
    shareSet: { members: holders(share_members), threshold: request.share_threshold },
  }
}

function genesisJson(made: Awaited<ReturnType<CustodyApi['genesisBoot']>>): JsonGenesis {
  return {
    quorum_public_key: listOfHex(made.quorumKey),
    ephemeral_key: [...made.kemKey],
    manifest_envelope: made.envelope,
    waiting_state: 'WaitingForQuorumShards',
    encrypted_shares: made.shares.map(({ alias, key, sealed, commitment }) => ({
      share_set_member: { alias, pub_key: listOfHex(key) },
      encrypted_quorum_key_share: [...sealed],
      share_hash: listOfHex(commitment),
    })),
    attestation_doc: [...made.attestation],
  }
}

const wrapped = <Result extends object>(result: Result) => ({ id: randomUUID(), result })
const jsonBytes = (value: unknown): Uint8Array => utf8(JSON.stringify(value))
const listOfHex = (hex: string): number[] => [...(fromHex(hex) ?? [])]
const countOf = (words: string): number => words.split(' ').filter(word => word !== '').length
