/** The Nitro Secure Module behind a Unix socket, for the helper program under its shim: real bytes both ways, a forged signature. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { decodeCbor } from '../../src/wire/cbor.ts'
import { forged } from '../fixtures/nitro.ts'
import * as cbor from '../forge/cbor.ts'
import type { NitroRequest } from '../forge/nitro.ts'

export interface FakeNsm {
  readonly socket: string
  /** What it gives back in the place of a genuine answer, from now on; `undefined`: that one again. */
  answersWith(answer: Uint8Array | undefined): void
  stop(): Promise<void>
}

/** As the driver of the module answers (aws-nitro-enclaves-nsm-api, `Response`). */
export const nsmAnswer = (document: Uint8Array): Uint8Array =>
  cbor.map([[cbor.text('Attestation'), cbor.map([[cbor.text('document'), cbor.bytes(document)]])]])
export const nsmError = (name: string): Uint8Array =>
  cbor.map([[cbor.text('Error'), cbor.text(name)]])

/** What a request asks a document about. */
type Asked = Pick<NitroRequest, 'userData' | 'nonce' | 'publicKey'>

/** `document` makes what is attested; a document of the usual authority unless said. */
export async function startNsm(
  socket: string,
  document: (asked: Asked) => Uint8Array = forged,
): Promise<FakeNsm> {
  let other: Uint8Array | undefined
  const server = createServer({ allowHalfOpen: true }, async connection => {
    const parts: Buffer[] = []
    for await (const part of connection) parts.push(part)
    connection.end(other ?? genuine(Buffer.concat(parts), document))
  })
  server.listen(socket)
  await once(server, 'listening')
  return {
    socket,
    answersWith: answer => {
      other = answer
    },
    stop: () => new Promise(resolve => server.close(() => resolve())),
  }
}

function genuine(request: Uint8Array, document: (asked: Asked) => Uint8Array): Uint8Array {
  const asked = decodeCbor(request, { bytesMax: 0x1000 })
  const options = asked instanceof Map ? asked.get('Attestation') : undefined
  if (!(options instanceof Map) || options.size !== 3) return nsmError('InvalidOperation')
  const [userData, nonce, publicKey] = ['user_data', 'nonce', 'public_key'].map(name =>
    options.get(name),
  )
  return nsmAnswer(document({ userData, nonce, publicKey }))
}
