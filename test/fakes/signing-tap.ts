/** What one member says about signing, in the hands of a test: seen, changed under its own signature, or said again. */
import type { NodeId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { SigningKey } from '../../src/crypto/sign.ts'
import type { Net } from '../../src/host/net/port.ts'
import type { Host } from '../../src/host/port.ts'
import {
  type SigningStatement,
  statementCodec,
  statementMessage,
} from '../../src/wire/signing-statement.ts'

export class SigningTap {
  /** Statements that left, with whom they were for. */
  readonly said: { readonly to: NodeId; readonly frame: Uint8Array }[] = []
  /** What leaves in place of a statement; `undefined` lets it pass. */
  bend: (said: SigningStatement) => Partial<SigningStatement> | undefined = () => undefined
  #signing: SigningKey | undefined

  /** Puts this between a node and its host. */
  readonly on = (host: Host): Host => ({
    ...host,
    openNet: async options => {
      this.#signing = new SigningKey(new Secret(options.identitySeed.use(bytes => bytes.slice())))
      const net = await host.openNet(options)
      const tell = net.tell.bind(net)
      return Object.assign(net, {
        tell: (...[node, protocol, frame]: Parameters<Net['tell']>) => {
          if (protocol !== 'signing') return tell(node, protocol, frame)
          const bent = this.bend(statementCodec.decode(frame))
          const sent = bent === undefined ? frame : this.changed(frame, bent)
          this.said.push({ to: node, frame: sent })
          return tell(node, protocol, sent)
        },
      })
    },
  })

  /** A statement with other fields, signed by this member. */
  changed(frame: Uint8Array, change: Partial<SigningStatement>): Uint8Array {
    if (this.#signing === undefined) throw new Error('its net was opened')
    const said = { ...statementCodec.decode(frame), ...change }
    const signature = this.#signing.sign(statementMessage(said))
    return statementCodec.encode({ ...said, signature })
  }

  /** The last statement of a kind that left. */
  last(kind: SigningStatement['kind']): { readonly to: NodeId; readonly frame: Uint8Array } {
    const found = this.said.findLast(({ frame }) => statementCodec.decode(frame).kind === kind)
    if (found === undefined) throw new Error(`a ${kind} was said`)
    return found
  }
}
