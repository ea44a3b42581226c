/** The channel behind its port, without any seal: what the routes make of calls. */
import type { ApiClient } from '../../src/attestation/manifest-document.ts'
import { fromUtf8, utf8 } from '../../src/base/bytes.ts'
import type { AskedCall, ChannelApi } from '../../src/node/channel-api.ts'
import { type CallAnswer, callAnswerCodec } from '../../src/wire/sealed-call.ts'

/** Takes calls unsealed, as JSON, of a client that a test names; answers them unsealed. */
export class FakeChannel implements ChannelApi {
  failWith: Error | undefined
  client: ApiClient = { name: 'wallet', key: 'c1'.repeat(32), rights: ['read'], prefixes: [''] }

  offer(): Uint8Array {
    if (this.failWith !== undefined) throw this.failWith
    return utf8('offer')
  }

  async answer(
    request: Uint8Array,
    serve: (asked: AskedCall) => Promise<CallAnswer>,
  ): Promise<Uint8Array> {
    if (this.failWith !== undefined) throw this.failWith
    const { body = '', ...call } = JSON.parse(fromUtf8(request) ?? '')
    const asked = { method: 'GET', type: '', ...call, body: utf8(body) }
    return callAnswerCodec.encode(await serve({ client: this.client, call: asked }))
  }
}
