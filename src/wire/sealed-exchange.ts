/** Both ends of one sealed call: what a client makes and checks, and what a node does. Chance and signing keys are arguments. */
import { equalBytes } from '../base/bytes.ts'
import { ifReadable } from '../base/errors.ts'
import { bytesOfDigest, type Digest } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import { type AeadContext, open, seal } from '../crypto/aead.ts'
import { type HpkeContext, receiveWith, sendTo } from '../crypto/hpke.ts'
import type { KemKey } from '../crypto/kem.ts'
import { verifySignature } from '../crypto/sign.ts'
import { padded, unpadded } from './padding.ts'
import {
  answerKeyBytes,
  answerKeyContext,
  answerMessage,
  type CallAnswer,
  type CallTarget,
  type ClientCall,
  callAad,
  callAnswerCodec,
  callInfo,
  callMessage,
  callPaddedBytesMin,
  clientCallCodec,
  requestDigest,
  type SealedCall,
  sealedAnswerCodec,
  sealedCallCodec,
} from './sealed-call.ts'

/** A call that a client makes: first signed, then sealed, then its answer opened. Used once; disposed by whoever made it. */
export class OutgoingCall {
  readonly #target: CallTarget
  readonly #context: HpkeContext
  readonly #outside: Omit<SealedCall, 'sealed'>
  #request: Digest | undefined

  private constructor(target: CallTarget, encapsulated: Uint8Array, context: HpkeContext) {
    this.#target = target
    this.#context = context
    this.#outside = { subkey: bytesOfDigest(target.subkey), encapsulated }
  }

  /** To the owner of `subkey`; `entropy` is 64 random bytes. `undefined` for a key that is none. */
  static to(
    target: CallTarget,
    given: { readonly subkey: Uint8Array; readonly entropy: Uint8Array },
  ): OutgoingCall | undefined {
    const sent = sendTo(given.subkey, { info: callInfo(target), entropy: given.entropy })
    return sent && new OutgoingCall(target, sent.encapsulated, sent.context)
  }

  /** What the client signs. */
  message(call: Omit<ClientCall, 'signature' | 'node'>): Uint8Array {
    return callMessage(this.#target, this.#outside.encapsulated, call)
  }

  /** The bytes that travel; once. */
  seal(call: Omit<ClientCall, 'node'>): Uint8Array {
    const inside = clientCallCodec.encode({ ...call, node: this.#target.node })
    const sealed = this.#context.seal(callAad(this.#outside), padded(inside, callPaddedBytesMin))
    const request = sealedCallCodec.encode({ ...this.#outside, sealed })
    this.#request = requestDigest(request)
    return request
  }

  /** The answer of the node to exactly this call, or `undefined` for any other bytes. */
  open(bytes: Uint8Array): CallAnswer | undefined {
    const answer = ifReadable(() => sealedAnswerCodec.decode(bytes))
    if (answer === undefined || this.#request === undefined) return undefined
    const { nonce, sealed, signature } = answer
    const message = answerMessage(this.#target, this.#request, answer)
    if (!verifySignature({ publicKey: this.#target.node, message, signature })) return undefined
    const inside = withAnswerKey(this.#context, { nonce, request: this.#request }, key =>
      open(key, sealed),
    )
    const plain = inside && unpadded(inside, callPaddedBytesMin)
    return plain && ifReadable(() => callAnswerCodec.decode(plain))
  }

  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]()
  }
}

/** A call that opened at the node it was sealed to. Whether its client may call, and signed it, is still to be asked. */
export class IncomingCall {
  readonly call: ClientCall
  readonly #target: CallTarget
  readonly #encapsulated: Uint8Array
  readonly #request: Digest
  readonly #context: HpkeContext

  private constructor(
    call: ClientCall,
    given: { readonly target: CallTarget; readonly context: HpkeContext } & {
      readonly encapsulated: Uint8Array
      readonly request: Digest
    },
  ) {
    this.call = call
    this.#target = given.target
    this.#encapsulated = given.encapsulated
    this.#request = given.request
    this.#context = given.context
  }

  /** Opens `request`, of which `outside` was decoded. `undefined` for anything that no honest client sealed to this node and key. */
  static open(
    request: Uint8Array,
    given: { readonly outside: SealedCall; readonly key: KemKey; readonly target: CallTarget },
  ): IncomingCall | undefined {
    const { outside, key, target } = given
    const { encapsulated } = outside
    const context = receiveWith(key, { info: callInfo(target), encapsulated })
    const call = context && readCall(context, outside)
    if (context === undefined || call === undefined || !equalBytes(call.node, target.node)) {
      context?.[Symbol.dispose]()
      return undefined
    }
    const named = { target, context, encapsulated, request: requestDigest(request) }
    return new IncomingCall(call, named)
  }

  /** Whether the key that the call names signed it. */
  get isSigned(): boolean {
    const { client, signature } = this.call
    const message = callMessage(this.#target, this.#encapsulated, this.call)
    return verifySignature({ publicKey: client, message, signature })
  }

  /** The answer as it travels; `nonce` is 32 random bytes, `sign` that of the identity key. */
  answer(
    answer: CallAnswer,
    given: {
      readonly nonce: Uint8Array
      readonly sign: (message: Uint8Array) => Uint8Array
    },
  ): Uint8Array {
    const { nonce, sign } = given
    const inside = padded(callAnswerCodec.encode(answer), callPaddedBytesMin)
    const request = this.#request
    const sealed = withAnswerKey(this.#context, { nonce, request }, key => seal(key, inside))
    const signature = sign(answerMessage(this.#target, request, { nonce, sealed }))
    return sealedAnswerCodec.encode({ nonce, sealed, signature })
  }

  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]()
  }
}

function readCall(context: HpkeContext, outside: SealedCall): ClientCall | undefined {
  const inside = context.open(callAad(outside), outside.sealed)
  const plain = inside && unpadded(inside, callPaddedBytesMin)
  return plain && ifReadable(() => clientCallCodec.decode(plain))
}

/** Lends the key of one answer: its nonce makes it another one for every answer, whatever the state of the node. */
function withAnswerKey<T>(
  context: HpkeContext,
  { nonce, request }: { readonly nonce: Uint8Array; readonly request: Digest },
  action: (key: AeadContext) => T,
): T {
  using drawn = context.export(answerKeyContext(nonce), answerKeyBytes)
  return drawn.use(bytes => {
    using key = new Secret(bytes.slice(0, 32))
    return action({ key, nonce: bytes.subarray(32), aad: bytesOfDigest(request) })
  })
}
