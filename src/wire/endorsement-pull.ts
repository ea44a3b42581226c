/**
 * Fetching a vendor's document from a member. It is signed by the vendor, so nothing depends on who hands it over: whoever
 * gets it reads it as it reads the vendor's own answer.
 */
import { limits } from './limits.ts'
import { byteString, choice, list, message, row, text } from './schema.ts'

export const endorsementKinds = ['certificates', 'crl', 'tcb-info', 'qe-identity'] as const

export interface CarriedEndorsement {
  readonly kind: (typeof endorsementKinds)[number]
  readonly bytes: Uint8Array
}

/** Names one document as verifiers miss it. */
export interface EndorsementRequest {
  readonly name: string
}

export const endorsementRequestCodec = message<EndorsementRequest>(
  'endorsement-request',
  1,
  { name: [1, text(256)] },
  { bytesMax: 512, itemsMax: 8 },
)

/** A document and the chain that signed it, with room to spare: together they fit a frame. */
export const endorsementItemsMax = 4
export const endorsementItemBytesMax: number = limits.frameBytesMax / 2
/** All items of one answer. */
export const endorsementAnswerBytesMax: number = limits.frameBytesMax - 1024

export const endorsementItemRow = row<CarriedEndorsement>({
  kind: choice(endorsementKinds),
  bytes: byteString(1, endorsementItemBytesMax),
})

/** The items of the document; none if it is not at hand. */
export interface EndorsementAnswer {
  readonly items: readonly CarriedEndorsement[]
}

export const endorsementAnswerCodec = message<EndorsementAnswer>(
  'endorsement-answer',
  1,
  { items: [1, list(endorsementItemRow, endorsementItemsMax)] },
  { bytesMax: limits.frameBytesMax, itemsMax: 32 },
)
